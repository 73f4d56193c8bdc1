"""The peers of a node: those it is told to call, those it calls of itself, those that call it."""

from __future__ import annotations

import random as chance
import secrets
from collections.abc import Callable, Iterable, Sequence
from ipaddress import ip_address
from typing import Any

from twisted.internet.defer import Deferred, DeferredList

from peerproto.errors import PeerError, PeerLost, Reason, SelfConnection
from peerproto.node.asking import Able, anybody, ask_any, tell_all
from peerproto.node.bans import Ban
from peerproto.node.brake import Brake
from peerproto.node.calling import Caller
from peerproto.node.connector import PeerConnector
from peerproto.node.doubles import Doubles
from peerproto.node.feelers import Feelers, without_listener
from peerproto.node.outbound import CHOICE, TARGET, Outbound
from peerproto.node.places import Book, Place
from peerproto.node.roster import Roster, Subscriber
from peerproto.node.slots import InboundPeers, Limits, Slots, is_spared
from peerproto.node.wanting import Wanting
from peerproto.peer.connecting import client_endpoint, connect
from peerproto.peer.factory import PeerFactory
from peerproto.peer.protocol import PeerProtocol
from peerproto.wire.message import Message


class PeerManager:
    """Has a number of peers, and looks for others when they go.

    Listen with it as with a factory: `listen(reactor, where, manager)`.

    :param reactor: for connections and timers.
    :param factory: makes the peers; those that are called by hand are `manual`, whatever the factory says of it.
    :param book: knows places, and who is banned.
    :param manual: whom to keep connected: `host:port`, endpoint strings or endpoints.
    :param target: how many others to call. :param feelers: whether places are tested now and then.
    :param limits: for those that call us. :param spared: hosts that they are not for, nor bans.
    :param random: gives numbers from 0 to 1. :param key: secret, for the choice of who must go.

    Raises LocalError for a place that is none.

    :ivar roster: the peers that are ready. :ivar brake: on when nothing answers.
    :ivar connectors: one for each place of `manual`. :ivar outbound: those that are called otherwise.
    :ivar slots: those that have called us. :ivar dropped: how many messages `broadcast` has not sent.
    """

    def __init__(
        self,
        reactor: Any,
        factory: PeerFactory,
        book: Book,
        *,
        manual: Sequence[Any] = (),
        target: int = TARGET,
        feelers: bool = True,
        limits: Limits | None = None,
        spared: Callable[[str], bool] = is_spared,
        random: Callable[[], float] = chance.random,
        key: bytes | None = None,
    ) -> None:
        for where in manual:
            client_endpoint(reactor, where, factory.network.port, 10.0, factory.proxy)
        factory.use_clock(reactor)
        self.network = factory.network
        self.factory = factory
        self.book = book
        self.dropped = 0
        self.roster = Roster()
        self.brake = Brake(reactor, random)
        self.doubles = Doubles(factory.peers)
        self._reactor = reactor
        self._feeling = without_listener(factory)
        self._caller = self._calls_with(factory)
        self.connectors = [PeerConnector(reactor, str(where), self._by_hand(where)) for where in manual]
        self.outbound = Outbound(
            reactor,
            book,
            self._caller,
            self.doubles,
            random=random,
            met=self.roster.watch,
            taken=self._taken,
            target=target,
        )
        self._feelers = Feelers(
            reactor, book, self._calls_with(self._feeling), self.brake, random=random, choose=self._to_feel
        )
        self._feels = feelers
        self.slots = Slots(
            limits or Limits(),
            reactor.seconds,
            group_of=book.group_of,
            is_banned=book.is_banned,
            key=key or secrets.token_bytes(32),
            spared=spared,
        )
        self._spared = spared
        self._wanting: Wanting | None = None

    # What a node calls.

    def start(self) -> None:
        """Begin to call. May be called again when all has stopped."""
        for connector in self.connectors:
            connector.start()
        self.outbound.start()
        if self._feels:
            self._feelers.start()

    def stop(self) -> Deferred[None]:
        """Call nobody any more, and end all peers; fires when they have ended. May be called at any time, and again.

        Who listens stops that first: whoever calls afterwards is let in.
        """
        if self._wanting is not None:
            self._wanting.stop()
            self._wanting = None
        ending: list[Deferred[Any]] = [connector.stop() for connector in self.connectors]
        ending += [self.outbound.stop(), self._feelers.stop()]
        for peer in list(self.factory.peers.values()):
            ending.append(peer.when_disconnected())
            peer.disconnect(PeerLost("the node stops", Reason.SHUTDOWN))
        return DeferredList(ending, consumeErrors=True).addCallback(lambda _: None)

    def inbound(self) -> InboundPeers:
        """What to listen with."""
        return InboundPeers(self.factory, self.slots, self._met_inbound)

    def use_clock(self, clock: Any) -> None:
        """As a factory's: it has one by now."""

    def look(self) -> None:
        """The book knows more than before: call whom we can use."""
        self.outbound.look()

    # What its user calls.

    @property
    def peers(self) -> list[PeerProtocol]:
        """Those that are ready, in the order of their coming."""
        return list(self.roster.peers.values())

    @property
    def is_offline(self) -> bool:
        """Whether there seems to be no network: nobody has answered for many calls, and nobody is here."""
        return self.brake.is_on and not self.roster.peers

    @property
    def called(self) -> list[Place]:
        """Whom we call or have called of ourselves, feelers included."""
        return [*self.outbound.places, *self._feelers.places]

    def subscribe(self, subscriber: Subscriber) -> Callable[[], None]:
        """Have a function called with each `PeerAdded` and `PeerGone`; see `Roster`."""
        return self.roster.subscribe(subscriber)

    def request(
        self, message: Message, *, timeout: float | None = None, able: Able = anybody
    ) -> Deferred[Any]:
        """Ask whoever is most available, and the next when that one cannot answer; see `ask_any`.

        Fails with NoPeers when nobody is left, with LocalError for what cannot be asked. May be cancelled.
        """
        return Deferred.fromCoroutine(ask_any(self.roster.peers.values, message, timeout=timeout, able=able))

    def want(self, vector: Any) -> Deferred[Message]:
        """Get a thing of whoever has announced it, or will: one peer is asked at a time (see `Wanted`).

        Fires with the message that brings it. Cancelling gives it up, and so does `stop`. Raises LocalError for what
        cannot be asked for.
        """
        if self._wanting is None:
            self._wanting = Wanting(self._reactor, self.network, self.roster)
        return self._wanting.want(vector)

    def broadcast(self, message: Message, *, able: Able = anybody) -> int:
        """Tell all that take it now, and wait for nobody; returns how many they are. See `tell_all`."""
        sent, dropped = tell_all(self.roster.peers.values(), message, able=able)
        self.dropped += dropped
        return sent

    def announce(self, vector: Any, *, able: Able = anybody) -> None:
        """Announce a thing to all that do not know it, to each in its next round."""
        for peer in filter(able, self.peers):
            peer.queue_inventory(vector)

    def ban(self, what: str, until: float, reason: str, by: str) -> None:
        """Talk to nobody there, and end those who are here, but for those called by hand and those who are spared.

        :param what: an address or a range of them (CIDR). :param until: in seconds since 1970.
        """
        self.book.ban(what, until, reason, by)
        self.end_banned(Ban(what, until, reason, by))

    def end_banned(self, ban: Ban) -> None:
        """The book has a new ban: end those whom it is about, but for the same."""
        for peer in list(self.factory.peers.values()):
            place = _place_of(peer)
            if place is None or peer.manual or self._spared(place.host):
                continue
            if self.book.is_banned(place.host):
                peer.disconnect(PeerLost(f"banned by {ban.by}: {ban.reason}", Reason.LOCAL_CLOSE))

    # How it is done.

    def _calls_with(self, factory: PeerFactory) -> Caller:
        def dial(where: Any) -> Deferred[PeerProtocol]:
            return connect(self._reactor, str(where) if isinstance(where, Place) else where, factory)

        return Caller(self.brake, self.doubles, dial)

    def _by_hand(self, where: Any) -> Callable[[], Deferred[PeerProtocol]]:
        async def dial() -> PeerProtocol:
            await self.doubles.when_single(str(where))
            peer = await self._caller.call(where)
            peer.manual = True
            self.roster.watch(peer)
            return peer

        return lambda: Deferred.fromCoroutine(dial())

    def _met_inbound(self, peer: PeerProtocol) -> None:
        self.roster.watch(peer)
        peer.when_disconnected().addCallback(lambda error: self._end_other_end(peer, error))

    def _end_other_end(self, peer: PeerProtocol, error: PeerError) -> None:
        """The side that was called finds out that we have called ourselves; the side that calls would call again."""
        if error.reason is not Reason.SELF or peer.theirs is None:
            return
        for other in [*self.factory.peers.values(), *self._feeling.peers.values()]:
            if other.handshake.nonce == peer.theirs.nonce:
                other.fail(SelfConnection("our own nonce came back: this is ourselves"))

    def _taken(self) -> tuple[Iterable[str], Iterable[str]]:
        """The groups of those called by hand, and the hosts of all that are here: on nets where a host is one node."""
        found = [(peer, place) for peer in self.factory.peers.values() if (place := _place_of(peer))]
        groups = [self.book.group_of(place) for peer, place in found if peer.manual]
        return groups, [place.host for _, place in found if ip_address(place.host).is_global]

    def _to_feel(self) -> Place | None:
        """A place to be tested: a book that has a mind of its own on that has a method `feeler`."""
        feeler = getattr(self.book, "feeler", None)
        offered = self.book.candidates(CHOICE, ()) if feeler is None else [feeler()]
        return next((place for place in offered if place is not None and self._may_feel(place)), None)

    def _may_feel(self, place: Place) -> bool:
        _, hosts = self._taken()
        here = place in self.outbound.places or place.host in hosts
        return not (here or self.book.is_banned(place.host) or self.doubles.is_double(str(place)))


def _place_of(peer: PeerProtocol) -> Place | None:
    """Where a peer is, if that is an address of IP."""
    known = peer.na
    return None if known is None else Place(known.host, known.port)
