"""Tests of what goes out."""

from __future__ import annotations

from twisted.internet.defer import CancelledError, succeed
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from peerproto.errors import LocalError, PeerLost, Reason
from peerproto.forms.conversation import Timing
from peerproto.networks.bitcoin import FeeFilter, Ping, Pong
from peerproto.peer.flow import SEND_BUDGET, Flow
from peerproto.peer.outbox import Outbox
from peerproto.peer.statistics import Statistics
from peerproto.peer.timers import Timers
from peerproto.testing import CALLED, CALLER, MemoryTransport
from tests.peer_case import regtest


class Writes(MemoryTransport):
    """A transport that notes each write."""

    def __init__(self) -> None:
        super().__init__(CALLER, CALLED)
        self.writes: list[bytes] = []

    def write(self, data: bytes) -> None:
        """Note it."""
        self.writes.append(data)


class OutboxTests(SynchronousTestCase):
    """Encoded, counted, written."""

    def setUp(self) -> None:
        self.codec = regtest().codec()
        self.statistics = Statistics(0.0)
        self.transport = Writes()
        flow = Flow(Timers(Clock()), Timing(), SEND_BUDGET, self.fail)
        flow.connect(self.transport)
        self.outbox = Outbox(self.codec, self.statistics, flow)

    def test_at_once(self) -> None:
        """A message is written as its frame, and counted."""
        self.outbox.write(Ping(1))
        self.assertEqual(self.transport.writes, [self.codec.encode(Ping(1))])
        self.assertEqual((self.statistics.bytes_sent, self.statistics.sent[Ping].messages), (32, 1))

    def test_held(self) -> None:
        """Between hold and flush all goes into one write, in order; what comes later goes at once again."""
        self.outbox.hold()
        self.outbox.write(Ping(1))
        self.outbox.write(Pong(2))
        self.assertEqual(self.transport.writes, [])
        self.outbox.flush()
        self.outbox.write(Ping(3))
        frames = [self.codec.encode(message) for message in (Ping(1), Pong(2), Ping(3))]
        self.assertEqual(self.transport.writes, [frames[0] + frames[1], frames[2]])

    def test_nothing_held(self) -> None:
        """Nothing is written for nothing."""
        self.outbox.hold()
        self.outbox.flush()
        self.outbox.flush()
        self.assertEqual(self.transport.writes, [])

    def test_codec_changes(self) -> None:
        """The codec may change between two messages."""
        self.outbox.write(Ping(1))
        self.outbox.codec = regtest().codec(60000)
        self.outbox.write(Ping())
        self.assertEqual([len(data) for data in self.transport.writes], [32, 24])

    def test_cannot_be_written(self) -> None:
        """What the codec cannot write is neither written nor counted."""
        self.outbox.codec = regtest().codec(60000)
        with self.assertRaises(LocalError):
            self.outbox.write(FeeFilter(1))
        self.assertEqual((self.transport.writes, self.statistics.bytes_sent), ([], 0))
        self.assertEqual(dict(self.statistics.sent), {})


class WhenOpenTests(SynchronousTestCase):
    """What has to wait until the handshake is done."""

    def setUp(self) -> None:
        flow = Flow(Timers(Clock()), Timing(), SEND_BUDGET, self.fail)
        self.outbox = Outbox(regtest().codec(), Statistics(0.0), flow)
        self.done: list[str] = []

    def test_in_order(self) -> None:
        """All is done in the order of asking, and what they give is handed on."""
        waiting = [self.outbox.when_open(lambda name=name: self.done.append(name) or name) for name in "abc"]
        self.assertEqual(self.done, [])
        self.outbox.open()
        self.assertEqual(self.done, ["a", "b", "c"])
        self.assertEqual([self.successResultOf(each) for each in waiting], ["a", "b", "c"])

    def test_gives_a_deferred(self) -> None:
        """What they give may come later."""
        waiting = self.outbox.when_open(lambda: succeed("later"))
        self.outbox.open()
        self.assertEqual(self.successResultOf(waiting), "later")

    def test_never(self) -> None:
        """If the peer ends before, nothing is done and all fail with the reason."""
        lost = PeerLost("gone", Reason.RESET)
        waiting = self.outbox.when_open(lambda: self.done.append("a"))
        self.outbox.close(lost)
        self.assertIs(self.failureResultOf(waiting, PeerLost).value, lost)
        self.assertEqual(self.done, [])

    def test_cancelled(self) -> None:
        """What is cancelled is not done, and the others are."""
        first = self.outbox.when_open(lambda: self.done.append("a"))
        self.outbox.when_open(lambda: self.done.append("b"))
        first.cancel()
        self.failureResultOf(first, CancelledError)
        self.outbox.open()
        self.assertEqual(self.done, ["b"])
