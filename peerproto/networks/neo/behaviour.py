"""What a NEO peer does, as data: the ways of the C# node 2.12.0, with the times of neo-go's peer package."""

from __future__ import annotations

from collections.abc import Collection

from peerproto.errors import DuplicateVerack, DuplicateVersion, OversizeCommand, PeerError, UnknownCommand
from peerproto.forms.agents import AgentRule
from peerproto.forms.conversation import Expectation, Key, Order, Timing
from peerproto.forms.gossip import AddressGossip, Known, told_in
from peerproto.forms.introduction import Introduction, Ourselves
from peerproto.networks.neo import blocks, messages
from peerproto.networks.neo.records import NetAddress
from peerproto.wire.codec import Policy
from peerproto.wire.envelope import Envelope
from peerproto.wire.message import Message

SERVICES = {0: "NETWORK"}
AGENTS = AgentRule(most=1024, falls_back=False)

MESSAGES: tuple[type[Message], ...] = (
    messages.Version,
    messages.VerAck,
    messages.GetAddr,
    messages.Addr,
    messages.MemPool,
    messages.GetHeaders,
    messages.GetBlocks,
    blocks.Headers,
    messages.Inv,
    messages.GetData,
    blocks.Block,
    blocks.Tx,
    messages.Consensus,
    messages.Ping,
    messages.Pong,
    messages.FilterLoad,
    messages.FilterAdd,
    messages.FilterClear,
    blocks.MerkleBlock,
    messages.GetRoots,
    messages.StateRoot,
    messages.Roots,
    messages.Alert,
    messages.Reject,
    messages.NotFound,
)

POLICY = Policy("neo-cli", tolerates=frozenset({UnknownCommand, OversizeCommand}), trailing=True)
"""The only command with a limit of its own is `tx`, and the C# node passes over what is longer."""


class NeoEnvelope(Envelope):
    """Any bytes may be a command: what no node knows is passed over."""

    def command_fault(self, command: bytes) -> str:
        return ""


ORDER = Order(
    late={messages.Version: DuplicateVersion, messages.VerAck: DuplicateVerack},
    both_speak=True,
    one_per_nonce=True,
)

TIMING = Timing(
    handshake=30.0, idle=300.0, ping=60.0, ping_if_pinged=True, stall_tick=30.0, trickle=(0.0, 0.0)
)

_OWED = 120.0
_ITEMS = (blocks.Block, blocks.Tx, blocks.MerkleBlock, messages.Consensus, messages.StateRoot)

EXPECTS: dict[type[Message], Expectation] = {
    messages.GetHeaders: Expectation((blocks.Headers,), _OWED),
    messages.GetBlocks: Expectation((messages.Inv,), _OWED),
    messages.GetData: Expectation(_ITEMS, _OWED, each=True),
    messages.GetAddr: Expectation((messages.Addr,), _OWED),
    messages.MemPool: Expectation((messages.Inv,), _OWED, ends_peer=False),
    messages.GetRoots: Expectation((messages.Roots,), _OWED, ends_peer=False),
}
"""What is owed to a request. Nodes that have nothing are silent: ask without expecting where that may be so."""


def make_version(ours: Introduction) -> messages.Version:
    """Our version; port 0 says that nobody can call us."""
    return messages.Version(
        version=ours.protocol_version,
        services=ours.services,
        timestamp=ours.timestamp & 0xFFFF_FFFF,
        port=ours.port,
        nonce=ours.nonce,
        user_agent=ours.user_agent,
        start_height=ours.height,
        relay=ours.relay,
    )


def read_version(message: messages.Version) -> Introduction:
    """What a version message says."""
    return Introduction(
        protocol_version=message.version,
        services=message.services,
        timestamp=message.timestamp,
        nonce=message.nonce,
        user_agent=message.user_agent,
        height=message.start_height,
        relay=message.relay,
        port=message.port,
    )


def make_ping(nonce: int, us: Ourselves) -> messages.Ping:
    """A ping of a node at a height."""
    return messages.Ping(us.best_height(), int(us.now()) & 0xFFFF_FFFF, nonce)


def make_pong(ping: messages.Ping, us: Ourselves) -> messages.Pong:
    """The ping's nonce back."""
    return messages.Pong(us.best_height(), int(us.now()) & 0xFFFF_FFFF, ping.nonce)


def item_keys(message: Message) -> Collection[Key]:
    """What a message announces, asks for, or brings. With a filter set a merkle block answers for its block."""
    if isinstance(message, messages.Inv | messages.GetData):
        kind = messages.INVENTORY[message.type]
        return [(kind, item) for item in message.hashes]
    if isinstance(message, blocks.Block | blocks.MerkleBlock):
        return [("block", message.block_hash)]
    if isinstance(message, blocks.Tx):
        return [("tx", message.tx_hash)]
    if isinstance(message, messages.Consensus):
        return [("consensus", message.consensus_hash)]
    if isinstance(message, messages.StateRoot):
        return [("stateroot", message.root_hash)]
    return ()


def request_blocks(hashes: Collection[bytes], witness: bool) -> messages.GetData:
    """The getdata for blocks, in wire order; at most 500."""
    return messages.GetData(messages.INV_BLOCK, list(hashes))


def reject(error: PeerError) -> None:
    """Nothing is told to a peer that is ended."""


def _tell(known: list[Known], noted: Collection[type[Message]], pver: int) -> messages.Addr:
    return messages.Addr([NetAddress(item.timestamp, item.services, item.host, item.port) for item in known])


GOSSIP = AddressGossip(messages.GetAddr, messages.MOST_ADDRESSES, _tell, {messages.Addr: told_in})
