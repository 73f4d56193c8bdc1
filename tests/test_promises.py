"""What a peer promises, point by point, once on every network. A point is shown here by the class of its number, or
where it was shown for every network already:

1.  Sending in order, at the pace of the other side: `SendingTests`; budgets and deadlines: rows 49 and 50 of
    `test_peer_rows_everywhere`.
2.  Inventory: `InventoryTests`; each network's own numbers: `test_peer_inventory.NetworkTests`.
3.  Requests and stalls: `test_peer_requesting`, of which `PromiseTests` has what holds for all requests; rows 65, 66.
4.  Handshake: `HandshakeTests`; what may come when: `test_peer_rows_networks`, rows 9 to 18.
5.  Keep-alive: `KeepAliveTests`; rows 8, 44 and 45.
6.  Bloom rules: `BloomTests`.
7.  Push helpers: `test_peer_pushing`.
8.  Listeners: `ListenerTests`; rows 55 and 56.
9.  Statistics: `test_promises_standing.StatisticsTests`.
10. From other threads: `test_promises_threads`.
11. Ending: `test_promises_standing.EndingTests`; rows 52 to 54.
12. Proxy: `test_peer_proxy.LeakTests`; with a real proxy: `interop/test_proxy`.
13. Logging: `test_promises_standing.LoggingTests`.
14. Configuration: `test_promises_standing.ConfigurationTests`; `test_peer_introducing`.
15. Score: `test_promises_standing.ScoreTests`; each network's table: `test_conduct`.
16. `peerproto.testing`: `test_promises_standing.ToolTests`; all tests of peers.
"""

from __future__ import annotations

from typing import Any

from peerproto.errors import PeerLost, Reason, Refused
from peerproto.peer.factory import Nonces
from peerproto.peer.handshake import State
from peerproto.testing import Pair, RawPeer, Recorder
from peerproto.wire.message import Message
from tests.everywhere import WAYS, EverywhereCase, module_of
from tests.frames import kept, long
from tests.talk import EVERY_SERVICE, command_of, talk


class PromiseCase(EverywhereCase):
    """Peers of every network."""

    def pings(self, raw: RawPeer, *nonces: int) -> list[Message]:
        """Messages that every network has, told apart by their nonces."""
        return [raw.peer.network.make_ping(nonce, raw.peer.factory) for nonce in nonces]

    def nonces(self, written: list[Message]) -> list[int]:
        """Those of the pings among some messages."""
        return [message.nonce for message in written if message.command == "ping"]  # type: ignore[attr-defined]


class SendingTests(PromiseCase):
    """Point 1."""

    def test_held_back(self) -> None:
        """Nothing but the handshake leaves before its time; then all that was sent goes out, in order."""
        for way in WAYS:
            for inbound in (False, True):
                raw = self.made(way, inbound=inbound)
                for ping in self.pings(raw, 11, 12, 13):
                    raw.peer.send(ping)
                begun = raw.read()
                self.assertLessEqual({message.command for message in begun}, {"version"}, way)
                written = begun + raw.handshake()
                commands = [message.command for message in written]
                self.assertEqual(self.nonces(written), [11, 12, 13], way)
                self.assertLess(max(map(commands.index, ("version", "verack"))), commands.index("ping"), way)

    def test_notify(self) -> None:
        """Who wants to know hears when a message is with the socket in full, and why it never will be."""
        for way, raw in self.everywhere():
            one, other = self.pings(raw, 1, 2)
            self.assertIsNone(raw.peer.send(one))
            waiting = raw.peer.send(one, notify=True)
            self.assertNoResult(waiting)
            raw.transport.take(40)
            self.assertNoResult(waiting)
            raw.transport.take()
            self.assertIsNone(self.successResultOf(waiting), way)
            lost = raw.peer.send(other, notify=True)
            raw.close()
            late = raw.peer.send(other, notify=True)
            for failed in (lost, late):
                self.assertEqual(self.failureResultOf(failed, PeerLost).value.reason, Reason.CLOSED_BY_PEER)

    def test_announcements_may_be_dropped(self) -> None:
        """While a peer takes nothing, announcements that are too many are dropped and counted; answers never are."""
        for way, raw in self.everywhere():
            raw.peer.send(kept(raw, long(way)))
            self.assertTrue(raw.peer.is_blocked, way)
            raw.send(*self.pings(raw, *range(1, 501)))
            for number in range(5003):
                raw.peer.queue_inventory(vector(way, number))
            self.assertEqual(raw.peer.snapshot().announcements_dropped, 3, way)
            self.assertEqual(self.commands(raw).count("pong"), 500, way)


def vector(way: str, number: int) -> Any:
    """The vector of a transaction."""
    return module_of(WAYS[way]).InvVect(1, number.to_bytes(32, "big"))


class InventoryTests(PromiseCase):
    """Point 2."""

    def announced(self, raw: RawPeer) -> list[int]:
        """How many things each announcement since the last look had."""
        network = raw.peer.network
        written = [message for message in raw.read() if isinstance(message, network.announcing)]
        return [len(network.item_keys(message)) for message in written]

    def test_rounds(self) -> None:
        """What is queued goes out by the next round, as many in a message as the network's nodes put into one, and what
        the peer knows by then does not.
        """
        for way, raw in self.everywhere():
            rules = raw.peer.network.inventory
            raw.peer.add_known_inventory(vector(way, 5))
            for number in (*range(1050), *range(50)):
                raw.peer.queue_inventory(vector(way, number))
            self.let_pass(raw.peer.factory.timing.trickle[1] + 0.1)
            sizes = self.announced(raw)
            self.assertEqual(sum(sizes), 1049, way)
            self.assertEqual(sizes[0], rules.most, way)
            self.assertTrue(raw.peer.is_known_inventory(vector(way, 1049)), way)
            raw.peer.queue_inventory(vector(way, 1049))
            self.let_pass(raw.peer.factory.timing.trickle[1] + 0.1)
            self.assertEqual(self.announced(raw), [], way)

    def test_at_once(self) -> None:
        """What cannot wait goes at once, in a message of its own; what is known not at all."""
        for way, raw in self.everywhere():
            for number in (1, 2, 2):
                raw.peer.queue_inventory_immediate(vector(way, number))
            self.assertEqual(self.announced(raw), [1, 1], way)

    def test_received(self) -> None:
        """What the peer announces it knows, unless the user takes care of that; a thousand, the oldest go first."""
        for way, raw in self.everywhere():
            rules = raw.peer.network.inventory
            vectors = [vector(way, number) for number in range(1001)]
            for at in range(0, 1001, rules.most):
                raw.send(*rules.announce(vectors[at : at + rules.most]))
            known = [raw.peer.is_known_inventory(vector(way, number)) for number in (0, 1, 1000, 1001)]
            self.assertEqual(known, [False, True, True, False], way)
            other = self.on(way, notes_inventory=False)
            other.send(*rules.announce([vector(way, 1)]))
            self.assertFalse(other.peer.is_known_inventory(vector(way, 1)), way)

    def test_life(self) -> None:
        """It is forgotten after the time that the network has for it, if it has one."""
        for way, raw in self.everywhere(idle_timeout=100_000):
            life = raw.peer.network.inventory.life
            raw.peer.add_known_inventory(vector(way, 1))
            self.clock.advance((life or 10_000) - 1)
            self.assertTrue(raw.peer.is_known_inventory(vector(way, 1)), way)
            self.clock.advance(2)
            self.assertEqual(raw.peer.is_known_inventory(vector(way, 1)), life is None, way)


class HandshakeTests(PromiseCase):
    """Point 4."""

    def test_states(self) -> None:
        """Where a peer stands can be read at any time."""
        for way in WAYS:
            raw, states = self.made(way, inbound=True), list[State]()
            for deed in (raw.version, raw.peer.network.verack):
                states.append(raw.peer.state)
                raw.send(deed())
            states.append(raw.peer.state)
            raw.close()
            self.assertEqual([*states, raw.peer.state], list(State), way)

    def test_ourselves(self) -> None:
        """A call to ourselves is known by the nonce, from whatever factory of the process it comes."""
        for way, network in WAYS.items():
            both = {"nonces": Nonces()}
            pair = Pair(network, outbound=both, inbound=both)
            pair.deliver()
            reasons = {peer.ending.reason for peer in (pair.outbound, pair.inbound) if peer.ending}
            self.assertIn(Reason.SELF, reasons, way)

    def test_a_node_that_is_here(self) -> None:
        """A second connection of a node is ended, and the first stays."""
        for way in WAYS:
            first = self.made(way, inbound=True, one_per_nonce=True)
            first.handshake(nonce=77)
            second = RawPeer(first.peer.factory, inbound=True)
            self._raws.append(second)
            second.handshake(nonce=77)
            self.assertEqual(self.why(second).reason, Reason.DUPLICATE, way)
            self.assertFalse(first.hung_up, way)

    def test_too_old(self) -> None:
        """Who speaks less than the network's lowest version is ended, where there is a lower one."""
        for way in WAYS:
            raw, least = self.made(way), WAYS[way].least_protocol_version
            if least:
                raw.handshake(protocol_version=least - 1)
                self.assertEqual(self.why(raw).reason, Reason.OBSOLETE, way)
            else:
                self.assertEqual(way, "neo-cli")

    def test_services(self) -> None:
        """Who lacks a service that is wanted is ended when we have called it, and may stay when it has called us."""
        for way in WAYS:
            for inbound in (False, True):
                raw = self.on(way, inbound=inbound, services_wanted=1 << 40)
                reason = raw.peer.ending.reason if raw.peer.ending else None
                self.assertEqual(reason, None if inbound else Reason.SERVICES, way)

    def test_listener(self) -> None:
        """A listener may refuse a version, and the peer is told so where the network has a message for it."""

        def refuse(*_: Any) -> None:
            raise Refused("no more of these")

        for way in WAYS:
            raw = self.made(way, inbound=True, listener=Recorder({"on_version": refuse}))
            raw.send(raw.version())
            self.assertEqual(self.why(raw).reason, Reason.REFUSED_BY_LISTENER, way)
            told = raw.peer.network.reject(Refused("no more of these")) is not None
            self.assertEqual("reject" in self.commands(raw), told, way)


class KeepAliveTests(PromiseCase):
    """Point 5."""

    def test_pings(self) -> None:
        """A quiet peer is pinged, as often as the network's nodes do; who answers stays, who does not goes."""
        for way, raw in self.everywhere():
            network, timing = raw.peer.network, raw.peer.factory.timing
            if timing.ping_if_pinged:
                raw.send(*self.pings(raw, 1))
                raw.read()
            for _ in range(4):
                self.let_pass(timing.ping - 0.2)
                self.assertEqual(self.commands(raw), [], way)
                self.let_pass(0.2)
                (ping,) = raw.read()
                pong = network.make_pong(ping, raw.peer.factory)
                assert pong is not None
                raw.send(pong)
            self.let_pass(timing.idle - 0.5)
            self.assertIsNone(raw.peer.ending, way)
            self.let_pass(1)
            self.assertEqual(self.why(raw).reason, Reason.IDLE, way)

    def test_latency(self) -> None:
        """The last, the least and the mean latency are known."""
        for way, raw in self.everywhere():
            for seconds in (1.5, 0.5, 1.0):
                waiting = raw.peer.ping()
                (ping,) = raw.read()
                self.clock.advance(seconds)
                pong = raw.peer.network.make_pong(ping, raw.peer.factory)
                assert pong is not None
                raw.send(pong)
                self.assertAlmostEqual(self.successResultOf(waiting), seconds)
            shot = raw.peer.snapshot()
            for found, expected in ((shot.ping_last, 1.0), (shot.ping_least, 0.5), (shot.ping_mean, 1.0)):
                assert found is not None
                self.assertAlmostEqual(found, expected, msg=way)


class BloomTests(PromiseCase):
    """Point 6. Decred and NEO have no such rule."""

    def frames(self, way: str) -> list[bytes]:
        """One of each kind that has to do with bloom filters."""
        bloom = WAYS[way].bloom
        assert bloom is not None
        return [talk(way).frame(kind.command) for kind in (*bloom.asking, *bloom.bringing)]

    def hears(self, way: str, whole: bytes, theirs: int, **options: Any) -> tuple[bool, Reason | None]:
        """Whether the listener hears a frame, and why that ends the peer."""
        raw = self.on(way, says={"services": theirs}, **options)
        raw.send(whole)
        reason = raw.peer.ending.reason if raw.peer.ending else None
        return f"on_{command_of(whole)}" in self.heard(raw).names, reason

    def test_rules(self) -> None:
        """What nobody has offered ends the peer, or, where the version spoken knows no such offer, is not heard."""
        ruled = [way for way, network in WAYS.items() if network.bloom]
        self.assertEqual(ruled, ["btcd", "core", "litecoin", "soterd", "kaspad"])
        for way in ruled:
            bloom = WAYS[way].bloom
            assert bloom is not None
            for whole in self.frames(way):
                offered = self.hears(way, whole, EVERY_SERVICE, services=EVERY_SERVICE)
                self.assertEqual(offered, (True, None), (way, command_of(whole)))
                found = self.hears(way, whole, 0)
                self.assertEqual(found, (False, Reason.MISBEHAVING), (way, command_of(whole)))
                if bloom.since:
                    old = self.hears(way, whole, 0, protocol_version=bloom.since - 1)
                    self.assertEqual(old, (False, None), (way, command_of(whole)))


class Once:
    """Hears one ping, goes, and has a function hear of what comes after it."""

    def __init__(self) -> None:
        self.heard: list[str] = []

    def on_ping(self, peer: Any, message: Any) -> None:
        """See IPeerListener."""
        self.heard.append("first")
        peer.remove_listener(self)
        peer.hear("ping", lambda *_: self.heard.append("second"))


class ListenerTests(PromiseCase):
    """Point 8."""

    def test_every_command(self) -> None:
        """Each command is heard by a method of its name and by a plain function, with what came on the wire."""
        for way, network in WAYS.items():
            late = {kind.command for kind in (network.version, network.verack, *network.order.late)}
            spoken = {kind.command for kind in network.messages if kind.exists_at(network.protocol_version)}
            for command in sorted(spoken - late):
                whole, told = talk(way).frame(command), list[Any]()
                raw = self.on(way, services=EVERY_SERVICE, says={"services": EVERY_SERVICE})
                raw.peer.hear(command, lambda *what, told=told: told.append(what))
                raw.send(whole)
                self.assertEqual(len(told), 1, (way, command))
                self.assertEqual((told[0][0], told[0][1].payload), (raw.peer, whole[24:]))
                self.assertEqual(self.heard(raw).heard(f"on_{command}"), [told[0][1]], way)
                raw.close()

    def test_reading_and_writing(self) -> None:
        """Every frame is told with its size, one that ends the peer with the error; the end is told once."""
        for way in WAYS:
            read, wrote, listener = list[Any](), list[Any](), Recorder()
            listener.on_read = lambda *what, read=read: read.append(what[1:])  # type: ignore[method-assign]
            listener.on_write = lambda *what, wrote=wrote: wrote.append(what[1:])  # type: ignore[method-assign]
            raw = self.on(way, listener=listener)
            (ping,) = self.pings(raw, 5)
            whole = raw.frame(ping)
            raw.send(whole, b"no frame at all, whatever the network is")
            self.assertEqual([size for size, message, _ in read if message == ping], [len(whole)], way)
            self.assertEqual(read[-1], (24, None, raw.peer.ending), way)
            self.assertEqual([message.command for _, message, _ in wrote][:1], ["version"], way)
            self.assertIn("pong", [message.command for _, message, _ in wrote], way)
            self.assertEqual(sum(size for size, *_ in wrote), raw.peer.snapshot().bytes_sent, way)
            self.assertEqual((listener.names.count("on_ready"), listener.names.count("on_lost")), (1, 0), way)
            raw.close()
            self.assertEqual(listener.heard("on_lost"), [raw.peer.ending], way)

    def test_coming_and_going(self) -> None:
        """Listeners are added to one peer and removed at any time, also from inside a callback."""
        for way, raw in self.everywhere():
            other, once = self.on(way), Once()
            raw.peer.add_listener(once)
            for peer in (raw, raw, other):
                peer.send(*self.pings(peer, 1))
            self.assertEqual(once.heard, ["first", "second"], way)
            self.assertIn("on_ping", self.heard(other).names)

    def test_unknown(self) -> None:
        """Where unknown commands are passed over, they are heard, too."""
        for way, raw in self.everywhere():
            raw.send(raw.peer.network.envelope.wrap(b"strange".ljust(12, b"\0"), b"things"))
            passed = [(found.command, found.payload) for found in self.heard(raw).heard("on_message")]
            self.assertEqual(passed, [("strange", b"things")] * (not raw.hung_up), way)
            self.assertEqual(raw.hung_up, way not in ("core", "litecoin", "neo-cli", "btcd"), way)
