"""What a Decred peer does, as data: the order of the handshake, what is owed, what is answered.

`policy="dcrd"` is dcrd HEAD's (peer v4, today's network): strict, silent about why it hangs up, and with nobody below
protocol version 9. `policy="dcrd1"` is that of dcrd 1.x (peer v2.2): with everybody, before their verack too, and
it tells why by `reject`.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass
from typing import Any

from peerproto.errors import (
    DuplicateVerack,
    DuplicateVersion,
    MalformedMessage,
    PeerError,
    Refused,
    VersionExpected,
    VersionTooOld,
)
from peerproto.forms.agents import AgentRule
from peerproto.forms.conversation import Expectation, Key, Order, Timing
from peerproto.forms.introduction import Introduction, Ourselves
from peerproto.forms.inventory import InventoryRules
from peerproto.networks.bitcoin.inventory import never, rules
from peerproto.networks.bitcoin.records import InvVect
from peerproto.networks.decred import filters, messages, mixing, slowness, state
from peerproto.networks.decred.blocks import Block, Headers, Tx
from peerproto.networks.decred.records import MSG_BLOCK, MSG_FILTERED_BLOCK, MSG_MIX, MSG_TX, NetAddress
from peerproto.wire.codec import Policy
from peerproto.wire.message import Message

SERVICES = {0: "NETWORK", 1: "BLOOM", 2: "COMMITTED_FILTERS"}
AGENTS = AgentRule(ascii=True)

MIXING: tuple[type[mixing.Mix], ...] = (
    mixing.MixPairReq,
    mixing.MixKeyExchange,
    mixing.MixCiphertexts,
    mixing.MixSlotReserve,
    mixing.MixFactoredPoly,
    mixing.MixDCNet,
    mixing.MixConfirm,
    mixing.MixSecrets,
)

MESSAGES: tuple[type[Message], ...] = (
    messages.Version,
    messages.VerAck,
    messages.SendHeaders,
    messages.Ping,
    messages.Pong,
    messages.GetAddr,
    messages.Addr,
    messages.AddrV2,
    messages.Inv,
    messages.GetData,
    messages.NotFound,
    messages.GetBlocks,
    messages.GetHeaders,
    messages.MemPool,
    messages.FeeFilter,
    messages.Reject,
    Headers,
    Tx,
    Block,
    state.GetMiningState,
    state.MiningState,
    state.GetInitState,
    state.InitState,
    filters.GetCFilter,
    filters.CFilter,
    filters.GetCFHeaders,
    filters.CFHeaders,
    filters.GetCFTypes,
    filters.CFTypes,
    filters.GetCFilterV2,
    filters.CFilterV2,
    filters.GetCFiltersV2,
    filters.CFiltersV2,
    *MIXING,
)


@dataclass(frozen=True)
class Behaviour:
    """What the two references do differently.

    :ivar insists: whether a peer that leaves a getheaders unanswered is ended; then any answer to a getdata does for
        all its vectors.
    """

    policy: Policy
    order: Order
    protocol_version: int
    least_protocol_version: int
    insists: bool
    rejects: bool
    timing: Timing
    inventory: InventoryRules


_LATE: dict[type[Message], type[PeerError] | None] = {
    messages.Version: DuplicateVersion,
    messages.VerAck: DuplicateVerack,
}

DCRD = Behaviour(
    Policy("dcrd"),
    Order(greeting=(messages.SendHeaders,), late=_LATE, keeps=2, keeps_until=11, announces_common=True),
    protocol_version=12,
    least_protocol_version=9,
    insists=False,
    rejects=False,
    timing=Timing(idle=120.0, ping=107.0, trickle=(0.1, 0.5)),
    inventory=rules(messages.Inv, never, life=900.0),
)
DCRD1 = Behaviour(
    Policy("dcrd1", trailing=True),
    Order(late=_LATE, announces_common=True, gate=False),
    protocol_version=8,
    least_protocol_version=1,
    insists=True,
    rejects=True,
    timing=Timing(idle=120.0, ping=107.0, trickle=(0.5, 0.5)),
    inventory=rules(messages.Inv, never),
)

BEHAVIOURS = {"dcrd": DCRD, "dcrd1": DCRD1}


def _free(*answers: type[Message]) -> Expectation:
    """What a request fails without, and a peer is not ended for."""
    return Expectation(answers, ends_peer=False)


def expectations(insists: bool) -> dict[type[Message], Expectation]:
    """What is owed to a request (dcrd peer/peer.go, maybeAddDeadline); what dcrd does not watch ends none."""
    items = (Block, Tx, messages.NotFound, *MIXING)
    return {
        messages.MemPool: Expectation((messages.Inv,)),
        messages.GetBlocks: Expectation((messages.Inv,)),
        messages.GetData: Expectation(items, each=True, grouped=insists),
        state.GetInitState: Expectation((state.InitState,)),
        messages.GetHeaders: Expectation((Headers,), 90.0, ends_peer=insists),
        messages.GetAddr: _free(messages.Addr, messages.AddrV2),
        state.GetMiningState: _free(state.MiningState),
        filters.GetCFilter: _free(filters.CFilter),
        filters.GetCFHeaders: _free(filters.CFHeaders),
        filters.GetCFTypes: _free(filters.CFTypes),
        filters.GetCFilterV2: _free(filters.CFilterV2),
        filters.GetCFiltersV2: _free(filters.CFiltersV2),
    }


def make_version(ours: Introduction) -> messages.Version:
    """Our version: `addr_you` is the other side as we see it, `addr_me` has only our services."""
    slowness.tell_once()
    host, port = ours.other or ("::", 0)
    return messages.Version(
        protocol_version=ours.protocol_version,
        services=ours.services,
        timestamp=ours.timestamp,
        addr_you=NetAddress(0, host, port),
        addr_me=NetAddress(ours.services, "::", 0),
        nonce=ours.nonce,
        user_agent=ours.user_agent,
        last_block=ours.height,
        disable_relay_tx=not ours.relay,
    )


def read_version(message: messages.Version) -> Introduction:
    """What a version message says."""
    return Introduction(
        protocol_version=message.protocol_version,
        services=message.services,
        timestamp=message.timestamp,
        nonce=message.nonce,
        user_agent=message.user_agent,
        height=message.last_block,
        relay=not message.disable_relay_tx,
        other=(message.addr_you.ip or "::", message.addr_you.port),
    )


_THINGS = {MSG_TX: "tx", MSG_BLOCK: "block", MSG_FILTERED_BLOCK: "filtered", MSG_MIX: "mix"}


def item_keys(message: Message) -> Collection[Key]:
    """What a message announces, asks for, names as missing, or brings."""
    if isinstance(message, messages.Inv | messages.GetData | messages.NotFound):
        return [(_THINGS.get(kind, f"type {kind}"), hash_) for kind, hash_ in message.inv_list]
    if isinstance(message, Block):
        return [("block", message.block_hash)]
    if isinstance(message, Tx):
        return [("tx", message.tx_hash)]
    if isinstance(message, mixing.Mix):
        return [("mix", message.mix_hash)]
    return ()


def request_blocks(hashes: Collection[bytes], witness: bool) -> messages.GetData:
    """The getdata for blocks, in wire order."""
    return messages.GetData([InvVect(MSG_BLOCK, item) for item in hashes])


def make_ping(nonce: int, us: Ourselves) -> messages.Ping:
    """A ping."""
    return messages.Ping(nonce)


def make_pong(ping: messages.Ping, us: Ourselves) -> messages.Pong:
    """The answer to a ping: every one has its own."""
    return messages.Pong(ping.nonce)


def _no_state(message: state.GetInitState) -> state.InitState:
    return state.InitState([], [], [])


REPLIES: dict[type[Message], Callable[[Any], Message]] = {state.GetInitState: _no_state}

REJECT_MALFORMED, REJECT_OBSOLETE, REJECT_DUPLICATE, REJECT_NONSTANDARD = 0x01, 0x11, 0x12, 0x40


def reject(error: PeerError) -> messages.Reject | None:
    """How dcrd 1.x tells a peer why it is ended (peer v2.2.1 peer/peer.go); None where it says nothing."""
    if isinstance(error, VersionExpected):
        return messages.Reject("version", REJECT_MALFORMED, "a version message must precede all others")
    if isinstance(error, VersionTooOld):
        return messages.Reject(
            "version", REJECT_OBSOLETE, f"protocol version must be {error.least} or greater"
        )
    if isinstance(error, DuplicateVersion):
        return messages.Reject("version", REJECT_DUPLICATE, "duplicate version message")
    if isinstance(error, Refused):
        return messages.Reject("version", REJECT_NONSTANDARD, ascii(str(error))[1:-1][:250])
    if isinstance(error, MalformedMessage):
        return messages.Reject("malformed", REJECT_MALFORMED, ascii(str(error))[1:-1][:250])
    return None


def no_reject(error: PeerError) -> None:
    """Later ones hang up without a word."""
