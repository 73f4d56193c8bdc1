"""Tests of how long listeners take: counted by command, where a factory is asked for it."""

from __future__ import annotations

from typing import Any

from twisted.internet.defer import Deferred
from twisted.python.failure import Failure

from peerproto.errors import LocalError, Reason
from peerproto.networks.bitcoin import Addr, GetAddr, Inv, Ping, Pong
from peerproto.testing import RawPeer
from tests.peer_case import PeerTestCase, unknown_frame


class StopwatchTests(PeerTestCase):
    """Seconds in listeners."""

    def timed(self, listener: object) -> RawPeer:
        """A ready peer whose listeners are timed."""
        return self.ready(listener=listener, time_handlers=True)

    def seconds(self, raw: RawPeer, command: str, direction: str = "received") -> float:
        """What is counted."""
        counts: dict[str, dict[str, Any]] = getattr(raw.peer.snapshot(), direction)
        seconds: float = counts[command]["seconds"]
        return seconds

    def test_by_command(self) -> None:
        """Each command has its own sum, that of the handshake and what is not understood included."""
        case = self

        class Node:
            def on_version(self, peer: Any, message: Any) -> None:
                case.busy(1)

            def on_inv(self, peer: Any, message: Any) -> None:
                case.busy(2)

            def on_message(self, peer: Any, unread: Any) -> None:
                case.busy(4)

        raw = self.timed(Node())
        raw.send(Inv([]), Inv([]), Ping(1), unknown_frame(raw.peer.network))
        for command, seconds in (("version", 1), ("inv", 4), ("ping", 0), ("unread", 4), ("verack", 0)):
            self.assertAlmostEqual(self.seconds(raw, command), seconds)

    def test_added_listeners(self) -> None:
        """Listeners of one peer count beside the node's; removed ones do not any more."""
        raw = self.timed(object())
        calls = [raw.peer.hear("inv", lambda *_: self.busy(3)), raw.peer.hear("inv", lambda *_: self.busy(5))]
        raw.send(Inv([]))
        self.assertAlmostEqual(self.seconds(raw, "inv"), 8)
        raw.peer.remove_listener(calls[1])
        raw.send(Inv([]))
        self.assertAlmostEqual(self.seconds(raw, "inv"), 11)

    def test_frames(self) -> None:
        """`on_read` counts for what has come, `on_write` for what goes out; for neither if there is no such message."""
        case = self

        class Node:
            def on_read(self, peer: Any, size: int, message: Any, error: Any) -> None:
                case.busy(1)

            def on_write(self, peer: Any, size: int, message: Any, error: Any) -> None:
                case.busy(10)

        raw = self.timed(Node())
        raw.send(Ping(1))
        self.assertAlmostEqual(self.seconds(raw, "ping"), 1)
        self.assertAlmostEqual(self.seconds(raw, "pong", "sent"), 10)
        before = raw.peer.snapshot()
        self.assertRaises(LocalError, raw.peer.send, Addr([None]))  # type: ignore[list-item]
        raw.send(bytes(24))
        after = raw.peer.snapshot()
        self.assertEqual(self.why(raw).reason, Reason.WRONG_NETWORK)
        self.assertEqual(after.sent.pop("reject")["seconds"], 10)
        self.assertEqual((after.received, after.sent), (before.received, before.sent))

    def test_raises(self) -> None:
        """What a listener takes to fail counts."""
        case = self

        class Node:
            def on_inv(self, peer: Any, message: Any) -> None:
                case.busy(2)
                raise ValueError("ours")

        raw = self.timed(Node())
        raw.send(Inv([]))
        self.assertAlmostEqual(self.seconds(raw, "inv"), 2)
        self.assertEqual(len(self.flushLoggedErrors(ValueError)), 1)

    def test_off(self) -> None:
        """Unless it is asked for nothing is measured, nothing is said, and nothing stands between."""
        raw = self.ready()
        raw.send(Inv([]))
        self.assertEqual(raw.peer.snapshot().received["inv"], {"messages": 1, "bytes": 25})
        self.assertIs(raw.peer.audience.handlers, raw.peer.factory.handlers)


class CoroutineTests(PeerTestCase):
    """Listeners that wait: only what runs counts."""

    def setUp(self) -> None:
        super().setUp()
        self.held: Deferred[str] = Deferred()
        self.got: list[object] = []
        case = self

        class Node:
            async def on_inv(self, peer: Any, message: Any) -> None:
                case.busy(1)
                try:
                    case.got.append(await case.held)
                except ValueError as error:
                    case.got.append(error)
                case.busy(2)

            async def on_feefilter(self, peer: Any, message: Any) -> None:
                case.got.append(await peer.request(GetAddr()))

        self.raw_peer = self.ready(listener=Node(), time_handlers=True)

    def seconds(self) -> float:
        """What is counted for inv."""
        seconds: float = self.raw_peer.peer.snapshot().received["inv"]["seconds"]
        return seconds

    def test_waits(self) -> None:
        """The time in which it waits is not its own, and it is waited for as ever."""
        self.raw_peer.send(Inv([]), Ping(1))
        self.clock.advance(100)
        self.assertAlmostEqual(self.seconds(), 1)
        self.held.callback("done")
        self.clock.advance(0)
        self.assertAlmostEqual(self.seconds(), 3)
        self.assertEqual((self.got, self.raw_peer.read()), (["done"], [Pong(1)]))

    def test_failure_is_raised_in_it(self) -> None:
        """What it waits for may fail: the error comes up where it waits."""
        self.raw_peer.send(Inv([]))
        error = ValueError("so it goes")
        self.held.errback(Failure(error))
        self.assertEqual(self.got, [error])
        self.assertAlmostEqual(self.seconds(), 3)

    def test_cancelled(self) -> None:
        """Who gives up waiting closes it; its time until then counts."""
        self.raw_peer.send(Inv([]))
        self.held.cancel()
        self.assertAlmostEqual(self.seconds(), 1)
        self.flushLoggedErrors()

    def test_asks_the_same_peer(self) -> None:
        """One that asks the peer itself is not waited for, timed or not."""
        raw = self.raw_peer
        raw.send(raw.peer.network.codec().kinds["feefilter"](1000), Addr([]))
        self.assertEqual(self.got, [Addr([])])
