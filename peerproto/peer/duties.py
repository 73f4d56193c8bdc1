"""What a peer does of itself, whatever its listener does: when a message comes, and when time has passed."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from peerproto.errors import PeerStalled, Reason
from peerproto.network import Network
from peerproto.peer.blame import blame_missing, with_cost
from peerproto.peer.bloom import judge_offer, watched
from peerproto.peer.handshake import State
from peerproto.wire.codec import Unread
from peerproto.wire.message import Message

if TYPE_CHECKING:
    from peerproto.peer.protocol import PeerProtocol

Duty = Callable[["PeerProtocol", Any], None]


def duties_of(network: Network, services: int = 0, *, notes_inventory: bool = True) -> dict[type, Duty]:
    """The duties of a ready peer by kind of message; looked up once, not per message.

    :param services: those that we offer.
    :param notes_inventory: whether what a peer announces counts as known to it.
    """
    order = network.order
    duties: dict[type, Duty] = dict.fromkeys((*order.between, *order.greeting), take_note)
    duties.update(dict.fromkeys(network.replies, reply))
    duties.update(dict.fromkeys(order.late, take_late))
    duties.update(dict.fromkeys(order.judged, judge))
    if notes_inventory:
        duties[network.announcing] = note_announcement
    duties[network.ping] = answer_ping
    duties[network.pong] = take_pong
    duties[Unread] = take_unread
    if not order.gate:
        duties[network.verack] = take_verack
    if network.scoring.unasked:
        duties[network.not_found] = blame_missing
    for kind, cost in network.scoring.costs.items():
        duties[kind] = with_cost(cost, duties.get(kind))
    duties.update(dict.fromkeys(watched(network, services), judge_offer))
    return duties


def answer_ping(peer: PeerProtocol, message: Any) -> None:
    """The pong that the network has for it, if any."""
    pong = peer.network.make_pong(message, peer.factory)
    if pong is not None:
        peer.outbox.write(pong)


def reply(peer: PeerProtocol, message: Message) -> None:
    """What the network's nodes want to hear, unless the listener takes care of it."""
    if type(message) not in peer.audience.handlers:
        peer.outbox.write(peer.network.replies[type(message)](message))


def take_verack(peer: PeerProtocol, message: Message) -> None:
    """Their verack, where it is no gate: the first one is the last word of the handshake."""
    if peer.handshake.state is State.READY:
        take_late(peer, message)
    else:
        peer.handshake.take_verack()
        hear_early(peer, message)


def hear_early(peer: PeerProtocol, message: Any) -> None:
    """Tell the listener of a message of the handshake."""
    handler = peer.audience.early.get(type(message))
    if handler is not None:
        peer.inbox.tell(handler, peer, message)


def take_pong(peer: PeerProtocol, message: Any) -> None:
    """Note the latency, and answer who waits for it; a pong with another nonce is ignored."""
    latency = peer.pings.received(message.nonce, peer.clock.seconds())
    if latency is not None:
        peer.pending.answer(message.nonce, latency)
    elif message.nonce == 0:
        cancel_pings(peer, "with the nonce zero")


def take_unread(peer: PeerProtocol, unread: Unread) -> None:
    """A pong that cannot be read is one all the same (Bitcoin Core net_processing.cpp, "Short payload")."""
    if unread.command == peer.network.pong.command:
        cancel_pings(peer, "that cannot be read")


def cancel_pings(peer: PeerProtocol, what: str) -> None:
    """A pong that answers no ping rightly, and will be all that comes: nobody waits any more."""
    for nonce in peer.pings.cancel():
        peer.pending.answer(nonce, PeerStalled(f"the ping was answered by a pong {what}"))


def take_late(peer: PeerProtocol, message: Message) -> None:
    """A message of the handshake, after it. Raises the network's error for it, or answers, if it has one."""
    error = peer.network.order.late[type(message)]
    if error is not None:
        raise error(f"{message.command} after the handshake")
    peer.blame(Reason.DUPLICATE_VERSION if type(message) is peer.network.version else Reason.DUPLICATE_VERACK)
    if type(message) in peer.network.replies:
        reply(peer, message)


def judge(peer: PeerProtocol, message: Message) -> None:
    """A message that the network has a rule for. Raises the PeerError for one that breaks it."""
    peer.network.order.judged[type(message)](message)
    if type(message) in peer.network.replies:
        reply(peer, message)


def take_note(peer: PeerProtocol, message: Message) -> None:
    """A message that negotiates and may come at any time."""
    peer.handshake.noted.add(type(message))


def note_announcement(peer: PeerProtocol, message: Message) -> None:
    """What a peer announces it knows."""
    peer.inventory.known.received(message.payload)  # type: ignore[arg-type]


def knows_pong(peer: PeerProtocol) -> bool:
    """Whether the protocol version of both has pongs."""
    return peer.protocol_version >= peer.network.pong.since


def send_ping(peer: PeerProtocol) -> int:
    """A ping with a new nonce, which is returned and noted."""
    nonce = peer.factory.make_nonce()
    if knows_pong(peer):
        peer.pings.sent(nonce, peer.clock.seconds())
    peer.outbox.write(peer.network.make_ping(nonce, peer.factory))
    return nonce


def keep_alive(peer: PeerProtocol) -> None:
    """The ping of a quiet connection; on old protocol versions nothing answers it, but the bytes keep it open."""
    pinged = peer.network.ping in peer.statistics.received
    if pinged or not peer.factory.timing.ping_if_pinged:
        send_ping(peer)
