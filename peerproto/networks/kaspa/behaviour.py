"""What a Kaspa peer does, as data: the ways of kaspad v0.5.0 (peer/peer.go), where they are not its defects."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from typing import Any

from peerproto.errors import LocalError, MalformedMessage, PeerError, Refused, VersionExpected
from peerproto.forms.conversation import Expectation, Key, Order, Timing
from peerproto.forms.gossip import AddressGossip, Known, told_in
from peerproto.forms.introduction import Introduction, Ourselves
from peerproto.networks.bitcoin.exchange import REJECT_DUPLICATE, REJECT_MALFORMED
from peerproto.networks.bitcoin.inventory import is_block, rules
from peerproto.networks.bitcoin.records import InvVect, NetAddress
from peerproto.networks.kaspa import blocks, messages, subnetworks
from peerproto.networks.kaspa.records import (
    MSG_BLOCK,
    MSG_FILTERED_BLOCK,
    MSG_MISSING_ANCESTOR,
    MSG_SYNC_BLOCK,
    MSG_TX,
    TimedAddress,
)
from peerproto.wire.codec import Policy
from peerproto.wire.message import Message

PROTOCOL_VERSION = 1
NODE_NETWORK = 1
SERVICES = {0: "NETWORK", 1: "GETUTXO", 2: "BLOOM", 3: "XTHIN", 4: "BIT5", 5: "CF"}

MESSAGES: tuple[type[Message], ...] = (
    messages.Version,
    messages.VerAck,
    messages.GetAddr,
    messages.Addr,
    messages.GetBlockInvs,
    messages.GetBlockLocator,
    messages.BlockLocator,
    messages.GetSelectedTip,
    messages.SelectedTip,
    messages.Inv,
    messages.GetData,
    messages.NotFound,
    blocks.Block,
    blocks.Tx,
    blocks.MerkleBlock,
    messages.Ping,
    messages.Pong,
    messages.FilterLoad,
    messages.FilterAdd,
    messages.FilterClear,
    messages.Reject,
    messages.FeeFilter,
)

POLICY = Policy("kaspad", trailing=True)

ORDER = Order(late={messages.Version: None, messages.VerAck: None}, gate=False)
"""A second version or verack ends no peer."""

_ITEMS = (blocks.Block, blocks.MerkleBlock, blocks.Tx, messages.NotFound)


def _is_sync(message: messages.Inv) -> bool:
    """Whether an inventory answers a question; what is new is announced by another type (and an empty one answers)."""
    return all(vector.type == MSG_SYNC_BLOCK for vector in message.inv_list)


EXPECTS: Mapping[type[Message], Expectation] = {
    messages.GetBlockInvs: Expectation((messages.Inv,), fits=_is_sync),
    messages.GetData: Expectation(_ITEMS, each=True),
    messages.GetSelectedTip: Expectation((messages.SelectedTip,)),
    messages.GetBlockLocator: Expectation((messages.BlockLocator,), ends_peer=False),
    messages.GetAddr: Expectation((messages.Addr,), ends_peer=False),
}
"""What is owed to a request (maybeAddDeadline); what kaspad does not watch ends none."""


@dataclass(frozen=True)
class Side:
    """What a node says of itself beside its introduction, and whom it therefore lets in.

    :ivar selected_tip: the hash that its chain of selected parents ends in, where the introduction does not tell it.
    :ivar subnetwork: the one that it follows; None for a full node.
    :ivar lets_partial_in: whether there are partial nodes on its network at all.
    """

    selected_tip: Callable[[], bytes]
    subnetwork: bytes | None = None
    lets_partial_in: bool = False

    def make_version(self, ours: Introduction) -> messages.Version:
        """Our version: `addr_you` is the other side as we see it, `addr_me` has only our services.

        Raises LocalError for a subnetwork where there are none.
        """
        host, port = ours.other or ("::", 0)
        return messages.Version(
            protocol_version=ours.protocol_version,
            services=ours.services,
            timestamp=ours.timestamp,
            subnetwork_id=self._subnetwork_of(ours),
            addr_you=NetAddress(NODE_NETWORK, host, port),
            addr_me=NetAddress(ours.services, "::", 0),
            nonce=ours.nonce,
            user_agent=ours.user_agent,
            selected_tip_hash=self.selected_tip() if ours.tip is None else ours.tip,
            disable_relay_tx=not ours.relay,
        )

    def judge_version(
        self, ours: Introduction, theirs: Introduction, version: messages.Version, inbound: bool
    ) -> Refused | None:
        """Whether their subnetwork suits ours."""
        if self.lets_partial_in:
            return subnetworks.judge(self._subnetwork_of(ours), version.subnetwork_id, inbound=inbound)
        return subnetworks.judge_none(version.subnetwork_id)

    def _subnetwork_of(self, ours: Introduction) -> bytes | None:
        """The one that our peers follow: their own option first."""
        if ours.subnetwork is not None and not self.lets_partial_in:
            raise LocalError("subnetwork: this network lets no partial nodes in, so we cannot be one")
        return self.subnetwork if ours.subnetwork is None else ours.subnetwork

    def replies(self) -> dict[type[Message], Callable[[Any], Message]]:
        """What a peer answers of itself: nobody who has asked it ends it, and who repeats himself is told."""
        return {
            messages.GetSelectedTip: lambda message: messages.SelectedTip(self.selected_tip()),
            messages.GetBlockInvs: lambda message: messages.Inv([]),
            messages.GetData: lambda message: messages.NotFound(message.inv_list),
            messages.Version: _duplicate,
            messages.VerAck: _duplicate,
        }


def read_version(message: messages.Version) -> Introduction:
    """What a version message says; there are no heights in it."""
    return Introduction(
        protocol_version=message.protocol_version,
        services=message.services,
        timestamp=message.timestamp,
        nonce=message.nonce,
        user_agent=message.user_agent,
        height=0,
        relay=not message.disable_relay_tx,
        other=(message.addr_you.ip, message.addr_you.port),
        tip=message.selected_tip_hash,
        subnetwork=message.subnetwork_id,
    )


def make_ping(nonce: int, us: Ourselves) -> messages.Ping:
    """A ping."""
    return messages.Ping(nonce)


def make_pong(ping: messages.Ping, us: Ourselves) -> messages.Pong:
    """The ping's nonce back."""
    return messages.Pong(ping.nonce)


_THINGS = {
    MSG_TX: "tx",
    MSG_BLOCK: "block",
    MSG_FILTERED_BLOCK: "filtered",
    MSG_SYNC_BLOCK: "block",
    MSG_MISSING_ANCESTOR: "block",
}


def _vector_key(vector: InvVect) -> Key:
    return _THINGS.get(vector.type, f"type {vector.type}"), vector.hash


def item_keys(message: Message) -> Collection[Key]:
    """What a message announces, asks for, names as missing, or brings; why a block is asked for does not matter."""
    if isinstance(message, messages.Inv | messages.GetData | messages.NotFound):
        return [_vector_key(vector) for vector in message.inv_list]
    if isinstance(message, blocks.Block):
        return [("block", message.block_hash)]
    if isinstance(message, blocks.Tx):
        return [("tx", message.tx_id)]
    if isinstance(message, blocks.MerkleBlock):
        return [("filtered", message.block_hash)]
    return ()


def request_blocks(hashes: Collection[bytes], witness: bool) -> messages.GetData:
    """The getdata for blocks, in wire order."""
    return messages.GetData([InvVect(MSG_BLOCK, item) for item in hashes])


def _duplicate(message: Message) -> messages.Reject:
    return messages.Reject(message.command, REJECT_DUPLICATE, f"duplicate {message.command} message")


def reject(error: PeerError) -> messages.Reject | None:
    """How a peer is told why it is ended; None where nothing is said, as of a version that is refused."""
    if isinstance(error, VersionExpected):
        about = bytes(32) if error.command in ("tx", "block") else None
        return messages.Reject(
            error.command, REJECT_MALFORMED, "a version message must precede all others", about
        )
    if isinstance(error, MalformedMessage):
        return messages.Reject("malformed", REJECT_MALFORMED, str(error)[:250])
    return None


def _tell(known: list[Known], noted: Collection[type[Message]], pver: int) -> messages.Addr:
    addresses = [TimedAddress(item.timestamp, item.services, item.host, item.port) for item in known]
    return messages.Addr(False, None, addresses)


def _ask() -> messages.GetAddr:
    return messages.GetAddr(False, None)


GOSSIP = AddressGossip(messages.GetAddr, messages.MOST_ADDRESSES, _tell, {messages.Addr: told_in}, _ask)
"""Addresses of full nodes."""

TIMING = Timing(trickle=(0.1, 0.1))

INVENTORY = rules(messages.Inv, is_block)
