"""The form that a network fills in: everything in which one network differs from another, as data.

`peerproto.networks` holds the networks; nothing else asks for one by name. `peerproto.forms` has the parts.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

from peerproto.chain.rules import ChainRules
from peerproto.errors import LocalError, PeerError
from peerproto.forms.agents import AgentRule
from peerproto.forms.blocks import BlockTrade
from peerproto.forms.conduct import BloomRule, ScoreTable
from peerproto.forms.conversation import Backlog, Expectation, Key, Order, Timing
from peerproto.forms.gossip import AddressGossip
from peerproto.forms.introduction import Introduction, Ourselves
from peerproto.forms.inventory import InventoryRules
from peerproto.forms.phrases import Phrases
from peerproto.forms.seeds import Seeds
from peerproto.forms.sync import GraphSync, HeaderSync
from peerproto.wire.codec import Codec, Policy
from peerproto.wire.envelope import Envelope
from peerproto.wire.message import Message


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
    :ivar trade: how the blocks of a chain are had and served; None where nodes follow a graph.
    :ivar gossip: None where addresses are not told.
    :ivar seeds: whom to ask for nodes; nobody on a net whose nodes are at home on one machine.
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
    :ivar backlog: how many things may be asked for and not be given yet; None where a peer is not read meanwhile.
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
    trade: BlockTrade | None = None
    bloom: BloomRule | None = None
    scoring: ScoreTable = field(default_factory=ScoreTable)
    phrases: Phrases = field(default_factory=Phrases)
    agents: AgentRule = field(default_factory=AgentRule)
    backlog: Backlog | None = None
    seeds: Seeds = field(default_factory=Seeds)

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

    @property
    def block_trade(self) -> BlockTrade:
        """How the blocks of a chain are had. Raises LocalError on a network that has no chain."""
        if self.trade is None:
            raise LocalError(f"{self.name} has no chain of blocks to keep the newest of")
        return self.trade

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
