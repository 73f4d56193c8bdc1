"""The form that a network fills in: everything in which one network differs from another, as data.

`peerproto.networks` holds the networks; nothing else asks for one by name.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any, NamedTuple, Protocol

from peerproto.agents import AgentRule
from peerproto.chain.graph import Graph, Vertex
from peerproto.chain.rules import ChainRules
from peerproto.conduct import BloomRule, ScoreTable
from peerproto.errors import LocalError, PeerError
from peerproto.phrases import Phrases
from peerproto.wire.codec import Codec, Policy
from peerproto.wire.envelope import Envelope
from peerproto.wire.message import Message

Key = tuple[str, bytes]
"""What kind of thing, and its hash: how a requested thing and the message that brings it are matched."""


@dataclass(frozen=True)
class Introduction:
    """What a version message says of a peer, whatever the network's own spelling.

    :ivar timestamp: seconds since 1970. :ivar height: of its best block. :ivar services: a bit set.
    :ivar nonce: random; our own coming back means that we talk to ourselves.
    :ivar other: host and port of the other side as this side sees it. :ivar port: where this side can be called; 0 if
        nowhere, or if the network's versions do not say it.
    :ivar tip: the hash of its best block, in wire order; None for the first one, or if versions do not say it.
    :ivar subnetwork: the part of the network that this side follows; None for all of it.
    """

    protocol_version: int
    services: int
    timestamp: int
    nonce: int
    user_agent: str
    height: int
    relay: bool = True
    other: tuple[str, int] | None = None
    port: int = 0
    tip: bytes | None = None
    subnetwork: bytes | None = None


class Ourselves(Protocol):
    """What we can say of ourselves at any time."""

    def best_height(self) -> int:
        """The height of our best block."""

    def now(self) -> float:
        """The wall clock, in seconds since 1970."""


@dataclass(frozen=True)
class Order:
    """What may come when in a handshake.

    :ivar negotiation: what is sent between version and verack, where the protocol version has it.
    :ivar greeting: what is sent first after the handshake, likewise.
    :ivar between: what the other side may send between version and verack; it is noted and delivered.
    :ivar ignores_early: whether anything else before the handshake is over is passed over, or ends the peer.
    :ivar keeps: so many other messages between version and verack are kept, and handled when the peer is ready;
        `keeps_until`: up to this protocol version.
    :ivar late: what may not come after the handshake, to the error that ends the peer, or None to pass it over.
    :ivar judged: what a ready peer's messages are judged by: a function that raises the PeerError that ends it.
    :ivar both_speak: whether both sides send their version at once, or the called one after it has heard.
    :ivar announces_common: whether the side that is called announces the protocol version that both speak, not its
        own highest.
    :ivar one_per_nonce: whether a second peer from the same host with the same nonce is ended.
    :ivar gate: whether a peer is open for business only when their verack is here, or as soon as both versions are
        exchanged and our verack is under way.
    """

    negotiation: tuple[type[Message], ...] = ()
    greeting: tuple[type[Message], ...] = ()
    between: frozenset[type[Message]] = frozenset()
    ignores_early: bool = False
    keeps: int = 0
    keeps_until: int = 0
    late: Mapping[type[Message], type[PeerError] | None] = field(default_factory=dict)
    judged: Mapping[type[Message], Callable[[Any], None]] = field(default_factory=dict)
    both_speak: bool = False
    announces_common: bool = False
    one_per_nonce: bool = False
    gate: bool = True


def _fits(message: Any) -> bool:
    """Any message of that kind is an answer."""
    return True


@dataclass(frozen=True)
class Expectation:
    """What the protocol owes as an answer to a request.

    :ivar answers: any of these is the answer.
    :ivar last: if several messages answer together, tells the last of them, given the request and an answer.
    :ivar fits: tells an answer from a message that came unasked. :ivar seconds: until the request fails alone.
    :ivar each: whether it is owed for each vector of the request, not once.
    :ivar ends_peer: whether the peer is ended when none of `answers` comes in that time.
    :ivar grouped: whether any one of them then answers for all vectors, or each vector for itself.
    """

    answers: tuple[type[Message], ...]
    seconds: float = 30.0
    each: bool = False
    ends_peer: bool = True
    grouped: bool = True
    fits: Callable[[Any], bool] = _fits
    last: Callable[[Any, Any], bool] | None = None


@dataclass(frozen=True)
class InventoryRules:
    """How things are announced to a peer, and how long it is remembered what it knows.

    :ivar announce: the messages that announce some vectors.
    :ivar vectors: the vectors that a whole payload of an announcement has, or the end of one.
    :ivar size: bytes of a vector on the wire.
    :ivar at_once: whether a vector goes in a message of its own as soon as it is to be announced; it does not count as
        known then, and may be announced again.
    :ivar most: how many a message has at most. :ivar known: how many are remembered of a peer.
    :ivar life: for how many seconds, None for ever. :ivar refreshes: whether those that are asked for are kept longest.
    """

    announce: Callable[[Sequence[Any]], list[Message]]
    vectors: Callable[[bytes], Iterable[Any]]
    size: int
    at_once: Callable[[Any], bool]
    most: int = 1000
    known: int = 1000
    life: float | None = None
    refreshes: bool = True


@dataclass(frozen=True)
class Timing:
    """All in seconds.

    :ivar handshake: for the whole of it, veracks included. :ivar idle: without a complete message.
    :ivar ping: between pings. :ivar ping_if_pinged: whether only a peer that has pinged is pinged.
    :ivar trickle: between two rounds of announcements, the least and the most; 0 for none, at once.
    :ivar stall_tick: how often is looked for what is overdue; 0 for never, then it ends no peer.
    :ivar write: for a peer to take what it is sent, beside a second for each 256 KiB.
    :ivar grace: how long a closing connection may take to send what it still has.
    """

    handshake: float = 30.0
    idle: float = 300.0
    ping: float = 120.0
    ping_if_pinged: bool = False
    trickle: tuple[float, float] = (10.0, 10.0)
    stall_tick: float = 15.0
    write: float = 20.0
    grace: float = 5.0


@dataclass(frozen=True)
class Known:
    """An address that can be told to others; the time is when it was last seen, in seconds since 1970."""

    host: str
    port: int
    services: int
    timestamp: int


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


@dataclass(frozen=True)
class AddressGossip:
    """How addresses are asked for and told.

    :ivar asking: the kind of message that asks. :ivar most: how many may be told at once.
    :ivar tell: the message for addresses, given which negotiating messages the other side has sent, and the protocol
        version that is spoken.
    :ivar telling: the kinds of message that tell of addresses, each with what reads them out of it.
    :ivar ask: makes the message that asks; None if its kind needs no words.
    """

    asking: type[Message]
    most: int
    tell: Callable[[list[Known], Collection[type[Message]], int], Message]
    telling: Mapping[type[Message], Callable[[Any], list[Known]]] = field(default_factory=dict)
    ask: Callable[[], Message] | None = None

    def question(self) -> Message:
        """The message that asks for addresses."""
        return self.ask() if self.ask is not None else self.asking()


def told_in(message: Any) -> list[Known]:
    """The addresses of a message that has a list of them, each of time, services, address and port."""
    return [Known(host, port, services, seen) for seen, services, host, port in message.addr_list]


def _nothing_wrong(ours: Introduction, theirs: Introduction, version: Any, inbound: bool) -> None:
    """A network without rules of its own for versions."""


@dataclass(frozen=True, eq=False)
class Network:
    """One network: its envelope, its messages, its numbers, and a few functions where spelling differs.

    :ivar name: NETWORK-NET. :ivar port: where its nodes listen.
    :ivar witness_service: the service bits of a peer to which transactions go with their witnesses.
    :ivar item_keys: the keys that a message announces, asks for, names as missing, or brings.
    :ivar announcing: the kind of message that announces things by their keys. :ivar inventory: how they are announced.
    :ivar reject: the message that tells a peer why it is ended, or None.
    :ivar header_sync: None where nodes follow a graph of blocks, not one chain; they have a `graph_sync`.
    :ivar gossip: None where addresses are not told.
    :ivar judge_version: what is wrong with the other side, given what we and they say of ourselves, their version
        message, and whether they called; the network's own rules, beside the nonce and the lowest version.
    :ivar bloom: which messages are only for those who offer bloom filters; None where all may send all.
    :ivar scoring: what is held against a peer.
    :ivar nonce_bits: how many bits the nonces of versions and pings have.
    :ivar make_ping: a ping with a nonce, of ourselves.
    :ivar make_pong: the answer to a ping, of ourselves; None if it has none.
    :ivar summaries: what is said of a message in one line of a log, by kind; nothing of the others.
    :ivar replies: what a peer answers of itself to kinds of messages that its listener does not hear.
    :ivar phrases: what the helpers of a peer ask and push.
    :ivar agents: what may stand in our user agent.
    """

    name: str
    envelope: Envelope
    port: int
    chain: ChainRules
    policy: Policy
    messages: tuple[type[Message], ...]
    protocol_version: int
    least_protocol_version: int
    order: Order
    expects: Mapping[type[Message], Expectation]
    timing: Timing
    services: Mapping[int, str]
    witness_service: int
    version: type[Message]
    verack: type[Message]
    ping: type[Message]
    pong: type[Message]
    not_found: type[Message]
    make_version: Callable[[Introduction], Message]
    read_version: Callable[[Any], Introduction]
    item_keys: Callable[[Message], Collection[Key]]
    request_blocks: Callable[[Collection[bytes], bool], Message]
    reject: Callable[[PeerError], Message | None]
    announcing: type[Message]
    inventory: InventoryRules
    header_sync: HeaderSync | None
    gossip: AddressGossip | None
    make_ping: Callable[[int, Ourselves], Message]
    make_pong: Callable[[Any, Ourselves], Message | None]
    judge_version: Callable[[Introduction, Introduction, Any, bool], PeerError | None] = _nothing_wrong
    replies: Mapping[type[Message], Callable[[Any], Message]] = field(default_factory=dict)
    nonce_bits: int = 64
    summaries: Mapping[type, Callable[[Any], str]] = field(default_factory=dict)
    graph_sync: GraphSync | None = None
    bloom: BloomRule | None = None
    scoring: ScoreTable = field(default_factory=ScoreTable)
    phrases: Phrases = field(default_factory=Phrases)
    agents: AgentRule = field(default_factory=AgentRule)

    @property
    def magic(self) -> bytes:
        """The four bytes that begin every frame."""
        return self.envelope.magic

    @property
    def genesis(self) -> bytes:
        """The hash of the first block, in wire order."""
        return self.chain.block_hash(self.chain.genesis)

    @property
    def headers(self) -> HeaderSync:
        """How headers are synced. Raises LocalError on a network where they are not."""
        if self.header_sync is None:
            raise LocalError(f"{self.name} has no chain of headers to sync")
        return self.header_sync

    @property
    def graph(self) -> GraphSync:
        """How a graph of blocks is followed. Raises LocalError on a network that has none."""
        if self.graph_sync is None:
            raise LocalError(f"{self.name} has no graph of blocks to follow")
        return self.graph_sync

    def codec(self, pver: int | None = None, witness: bool = False) -> Codec:
        """What is spoken with a peer at a protocol version (None: the highest); shared between peers."""
        return _codec(self, self.protocol_version if pver is None else pver, witness)

    def service_names(self, services: int) -> list[str]:
        """The services of a bit set by name; bits without one as `bit N`."""
        bits = [bit for bit in range(64) if services >> bit & 1]
        return [self.services.get(bit, f"bit {bit}") for bit in bits]


@lru_cache(maxsize=64)
def _codec(network: Network, pver: int, witness: bool) -> Codec:
    return Codec(network.messages, network.envelope, network.policy, pver, witness)
