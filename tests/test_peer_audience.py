"""Tests of who hears of one peer, and of listeners that take their time."""

from __future__ import annotations

import gc
import weakref
from typing import Any

from twisted.internet.defer import Deferred, succeed

from peerproto.errors import ListenerFailed, LocalError, MalformedMessage, PeerLost, Reason
from peerproto.networks.bitcoin import Addr, GetAddr, Inv, MemPool, Ping, Pong, Tx
from peerproto.peer.handshake import State
from peerproto.testing import Pair, RawPeer, Recorder
from tests.peer_case import PeerTestCase, regtest, unknown_frame


class AddedTests(PeerTestCase):
    """Listeners of one peer alone."""

    def test_beside_the_node(self) -> None:
        """The node's listener hears first, then those that were added, in their order."""
        heard: list[str] = []
        raw = self.ready(listener=Recorder({"on_inv": lambda *_: heard.append("node")}))
        for name in ("a", "b"):
            raw.peer.add_listener(Recorder({"on_inv": lambda *_, name=name: heard.append(name)}))
        raw.send(Inv([]))
        self.assertEqual(heard, ["node", "a", "b"])

    def test_one_peer_only(self) -> None:
        """Other peers of the node are not heard."""
        raw, added = self.ready(), Recorder()
        raw.peer.add_listener(added)
        other = RawPeer(raw.peer.factory)
        other.handshake()
        other.send(Inv([]))
        self.assertEqual(added.names, [])
        other.close()

    def test_removed(self) -> None:
        """Who is removed hears nothing more; the node's own goes on."""
        raw, added = self.ready(), Recorder()
        raw.peer.add_listener(added)
        raw.peer.remove_listener(added)
        raw.send(Inv([]))
        self.assertEqual(added.names, [])
        self.assertEqual(self.heard(raw).names[-1], "on_inv")
        with self.assertRaisesRegex(LocalError, "was not added"):
            raw.peer.remove_listener(added)

    def test_from_within(self) -> None:
        """Listeners may come and go while a message is told: who is gone hears it no more, who comes the next."""
        raw, second, third = self.ready(), Recorder(), Recorder()

        def change(*_: Any) -> None:
            raw.peer.remove_listener(second)
            raw.peer.remove_listener(first)
            raw.peer.add_listener(third)

        first = Recorder({"on_inv": change})
        for each in (first, second):
            raw.peer.add_listener(each)
        raw.send(Inv([]), Inv([]))
        self.assertEqual([each.names for each in (first, second, third)], [["on_inv"], [], ["on_inv"]])

    def test_life(self) -> None:
        """They hear of the handshake, of ready and of the end, if they come in time."""
        raw, added = self.raw(), Recorder()
        raw.peer.add_listener(added)
        raw.handshake()
        raw.close()
        self.assertEqual(added.names, ["on_version", "on_verack", "on_ready", "on_lost"])

    def test_second_version_is_not_heard(self) -> None:
        """What comes twice of the handshake is not told, to nobody."""
        raw, added = self.ready("core"), Recorder()
        raw.peer.add_listener(added)
        raw.send(raw.version())
        self.assertEqual(added.names, [])

    def test_function(self) -> None:
        """A function hears one command, until it is removed."""
        raw = self.ready()
        heard: list[Any] = []
        entry = raw.peer.hear("inv", lambda peer, message: heard.append((peer, message)))
        raw.send(Inv([]), Ping(1))
        self.assertEqual(heard, [(raw.peer, Inv([]))])
        raw.peer.remove_listener(entry)
        raw.send(Inv([]))
        self.assertEqual(len(heard), 1)
        with self.assertRaisesRegex(LocalError, "has no command 'nosuch'"):
            raw.peer.hear("nosuch", print)

    def test_no_listener_of_the_node(self) -> None:
        """It need not have one."""
        raw = RawPeer(self.raw(listener=object()).peer.factory)
        added = Recorder()
        raw.peer.add_listener(added)
        raw.handshake()
        self.assertEqual(added.names[-1], "on_ready")
        raw.close()


class TraceTests(PeerTestCase):
    """Who hears of each frame."""

    def setUp(self) -> None:
        super().setUp()
        self.lines: list[Any] = []

    def tracer(self) -> Any:
        """A listener that notes what is read and written."""
        lines = self.lines

        class Tracer:
            def on_read(self, peer: Any, size: int, message: Any, error: Any) -> None:
                lines.append(("read", size, getattr(message, "command", None), type(error).__name__))

            def on_write(self, peer: Any, size: int, message: Any, error: Any) -> None:
                lines.append(("write", size, message.command, type(error).__name__))

        return Tracer()

    def test_all(self) -> None:
        """Each frame of the handshake and after it, with its size, before it is handled."""
        raw = self.raw(listener=self.tracer())
        raw.handshake()
        raw.send(Ping(1))
        commands = [(way, command) for way, _, command, _ in self.lines]
        self.assertEqual(commands[:2], [("write", "version"), ("read", "version")])
        self.assertEqual(
            self.lines[-2:], [("read", 32, "ping", "NoneType"), ("write", 32, "pong", "NoneType")]
        )

    def test_failed(self) -> None:
        """What cannot be read or written is told with its error."""
        raw = self.ready()
        raw.peer.add_listener(self.tracer())
        with self.assertRaises(LocalError):
            raw.peer.send(Ping(1 << 64))
        self.assertEqual(self.lines, [("write", 0, "ping", "LocalError")])
        raw.send(b"!" + raw.frame(Ping(1)))
        self.assertEqual(self.lines[1], ("read", 24, None, "WrongNetwork"))

    def test_size_of_what_failed(self) -> None:
        """Of a refused frame it is what has told it, however it comes (dcrd peer/peer.go, OnRead)."""
        ping = regtest().envelope.wrap(b"ping".ljust(12, b"\0"), bytes(8))
        for frame, size, error in (
            (ping[:20] + bytes(4) + ping[24:], 32, "BadChecksum"),
            (regtest().envelope.wrap(b"ping".ljust(12, b"\0"), bytes(3)), 27, "MalformedMessage"),
            (regtest().envelope.wrap(b"verack".ljust(12, b"\0"), bytes(3)), 24, "OversizeCommand"),
            (b"\0" * 32, 24, "WrongNetwork"),
        ):
            for step in (1, 30, 100):
                raw = self.ready()
                raw.peer.add_listener(self.tracer())
                self.lines.clear()
                for at in range(0, len(frame), step):
                    raw.peer.dataReceived(frame[at : at + step])
                told = [line for line in self.lines if line[0] == "read"]
                self.assertEqual(told, [("read", size, None, error)], (frame, step))

    def test_found_later(self) -> None:
        """What is malformed inside is told when somebody has looked; so is what is passed over."""
        network = regtest()
        raw = self.ready(listener=Recorder({"on_tx": lambda peer, message: message.load()}))
        raw.peer.add_listener(self.tracer())
        raw.send(unknown_frame(network), network.envelope.wrap(b"tx".ljust(12, b"\0"), bytes(60)))
        self.assertEqual(self.lines[0], ("read", 24, "protoconf", "UnknownCommand"))
        self.assertEqual(self.lines[1][2], "tx")
        self.assertEqual(self.lines[2][:3], ("read", 0, None))
        self.assertIsInstance(raw.peer.ending, MalformedMessage)
        self.assertTrue(issubclass(Tx, object))

    def test_removed(self) -> None:
        """Then nothing is noted."""
        raw, tracer = self.ready(), self.tracer()
        raw.peer.add_listener(tracer)
        raw.peer.remove_listener(tracer)
        raw.send(Ping(1))
        self.assertEqual(self.lines, [])


class Slow:
    """A listener that is at work on each inventory until it is told."""

    def __init__(self) -> None:
        self.heard: list[str] = []
        self.work: list[Deferred[Any]] = []

    def on_inv(self, peer: Any, message: Inv) -> Deferred[Any]:
        """Begin."""
        self.heard.append("inv")
        self.work.append(Deferred())
        return self.work[-1]

    def on_ping(self, peer: Any, message: Ping) -> None:
        """Note it."""
        self.heard.append("ping")


class AtWorkTests(PeerTestCase):
    """A listener that returns a Deferred."""

    def test_all_waits(self) -> None:
        """What is behind the message waits, whether it came in the same chunk or later; then it goes on in order."""
        slow = Slow()
        raw = self.ready(listener=slow)
        raw.send(Inv([]), Ping(1), Inv([]), Ping(2))
        self.assertEqual((slow.heard, raw.read()), (["inv"], []))
        self.assertFalse(raw.transport.reading)
        raw.send(Ping(3))
        raw.send(Ping(4))
        slow.work[0].callback(None)
        self.let_pass(0)
        self.assertEqual(slow.heard, ["inv", "ping", "inv"])
        self.assertFalse(raw.transport.reading)
        slow.work[1].callback("anything")
        self.let_pass(0)
        self.assertEqual(slow.heard, ["inv", "ping", "inv", *["ping"] * 3])
        self.assertEqual([message.nonce for message in raw.read()], [1, 2, 3, 4])  # type: ignore[attr-defined]
        self.assertTrue(raw.transport.reading)

    def test_later_chunks_may_wait_again(self) -> None:
        """A message of a chunk that came meanwhile may be slow too."""
        slow = Slow()
        raw = self.ready(listener=slow)
        raw.send(Inv([]))
        raw.send(Inv([]), Ping(1))
        raw.send(Ping(2))
        slow.work[0].callback(None)
        self.let_pass(0)
        self.assertEqual(slow.heard, ["inv", "inv"])
        slow.work[1].callback(None)
        self.let_pass(0)
        self.assertEqual(slow.heard, ["inv", "inv", "ping", "ping"])

    def test_done_at_once(self) -> None:
        """A Deferred that has fired is waited for no more."""
        raw = self.ready(listener=Recorder())
        raw.peer.hear("inv", lambda peer, message: succeed(None))
        raw.send(Inv([]), Ping(1))
        self.assertEqual(raw.read(), [Pong(1)])

    def test_its_time_is_ours(self) -> None:
        """However long it takes, neither idleness nor what is owed ends the peer, and nothing is timed out."""
        slow = Slow()
        raw = self.ready(listener=slow)
        asked = raw.peer.request(MemPool())
        raw.send(Addr([]))
        raw.peer.hear("addr", lambda *_: None)
        held: Deferred[None] = Deferred()
        raw.peer.hear("addr", lambda *_: held)
        raw.send(Addr([]))
        self.let_pass(600)
        self.assertFalse(raw.hung_up)
        self.assertNoResult(asked)
        held.callback(None)
        self.let_pass(20)
        self.assertFalse(raw.hung_up)
        self.let_pass(11)
        self.failureResultOf(asked)
        self.let_pass(20)
        self.assertEqual(self.why(raw).reason, Reason.STALLED)

    def test_failed(self) -> None:
        """A PeerError ends the peer for its reason; another error is logged, once, and ends it too."""
        for error, reason in (
            (PeerLost("enough", Reason.LOCAL_CLOSE), Reason.LOCAL_CLOSE),
            (ValueError("ours"), Reason.LOCAL_ERROR),
        ):
            slow = Slow()
            raw = self.ready(listener=slow)
            raw.send(Inv([]), Ping(1))
            slow.work[0].errback(error)
            self.let_pass(0)
            self.assertEqual((self.why(raw).reason, raw.read()), (reason, []))
        self.assertEqual(len(self.flushLoggedErrors(ValueError)), 1)

    def test_end_while_at_work(self) -> None:
        """The peer may end meanwhile; what is left is not handled, and nothing is kept."""
        slow = Slow()
        raw = self.ready(listener=slow)
        raw.send(Inv([]), Ping(1))
        raw.send(Ping(2))
        raw.peer.disconnect()
        slow.work[0].callback(None)
        self.let_pass(6)
        self.assertEqual(slow.heard, ["inv"])
        raw.close()
        second = self.ready(listener=slow)
        second.send(Inv([]), Ping(1))
        gone = weakref.ref(second.peer)
        second.close()
        slow.work.pop().callback(None)
        self._raws.remove(second)
        del second
        gc.collect()
        self.assertIsNone(gone())

    def test_end_when_going_on(self) -> None:
        """A message that waited may be what ends the peer."""
        slow = Slow()
        raw = self.ready(listener=slow)
        raw.peer.hear("ping", lambda peer, message: peer.disconnect())
        raw.send(Inv([]), Ping(1), Ping(2))
        slow.work[0].callback(None)
        self.let_pass(0)
        self.assertEqual((slow.heard, raw.hung_up), (["inv", "ping"], True))

    def test_failed_after_the_end(self) -> None:
        """What fails when the peer is gone is logged all the same."""
        slow = Slow()
        raw = self.ready(listener=slow)
        raw.send(Inv([]))
        raw.close()
        slow.work[0].errback(ValueError("too late"))
        self.assertEqual(len(self.flushLoggedErrors(ValueError)), 1)

    def test_several(self) -> None:
        """Of several that are at work on one message all are waited for."""
        first, second = Slow(), Slow()
        raw = self.ready(listener=first)
        raw.peer.add_listener(second)
        raw.send(Inv([]), Ping(1))
        first.work[0].callback(None)
        self.let_pass(0)
        self.assertEqual(second.heard, ["inv"])
        second.work[0].callback(None)
        self.let_pass(0)
        self.assertEqual(first.heard, ["inv", "ping"])


class CoroutineTests(PeerTestCase):
    """A listener that is a coroutine."""

    def test_is_run(self) -> None:
        """It is run, and waited for."""
        held: Deferred[None] = Deferred()
        seen: list[str] = []

        class Node:
            async def on_inv(self, peer: Any, message: Inv) -> None:
                seen.append("began")
                await held
                seen.append("ended")

        raw = self.ready(listener=Node())
        raw.send(Inv([]), Ping(1))
        self.assertEqual((seen, raw.read()), (["began"], []))
        held.callback(None)
        self.let_pass(0)
        self.assertEqual((seen, raw.read()), (["began", "ended"], [Pong(1)]))

    def test_asks_the_same_peer(self) -> None:
        """Who asks the peer itself is not waited for: the answer could not be read; at first or later."""
        held: Deferred[None] = Deferred()
        seen: list[Any] = []

        class Node:
            async def on_inv(self, peer: Any, message: Inv) -> None:
                seen.append(await peer.request(GetAddr()))
                await held
                seen.append(await peer.request(GetAddr()))

            async def on_feefilter(self, peer: Any, message: Any) -> None:
                await held
                seen.append(await peer.ping())

        raw = self.ready(listener=Node())
        raw.send(Inv([]), Addr([]))
        self.assertEqual(seen, [Addr([])])
        held.callback(None)
        raw.send(Addr([]))
        self.assertEqual(seen, [Addr([])] * 2)

    def test_asks_later(self) -> None:
        """A coroutine that was waited for goes on beside the reading as soon as it asks."""
        held: Deferred[None] = Deferred()
        seen: list[Any] = []

        class Node:
            async def on_inv(self, peer: Any, message: Inv) -> None:
                await held
                seen.append(await peer.request(GetAddr()))

        raw = self.ready(listener=Node())
        raw.send(Inv([]), Addr([]))
        self.assertFalse(raw.transport.reading)
        held.callback(None)
        self.let_pass(0)
        self.assertEqual(seen, [Addr([])])
        self.assertTrue(raw.transport.reading)

    def test_one_of_several_asks_later(self) -> None:
        """So does one of several that hear the same message."""
        held: Deferred[None] = Deferred()
        seen: list[Any] = []

        class Node:
            async def on_inv(self, peer: Any, message: Inv) -> None:
                await held
                seen.append(await peer.request(GetAddr()))

        raw = self.ready(listener=Node())
        raw.peer.hear("inv", lambda *_: seen.append("heard"))
        raw.send(Inv([]))
        self.assertFalse(raw.transport.reading)
        held.callback(None)
        self.let_pass(0)
        raw.send(Addr([]))
        self.assertEqual(seen, ["heard", Addr([])])
        self.assertTrue(raw.transport.reading)

    def test_one_of_several_fails(self) -> None:
        """A PeerError of one of several ends the peer for its reason, too."""

        class Node:
            async def on_inv(self, peer: Any, message: Inv) -> None:
                raise PeerLost("enough", Reason.LOCAL_CLOSE)

        raw = self.ready(listener=Node())
        raw.peer.hear("inv", lambda *_: None)
        raw.send(Inv([]))
        self.assertEqual(self.why(raw).reason, Reason.LOCAL_CLOSE)

    def test_others_may_ask(self) -> None:
        """That somebody else asks meanwhile changes nothing."""
        slow = Slow()
        raw = self.ready(listener=slow)
        raw.send(Inv([]))
        asked = raw.peer.request(GetAddr())
        raw.send(Addr([]))
        self.assertNoResult(asked)
        slow.work[0].callback(None)
        self.let_pass(0)
        self.successResultOf(asked)

    def test_ready_and_lost(self) -> None:
        """`on_ready` and `on_lost` may be coroutines too; what they raise is told."""
        seen: list[str] = []

        class Node:
            async def on_ready(self, peer: Any) -> None:
                await peer.ping()
                seen.append("pinged")

            async def on_lost(self, peer: Any, error: Any) -> None:
                raise ValueError("in on_lost")

        pair = Pair(regtest(), outbound={"listener": Node()}, clock=self.clock)
        pair.deliver()
        self.assertEqual((seen, pair.outbound.state), (["pinged"], State.READY))
        pair.cut()
        self.assertEqual(len(self.flushLoggedErrors(ValueError)), 1)

    def test_version(self) -> None:
        """A coroutine that hears the version may refuse the peer."""

        class Node:
            async def on_version(self, peer: Any, message: Any) -> None:
                raise PeerLost("not this one", Reason.LOCAL_CLOSE)

        raw = self.raw(listener=Node())
        raw.send(raw.version())
        self.assertEqual(self.why(raw).reason, Reason.LOCAL_CLOSE)
        self.assertNotIsInstance(raw.peer.ending, ListenerFailed)
