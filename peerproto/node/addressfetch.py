"""Short calls that only ask for addresses: of seeds, where names may not be looked up here.

With a proxy a seed's name goes to that, and who answers is a node like any other (Bitcoin Core, net.cpp AddAddrFetch).
"""

from __future__ import annotations

from typing import Any

from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.defer import TimeoutError as TooLate
from twisted.internet.error import ConnectingCancelledError

from peerproto.errors import PeerError, PeerLost, Reason
from peerproto.forms.gossip import AddressGossip, Known
from peerproto.node.feelers import without_listener
from peerproto.node.seeding import SeedFailed
from peerproto.peer.connecting import connect
from peerproto.peer.factory import PeerFactory
from peerproto.peer.protocol import PeerProtocol
from peerproto.wire.message import Message

__all__ = ["TIMEOUT", "AddressFetch"]

TIMEOUT = 120.0
"""Seconds for all of it: the way there, the handshake, the answer."""


class AddressFetch:
    """Calls nodes as those of a factory do, asks them for addresses, and leaves.

    :param reactor: for connections and timers. :param factory: says what we are, and which proxy is to be used.
    :param gossip: how addresses are told.
    """

    def __init__(self, reactor: Any, factory: PeerFactory, gossip: AddressGossip) -> None:
        self._reactor = reactor
        self._gossip = gossip
        self._factory = without_listener(factory)
        self._factory.handlers = dict.fromkeys(gossip.telling, self._told)
        self._waiting: dict[int, Deferred[list[Known]]] = {}

    def ask(self, where: str) -> Deferred[list[Known]]:
        """What the node at `host:port` tells, once that node is gone. Fails with SeedFailed; may be cancelled."""
        asking = Deferred.fromCoroutine(self._ask(where))
        return asking.addTimeout(TIMEOUT, self._reactor).addErrback(_too_late)

    async def _ask(self, where: str) -> list[Known]:
        try:
            peer = await connect(self._reactor, where, self._factory)
        except PeerError as error:
            raise SeedFailed(str(error)) from None
        except ConnectingCancelledError:
            raise CancelledError from None
        try:
            return await self._answer(peer)
        except PeerError as error:
            raise SeedFailed(f"{where}: {error}") from None
        finally:
            peer.disconnect(PeerLost("that was all that was asked", Reason.LOCAL_CLOSE))
            await peer.when_disconnected()

    async def _answer(self, peer: PeerProtocol) -> list[Known]:
        await peer.when_ready()
        answer = self._waiting[peer.id] = Deferred()
        peer.when_disconnected().addCallback(lambda error: self._lost(peer, error))
        peer.send(self._gossip.question())
        return await answer

    def _told(self, peer: Any, message: Message) -> None:
        """A node may tell of itself alone before it answers."""
        known = self._gossip.telling[type(message)](message)
        if len(known) > 1 and peer.id in self._waiting:
            self._waiting.pop(peer.id).callback(known)

    def _lost(self, peer: PeerProtocol, error: PeerError) -> None:
        answer = self._waiting.pop(peer.id, None)
        if answer is not None and not answer.called:
            answer.errback(error)


def _too_late(reason: Any) -> Any:
    if reason.check(TooLate):
        raise SeedFailed(f"no answer in {TIMEOUT:g} seconds") from None
    return reason
