"""The part of a network's form that words what the helpers of a peer ask and push, as `request_headers` does."""

from __future__ import annotations

from collections.abc import Callable, Collection, Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, TypeVar

from peerproto.wire.message import Message

if TYPE_CHECKING:
    from peerproto.forms.gossip import AddressGossip, Known

A = TypeVar("A")

NOWHERE = bytes(32)
"""The stop of a question that shall bring as much as fits."""


def _never(message: Any) -> None:
    """No message repeats another."""


@dataclass(frozen=True)
class Phrase:
    """One message that is worded for a caller.

    :ivar say: the message; given the protocol version that is spoken, then what the caller says. Raises LocalError.
    :ivar same: what such a message has in common with one that would only repeat it; None if nothing repeats it.
    """

    say: Callable[..., Message]
    same: Callable[[Any], Hashable] = _never


@dataclass(frozen=True)
class FilterRun:
    """How the compact filters of a run of blocks are asked for.

    :ivar ask: the question: given the protocol version, the first block (by its height or its hash, as the network
        has it), the hash of the last one, and the kind of filters. Raises LocalError for what cannot be asked so.
    :ivar brought: the filters that a request was answered with; each has a `block_hash` and `data`.
    """

    ask: Callable[[int, Any, bytes, int], Message]
    brought: Callable[[Any], list[Any]]


@dataclass(frozen=True)
class Phrases:
    """What a network has words for.

    :ivar by_command: what is pushed, by the command of the message.
    :ivar most_items: how many things one getdata asks for at most.
    :ivar transactions: the question for transactions by their hashes (wire order), and whether with witnesses.
    :ivar more_items: likewise for what else is announced, by the kind in its keys (see `Network.item_keys`).
    :ivar filters: None if the network has no compact filters.
    :ivar addresses: how addresses are asked for and told, whether or not its nodes do so by themselves.
    :ivar tells_none: whether an empty list of addresses is told, too.
    :ivar of_subnetwork: the message for addresses of a subnetwork, where there are some.
    :ivar cache: the messages for addresses of a node's peers, those that call, those that are called, and of others.
    """

    by_command: Mapping[str, Phrase] = field(default_factory=dict)
    most_items: int = 50_000
    transactions: Callable[[Collection[bytes], bool], Message] | None = None
    more_items: Mapping[str, Callable[[Collection[bytes], bool], Message]] = field(default_factory=dict)
    filters: FilterRun | None = None
    addresses: AddressGossip | None = None
    tells_none: bool = False
    of_subnetwork: Callable[[list[Known], bytes], Message] | None = None
    cache: Callable[[Sequence[Known], Sequence[Known], Sequence[Known]], Sequence[Message]] | None = None


def listed(kind: Callable[..., A], known: Iterable[Known]) -> list[A]:
    """Addresses as records of a network that has all four of their values."""
    return [kind(item.timestamp, item.services, item.host, item.port) for item in known]


def rejecting(kind: Callable[..., Message]) -> Phrase:
    """A reject of a command, by a code and a reason; the hash is that of a tx or a block, None for all else."""

    def say(pver: int, command: str, code: int, reason: str, about: bytes | None) -> Message:
        return kind(command, code, reason) if about is None else kind(command, code, reason, about)

    return Phrase(say)
