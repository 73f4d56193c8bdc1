"""All peers of a node together, over a reactor in memory."""

from __future__ import annotations

from typing import Any

from twisted.internet.address import IPv4Address
from twisted.internet.error import (
    ConnectionLost,
    ConnectionRefusedError,
    DNSLookupError,
    NoRouteError,
    TimeoutError,
)
from twisted.internet.testing import MemoryReactorClock
from twisted.python.failure import Failure

from peerproto.errors import LocalError, NoPeers, Reason
from peerproto.node.brake import MOST_FAILURES
from peerproto.node.connector import STABLE
from peerproto.node.manager import PeerManager
from peerproto.node.outbound import EMPTY, PACE
from peerproto.node.places import Place
from peerproto.node.roster import Change, PeerAdded
from peerproto.peer.connecting import listen
from peerproto.peer.factory import Nonces, PeerFactory
from peerproto.peer.protocol import PeerProtocol
from peerproto.testing import CALLER, MemoryTransport
from peerproto.wire.reader import Reader
from tests.manager_case import MemoryBook, place
from tests.node_case import NETWORK, NOW, NodeCase, bring, mined
from tests.test_node_asking import ASKS


class Other:
    """The other side of a connection over a reactor in memory."""

    def __init__(self, protocol: Any, host: str, port: int, nonce: int) -> None:
        self.transport = MemoryTransport(CALLER, IPv4Address("TCP", host, port))
        self.protocol = protocol
        self.nonce = nonce
        self.reader = Reader(NETWORK.codec(witness=True))
        protocol.makeConnection(self.transport)

    @property
    def peer(self) -> PeerProtocol:
        """The peer, behind what an endpoint wraps around it."""
        peer = getattr(self.protocol, "_wrappedProtocol", self.protocol)
        assert isinstance(peer, PeerProtocol)
        return peer

    def handshake(self, **says: Any) -> None:
        """Say version and verack, and read what comes."""
        self.introduce(**says)
        if not self.transport.closing:
            self.protocol.dataReceived(NETWORK.codec().encode(NETWORK.verack()))
        self.transport.take()

    def introduce(self, **says: Any) -> None:
        """Say version."""
        ours = self.peer.factory.introduction(says.get("nonce", self.nonce))
        self.protocol.dataReceived(NETWORK.codec().encode(NETWORK.make_version(ours)))

    def read(self) -> list[Any]:
        """What was sent."""
        return list(self.reader.feed(self.transport.take()))

    def close(self, why: Exception | None = None) -> None:
        """End the connection, if it has not ended."""
        if self.peer.id in self.peer.factory.peers:
            self.protocol.connectionLost(Failure(why or ConnectionLost()))


class ReactorCase(NodeCase):
    """A manager over a reactor in memory, with whom all connections are made by hand."""

    def setUp(self) -> None:
        super().setUp()
        self.reactor = MemoryReactorClock()
        self.book = MemoryBook()
        self.others: list[Other] = []
        self.manager = self.make()

    def tearDown(self) -> None:
        """A stop leaves no timer, no call, no peer."""
        stop = self.manager.stop()
        self.close_all()
        self.successResultOf(stop)
        self.assertEqual(self.reactor.getDelayedCalls(), [])
        self.assertEqual(self.manager.slots.held, {})
        self.assertEqual(self.manager.peers, [])
        super().tearDown()

    def make(self, **options: Any) -> PeerManager:
        """Another manager."""
        factory_options = options.pop("factory", {})
        factory = PeerFactory(
            NETWORK, clock=self.reactor, nonces=Nonces(), now=lambda: NOW, **factory_options
        )
        options = {"random": lambda: 0.5, "key": b"secret", "feelers": False, **options}
        self.manager = PeerManager(self.reactor, factory, self.book, **options)
        return self.manager

    def close_all(self) -> None:
        """What is asked to end ends, and what ends by that."""
        for other in self.others * 2:
            if other.transport.closing:
                other.close()

    @property
    def calls(self) -> list[tuple[str, int]]:
        """Where a connection was asked for, in order."""
        return [(call[0], call[1]) for call in self.reactor.tcpClients]

    def accept(self, index: int = -1) -> Other:
        """One call comes through."""
        host, port, factory, *_ = self.reactor.tcpClients[index]
        return self.connected(factory.buildProtocol(IPv4Address("TCP", host, port)), host, port)

    def connected(self, protocol: Any, host: str, port: int) -> Other:
        """The other side of a protocol."""
        self.others.append(Other(protocol, host, port, len(self.others) + 500))
        return self.others[-1]

    def refuse(self, index: int = -1, error: Exception | None = None) -> None:
        """One call fails."""
        factory = self.reactor.tcpClients[index][2]
        factory.clientConnectionFailed(None, Failure(error or ConnectionRefusedError()))

    def call_us(self, host: str) -> Other | None:
        """Somebody calls."""
        protocol = self.manager.inbound().buildProtocol(IPv4Address("TCP", host, 50000))
        return None if protocol is None else self.connected(protocol, host, 50000)

    def ready_in(self, host: str) -> Other:
        """Somebody calls and shakes hands."""
        other = self.call_us(host)
        assert other is not None
        other.handshake()
        return other


class ManagerTests(ReactorCase):
    """What it has and does."""

    def test_places_are_looked_at(self) -> None:
        """A place that is none is told at once."""
        with self.assertRaises(LocalError):
            self.make(manual=["no place:at:all"])

    def test_peers_from_the_book(self) -> None:
        """Those that the book knows are called, and are peers when they are ready."""
        self.book.places = [place(1), place(2)]
        self.manager.start()
        self.assertEqual(self.calls, [place(1), place(2)])
        other = self.accept(0)
        self.assertEqual(self.manager.peers, [])
        other.handshake()
        self.assertEqual(self.manager.peers, [other.peer])
        self.assertFalse(other.peer.manual)
        self.refuse(1)

    def test_look(self) -> None:
        """When the book knows more, that is called at once."""
        self.manager.start()
        self.book.places = [place(1)]
        self.manager.look()
        self.assertEqual(self.calls, [place(1)])

    def test_manual(self) -> None:
        """Those told by hand are kept, beside those of the book, of whom none is in their group."""
        self.book.places = [place(1), place(2)]
        manager = self.make(manual=["198.1.7.7:8333"], target=2)
        manager.connectors[0].start()
        other = self.accept()
        other.handshake()
        self.assertTrue(other.peer.manual)
        manager.start()
        self.assertEqual(self.calls, [("198.1.7.7", 8333), place(2)])
        other.close()
        self.reactor.advance(EMPTY)
        self.assertEqual(self.calls[2:], [("198.1.7.7", 8333), place(1)])

    def test_not_twice(self) -> None:
        """A host that has called us is not called, on nets where a host is one node."""
        self.book.places = [place(1), Place("127.0.0.1", 1)]
        self.book.places[0] = Place("8.8.8.8", 8333)
        self.ready_in("8.8.8.8")
        self.ready_in("127.0.0.1")
        self.manager.start()
        self.assertEqual(self.calls, [("127.0.0.1", 1)])

    def test_listen(self) -> None:
        """It is listened with as with a factory; who calls is a peer when he is ready."""
        self.successResultOf(listen(self.reactor, "tcp:8333", self.manager))  # type: ignore[arg-type]
        _, factory, *_ = self.reactor.tcpServers[0]
        other = self.connected(
            factory.buildProtocol(IPv4Address("TCP", "198.1.0.1", 50000)), "198.1.0.1", 50000
        )
        other.handshake()
        self.assertEqual(self.manager.peers, [other.peer])
        self.assertTrue(other.peer.inbound)

    def test_stream(self) -> None:
        """One stream tells of all, in order."""
        told: list[tuple[str, int]] = []

        def hear(change: Change) -> None:
            told.append(("added" if isinstance(change, PeerAdded) else "gone", change.peer.id))

        leave = self.manager.subscribe(hear)
        self.book.places = [place(1)]
        self.manager.start()
        first = self.accept()
        first.handshake()
        second = self.ready_in("198.9.0.1")
        first.close()
        leave()
        second.close()
        self.assertEqual(told, [("added", first.peer.id), ("added", second.peer.id), ("gone", first.peer.id)])

    def test_request(self) -> None:
        """A request goes from one peer to the next, and fails when nobody is left."""
        self.failureResultOf(self.manager.request(ASKS), NoPeers)
        first, second = self.ready_in("198.1.0.1"), self.ready_in("198.2.0.1")
        waiting = self.manager.request(ASKS)
        first.close()
        self.assertEqual(second.read(), [ASKS])
        second.protocol.dataReceived(NETWORK.codec().encode(bring(mined(1))))
        self.assertEqual(len(self.successResultOf(waiting).headers), 1)

    def test_broadcast(self) -> None:
        """What is told to all is told at once, but to those who do not take it; these are counted."""
        others = [self.ready_in(f"198.{number}.0.1") for number in range(100)]
        slow = others[50]
        slow.transport.write(bytes(70_000))
        self.assertEqual(self.manager.broadcast(ASKS), 99)
        self.assertEqual(self.manager.dropped, 1)
        self.assertEqual([other.read() for other in others if other is not slow], [[ASKS]] * 99)
        self.assertEqual(self.manager.broadcast(ASKS, able=lambda peer: peer is others[0].peer), 1)
        slow.transport.take()

    def test_announce(self) -> None:
        """A thing is announced to all that are able, through what each of them knows."""
        first, second = self.ready_in("198.1.0.1"), self.ready_in("198.2.0.1")
        vector = NETWORK.request_blocks([bytes(32)], False).inv_list[0]
        self.manager.announce(vector, able=lambda peer: peer is first.peer)
        self.reactor.pump([1.0] * 20)
        self.assertEqual([message.command for message in first.read()], ["inv"])
        self.assertEqual(second.read(), [])

    def test_ban(self) -> None:
        """A ban goes into the book and ends who is there; not those called by hand, nor those who are spared."""
        manager = self.make(manual=["198.1.0.1:8333"], spared=lambda host: host == "198.3.0.1")
        manager.start()
        by_hand = self.accept()
        by_hand.handshake()
        others = [self.ready_in(f"198.{number}.0.1") for number in (2, 3, 4)]
        local = self.connected(self.manager.inbound().buildProtocol(None), "nowhere", 0)
        for host in ("198.1.0.1", "198.2.0.1", "198.3.0.1"):
            manager.ban(host, NOW + 60, "too loud", "me")
        ended = [other.transport.closing for other in (by_hand, *others, local)]
        self.assertEqual(ended, [False, True, False, False, False])
        self.assertEqual(self.book.told[-1], ("ban", "198.3.0.1", NOW + 60, "too loud", "me"))
        self.assertEqual(str(others[0].peer.ending), "banned by me: too loud")

    def test_feelers(self) -> None:
        """Of those that only test a place the node hears nothing."""
        manager = self.make(feelers=True, target=0)
        self.book.places = [place(1)]
        manager.start()
        self.reactor.advance(130)
        other = self.accept()
        other.handshake()
        self.assertTrue(other.transport.closing)
        self.assertEqual((manager.peers, manager.factory.peers), ([], {}))
        self.assertEqual(
            self.book.told, [("tried", place(1)), ("connected", place(1), other.peer.user_agent)]
        )

    def test_no_feeler_where_somebody_is(self) -> None:
        """A place is not tested where we have a peer, are calling, have banned somebody, or have found ourselves."""
        manager = self.make(feelers=True, target=1)
        self.book.places = [place(1), Place("8.8.8.8", 1), place(2), place(3)]
        self.book.banned.add(place(2).host)
        manager.start()
        self.ready_in("8.8.8.8")
        self.reactor.advance(130)
        self.assertEqual(self.calls, [place(1), place(3)])

    def test_book_that_chooses_feelers(self) -> None:
        """A book that knows best which place is to be tested is asked for that; it may have none."""
        manager = self.make(feelers=True, target=0)
        offered = iter([None, place(5)])
        self.patch(self.book, "feeler", lambda: next(offered))
        manager.start()
        self.reactor.advance(130)
        self.assertEqual(self.calls, [])
        self.reactor.advance(130)
        self.assertEqual(self.calls, [place(5)])
        self.refuse()

    def test_stop(self) -> None:
        """A stop ends all, and fires when all have ended; then all may begin again."""
        self.book.places = [place(1)]
        manager = self.make(manual=["198.9.0.1:8333"])
        manager.start()
        self.accept(0).handshake()
        self.ready_in("198.8.0.1")
        stop = manager.stop()
        self.assertNoResult(stop)
        self.close_all()
        self.successResultOf(stop)
        self.assertEqual(self.reactor.getDelayedCalls(), [])
        self.reactor.advance(10)
        manager.start()
        self.assertEqual(len(self.calls), 4)


class SelfTests(ReactorCase):
    """Ourselves and those whom we have already."""

    def to_ourselves(self, index: int = -1) -> tuple[Other, Other]:
        """A call that leads to our own port: both ends."""
        bystander = self.ready_in("198.7.0.1")
        ours = self.accept(index)
        theirs = self.call_us("198.9.9.9")
        assert theirs is not None
        theirs.protocol.dataReceived(ours.transport.take())
        self.close_all()
        self.assertIsNone(bystander.peer.ending)
        bystander.close()
        return ours, theirs

    def test_ourselves(self) -> None:
        """A place that leads to ourselves is not called again; both ends say why."""
        self.book.places = [place(1)]
        self.manager.start()
        ours, theirs = self.to_ourselves()
        for end in (ours, theirs):
            assert end.peer.ending is not None
            self.assertEqual(end.peer.ending.reason, Reason.SELF)
        self.reactor.pump([1.0] * 4000)
        self.assertEqual(self.calls, [place(1)])
        self.assertIn(("failed", place(1), "self"), self.book.told)

    def test_ourselves_by_hand(self) -> None:
        """Nor is one that was told by hand."""
        manager = self.make(manual=["198.1.0.1:8333"])
        manager.start()
        self.to_ourselves()
        self.reactor.pump([1.0] * 1000)
        self.assertEqual(len(self.calls), 1)

    def test_ourselves_by_feeler(self) -> None:
        """A feeler that finds ourselves spares the others the call."""
        manager = self.make(feelers=True, target=0)
        self.book.places = [place(1)]
        manager.start()
        self.reactor.advance(130)
        self.to_ourselves()
        self.reactor.pump([1.0] * 1000)
        self.assertEqual(len(self.calls), 1)

    def test_self_before_a_version(self) -> None:
        """One that ends for another reason, or before it has said who it is, ends nobody else."""
        self.book.places = [place(1)]
        self.manager.start()
        ours = self.accept()
        other = self.call_us("198.9.9.9")
        assert other is not None
        other.close()
        self.assertIsNone(ours.peer.ending)

    def test_duplicate(self) -> None:
        """A place that leads to a peer whom we have is not called until that has ended."""
        manager = self.make(manual=["198.1.0.1:8333", "198.1.0.1:8334"], factory={"one_per_nonce": True})
        manager.start()
        first, second = self.accept(0), self.accept(1)
        first.handshake(nonce=7)
        second.handshake(nonce=7)
        self.assertTrue(second.transport.closing)
        self.close_all()
        assert second.peer.ending is not None
        self.assertEqual(second.peer.ending.reason, Reason.DUPLICATE)
        self.reactor.pump([1.0] * 1000)
        self.assertEqual(len(self.calls), 2)
        first.close()
        self.assertEqual(self.calls[2:], [("198.1.0.1", 8334)])


class RowTests(ReactorCase):
    """Rows of what must happen under faults."""

    def test_row_61_dial(self) -> None:
        """Row 61: however a call fails, its reason has a name of its own; the back-off is one, and it has a cap."""
        self.book.places = [place(1)]
        self.manager.start()
        faults = [ConnectionRefusedError(), TimeoutError(), NoRouteError(), DNSLookupError(), None]
        waits = []
        for number in range(20):
            fault = faults[number % len(faults)]
            if fault is None:
                self.accept().close()
            else:
                self.refuse(error=fault)
            self.manager.brake.failures = 0
            waits.append(self.until_next_call())
        reasons = [entry[2] for entry in self.book.told if entry[0] == "failed"]
        self.assertEqual(reasons[:5], ["connection-refused", "connect-timeout", "no-route", "dns", "reset"])
        self.assertEqual(sorted(waits[1:8]), waits[1:8])
        self.assertGreater(waits[-1], 200)
        self.assertLess(max(waits), 320)

    def until_next_call(self) -> float:
        """Seconds until there is another call."""
        begun, count = self.reactor.seconds(), len(self.calls)
        while len(self.calls) == count:
            self.reactor.advance(1)
        return self.reactor.seconds() - begun

    def test_row_62_network_down(self) -> None:
        """Row 62: with the whole network down for an hour and eight persistent peers each is tried fewer than twelve
        times after the first minute, at times of its own; when it is up again all are called within five minutes.
        """
        hosts = [f"198.{number}.0.1" for number in range(8)]
        seed = iter(range(10**6))
        manager = self.make(
            manual=[f"{host}:8333" for host in hosts], random=lambda: next(seed) * 0.6180339887 % 1, target=0
        )
        tries: list[tuple[float, str]] = []
        manager.start()
        done = 0

        def go_on(seconds: int, is_up: bool) -> None:
            nonlocal done
            for _ in range(seconds):
                while done < len(self.calls):
                    tries.append((self.reactor.seconds(), self.calls[done][0]))
                    if is_up:
                        self.accept(done).handshake()
                    else:
                        self.refuse(done, NoRouteError())
                    done += 1
                self.reactor.advance(1)

        go_on(3600, is_up=False)
        self.assertTrue(manager.is_offline)
        begin = tries[0][0]
        late = [host for at, host in tries if at > begin + 60]
        counts = [late.count(host) for host in hosts]
        self.assertLess(max(counts), 12)
        self.assertGreater(min(counts), 3)
        times = [at for at, _ in tries if at > begin + 60]
        self.assertEqual(len(set(times)), len(times))
        go_on(300, is_up=True)
        self.assertEqual({peer.address for peer in manager.peers}, {f"{host}:8333" for host in hosts})
        self.assertFalse(manager.is_offline)

    def test_row_63_closes_in_the_handshake(self) -> None:
        """Row 63: a peer that closes in the handshake every time is called less and less often, and nothing of its
        calls is left.
        """
        manager = self.make(manual=["198.1.0.1:8333"], target=0)
        manager.start()
        for _ in range(600):
            if len(self.others) < len(self.calls):
                other = self.accept()
                other.introduce()
                other.close()
            self.reactor.advance(1)
        self.assertLess(len(self.calls), 13)
        self.assertEqual((manager.factory.peers, manager.roster.peers), ({}, {}))
        self.assertLessEqual(len(self.reactor.getDelayedCalls()), 2)
        self.assertEqual(manager.brake.failures, 0)

    def test_row_60_outbound_is_untouched(self) -> None:
        """Row 60: half-open handshakes from everywhere take no place of those that we call."""
        self.book.places = [place(1)]
        for number in range(500):
            self.call_us(f"203.{number % 250}.{number // 250}.1")
        self.manager.start()
        other = self.accept()
        other.handshake()
        self.assertEqual(self.manager.peers, [other.peer])
        for other in self.others:
            other.close()

    def test_offline(self) -> None:
        """There seems to be no network when nobody answers; not as long as one peer is here."""
        self.manager.brake.failures = MOST_FAILURES
        self.assertTrue(self.manager.is_offline)
        self.ready_in("198.1.0.1")
        self.assertFalse(self.manager.is_offline)

    def test_stable(self) -> None:
        """A peer that was good and is lost is called again at once, or nearly so."""
        self.book.places = [place(1)]
        self.manager.start()
        other = self.accept()
        other.handshake()
        self.reactor.pump([1.0] * int(STABLE))
        other.close()
        self.reactor.advance(PACE)
        self.assertEqual(len(self.calls), 2)
