"""How what all nodes keep is followed and served: a chain of headers, or a graph of blocks."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple, Protocol

from peerproto.chain.graph import Graph, Vertex
from peerproto.forms.introduction import Introduction
from peerproto.wire.message import Message


@dataclass(frozen=True)
class HeaderSync:
    """How headers are asked for and brought, on a network whose nodes follow one chain of them.

    Headers are serialized, hashes in wire order.

    :ivar asking: the kind of message that asks. :ivar bringing: the kind that brings.
    :ivar most: how many it brings at most; fewer mean that there are no more, unless `asks_again`.
    :ivar ask: the question for all behind the newest hash of a locator that is known.
    :ivar asked: the locator and the stop hash of a question.
    :ivar bring: the answer of serialized headers. :ivar brought: the serialized headers of an answer.
    :ivar asks_again: whether some nodes bring fewer: then they are asked again as long as anything new comes, up to
        the height that they have announced.
    :ivar one_start: whether nodes look at the first hash of a locator alone, are silent if they do not know it or have
        nothing behind it, and stop before the stop. Then an older hash is tried if a node that has more brings nothing.
    :ivar holds_back: how many of its newest headers a node may not bring.
    :ivar needs_relay: whether blocks are announced only to those who want transactions announced too.
    :ivar pause: seconds after the handshake until the first question.
    """

    asking: type[Message]
    bringing: type[Message]
    most: int
    ask: Callable[[int, list[bytes]], Message]
    asked: Callable[[Any], tuple[list[bytes], bytes]]
    bring: Callable[[list[bytes]], Message]
    brought: Callable[[Any], list[bytes]]
    asks_again: bool = False
    one_start: bool = False
    holds_back: int = 0
    needs_relay: bool = False
    pause: float = 0.0


class BlockFollower(Protocol):
    """Follows one peer's graph of blocks into ours. Pure: told what has come, it says what to send.

    Its methods raise InvalidBlock for a block that cannot be right, Misled for a peer that leads nowhere.
    """

    @property
    def is_synced(self) -> bool:
        """Whether all blocks are here that the peer has told of."""

    @property
    def left(self) -> int:
        """How many blocks are known to be missing yet."""

    @property
    def has_work(self) -> bool:
        """Whether a block waits to be judged."""

    def begin(self) -> list[Message]:
        """Find out what the peer has that we have not."""

    def received(self, message: Message) -> list[Message]:
        """Something has come; what concerns no sync, or comes out of turn, is passed over."""

    def judge(self) -> list[Message]:
        """Judge the next block that waits, and add it if its parents are here."""


class Answer(NamedTuple):
    """A message that answers a question; `witness`: whether its transactions go with their witnesses, None for as
    the peer's services say.
    """

    message: Message
    witness: bool | None = None


Answers = Callable[[Any], Iterator[Answer | None]]
"""Answers one peer's questions: the messages for each, and None where it has only thought for a while."""


@dataclass(frozen=True)
class GraphSync:
    """How a graph of blocks is followed and served, on a network whose nodes follow one.

    :ivar bringing: the kind of message that brings a block.
    :ivar taking: the kinds that matter to who follows. :ivar asking: the kinds that ask for something of a graph.
    :ivar follow: a follower of a peer, given what the peer says of itself, and whether blocks must show their work.
    :ivar serve: what answers one peer's questions.
    :ivar vector: the inventory vector by which a new block is announced.
    :ivar grow: adds a block of our own behind some parents, given a number that makes it another, for demonstrations
        and tests. Raises LocalError where its work would take more than a moment.
    :ivar grows_work: whether such blocks have their work at all.
    """

    bringing: type[Message]
    taking: frozenset[type[Message]]
    asking: frozenset[type[Message]]
    follow: Callable[[Graph, Introduction, bool], BlockFollower]
    serve: Callable[[Graph], Answers]
    vector: Callable[[Vertex], Any]
    grow: Callable[[Graph, Sequence[Vertex], int], Vertex]
    grows_work: bool = True
