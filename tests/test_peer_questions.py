"""Tests of a peer's open questions, where a network answers them beside all else."""

from __future__ import annotations

from typing import Any

from twisted.internet.defer import Deferred

from peerproto.errors import ListenerFailed, PeerLost, Reason, TooManyRequests
from peerproto.networks.decred import MSG_TX, GetData, InvVect, NotFound, Ping, Pong
from peerproto.testing import RawPeer
from tests.everywhere import EverywhereCase

Work = list[tuple[GetData, Deferred[None]]]


def question(number: int, count: int = 1) -> GetData:
    """One that differs from others, and asks for so many things."""
    return GetData([InvVect(MSG_TX, number.to_bytes(32, "big"))] * count)


class QuestionTests(EverywhereCase):
    """Peers of today's dcrd."""

    def setUp(self) -> None:
        super().setUp()
        self.work: Work = []

    def slow(self) -> RawPeer:
        """A peer whose listener takes its time for each question."""
        raw = self.on("dcrd")
        raw.peer.hear("getdata", self.answer)
        return raw

    def answer(self, peer: Any, message: Any) -> Deferred[None]:
        """Begin to."""
        self.work.append((message, Deferred()))
        return self.work[-1][1]

    def asked(self) -> list[GetData]:
        """What the listener was asked so far."""
        return [message for message, _ in self.work]

    def finish(self, number: int) -> None:
        """One is answered, and the next has its turn."""
        self.work[number][1].callback(None)
        self.clock.advance(0)

    def test_one_after_the_other(self) -> None:
        """They are answered in their order, one at a time; all else is handled meanwhile, and the peer is read."""
        raw = self.slow()
        raw.send(question(0), question(1), Ping(5), question(2))
        self.assertEqual((raw.read(), raw.transport.reading), ([Pong(5)], True))
        self.assertEqual(self.asked(), [question(0)])
        for number in range(3):
            self.assertEqual(self.asked()[-1], question(number))
            self.finish(number)
        raw.send(question(3))
        self.assertEqual(self.asked()[3:], [question(3)])

    def test_a_turn_of_its_own(self) -> None:
        """One that comes before the next has had its turn waits behind it."""
        raw = self.slow()
        raw.send(question(0), question(1))
        self.work[0][1].callback(None)
        raw.send(question(2))
        self.assertEqual(self.asked(), [question(0)])
        self.clock.advance(0)
        self.finish(1)
        self.assertEqual(self.asked()[1:], [question(1), question(2)])

    def test_answers_go_out_together(self) -> None:
        """What a listener says at once to what had to wait goes out as one."""
        raw = self.on("dcrd")
        first: Deferred[None] = Deferred()

        def answer(peer: Any, message: Any) -> Deferred[None] | None:
            if message == question(0):
                return first
            written.append(len(raw.transport.outgoing))
            peer.send(NotFound(message.inv_list))
            written.append(len(raw.transport.outgoing))
            return None

        written: list[int] = []
        raw.peer.hear("getdata", answer)
        raw.send(question(0), question(1))
        first.callback(None)
        self.clock.advance(0)
        self.assertEqual((written, raw.read()), ([0, 0], [NotFound(question(1).inv_list)]))

    def test_as_many_as_may_wait(self) -> None:
        """A thousand may wait while one is answered; one more ends the peer, with nothing held against it."""
        raw = self.slow()
        for number in range(1001):
            raw.send(question(number))
        self.assertFalse(raw.hung_up)
        raw.send(question(1001))
        error = self.why(raw)
        self.assertIsInstance(error, TooManyRequests)
        self.assertEqual((error.reason, raw.peer.score), (Reason.TOO_MANY_REQUESTS, 0))
        self.assertEqual(str(error), "1000 getdata wait for their answer, no more may")
        self.finish(0)
        self.assertEqual(len(self.work), 1)

    def test_as_many_things(self) -> None:
        """So is one by which more than a hundred thousand things are asked for, in however few questions."""
        raw = self.on("dcrd", manual=True)
        raw.peer.hear("getdata", self.answer)
        raw.send(question(0, 50_000), question(1, 49_999), question(2, 1))
        self.assertFalse(raw.hung_up)
        raw.send(question(3, 1))
        self.assertEqual(
            str(self.why(raw)), "getdata of 1 things, and 100000 are not answered yet, of 100000 allowed"
        )

    def test_those_answered_count_no_more(self) -> None:
        """Neither of them is counted once it is answered."""
        raw = self.on("dcrd", manual=True)
        raw.peer.hear("getdata", self.answer)
        raw.send(question(0, 50_000), question(1, 50_000))
        self.finish(0)
        raw.send(question(2, 50_000))
        self.finish(1)
        self.finish(2)
        self.assertEqual((len(self.work), raw.hung_up), (3, False))

    def test_what_is_not_taken(self) -> None:
        """While the peer does not take what it was answered no other question is."""
        raw = self.on("dcrd", manual=True)
        answered: list[Any] = []

        def answer(peer: Any, message: Any) -> None:
            answered.append(message)
            for _ in range(3):
                peer.send(NotFound(question(9, 2000).inv_list))

        raw.peer.hear("getdata", answer)
        raw.send(question(0), question(1), question(2))
        for number in range(3):
            self.assertEqual(answered, [question(each) for each in range(number + 1)])
            self.assertEqual(len(raw.read()), 3)
            self.clock.advance(0)

    def test_who_has_gone(self) -> None:
        """A peer that ends while its answer is not taken, or at work, is asked for nothing more."""
        raw = self.on("dcrd", manual=True)
        raw.peer.hear("getdata", lambda peer, _: [peer.send(NotFound(question(9, 5000).inv_list))])
        raw.send(question(0), question(1), question(2))
        raw.close()
        self.assertEqual(self.clock.getDelayedCalls(), [])
        late = self.slow()
        late.send(question(3), question(4))
        late.close()
        self.finish(0)
        self.assertEqual(self.asked(), [question(3)])

    def test_nobody_listens_any_more(self) -> None:
        """What waits when the listener is removed is dropped, as all that nobody hears."""
        raw = self.on("dcrd", listener=object())
        listener = raw.peer.hear("getdata", self.answer)
        raw.send(question(0), question(1), question(2))
        raw.peer.remove_listener(listener)
        self.finish(0)
        self.clock.advance(0)
        raw.peer.add_listener(listener)
        raw.send(question(3))
        self.assertEqual(self.asked(), [question(0), question(3)])

    def test_a_listener_that_fails(self) -> None:
        """At once or later, it ends the peer with local-error, is logged once, and answers no more."""
        for late in (False, True):
            raw, work = self.on("dcrd"), Deferred[None]()
            heard: list[Any] = []

            def fail(_: Any, message: Any, late: bool = late, work: Any = work, heard: Any = heard) -> Any:
                heard.append(message)
                return work.addCallback(lambda _: 1 / 0) if late else 1 / 0

            raw.peer.hear("getdata", fail)
            raw.send(question(0), question(1))
            work.callback(None)
            self.clock.advance(0)
            self.assertIsInstance(self.why(raw), ListenerFailed)
            self.assertEqual((len(self.flushLoggedErrors(ZeroDivisionError)), len(heard)), (1, 1))

    def test_coroutines_that_ask(self) -> None:
        """A coroutine may ask the same peer while it answers: the answer is read, as all else is."""
        raw = self.on("dcrd")
        done: list[float] = []

        async def answer(peer: Any, message: Any) -> None:
            done.append(await peer.ping())

        raw.peer.hear("getdata", answer)
        raw.send(question(0), question(1))
        for _ in range(2):
            (ping,) = raw.read()
            assert isinstance(ping, Ping)
            raw.send(Pong(ping.nonce))
            self.clock.advance(0)
        self.assertEqual(done, [0.0, 0.0])

    def test_a_peer_that_is_not_read(self) -> None:
        """While another listener is at work the peer is not read, but what it has asked for is answered."""
        raw, other = self.slow(), Deferred[None]()
        raw.peer.hear("inv", lambda *_: other)
        raw.send(question(0), question(1), raw.peer.network.announcing([]))  # type: ignore[call-arg]
        self.assertFalse(raw.transport.reading)
        self.finish(0)
        self.assertEqual((self.asked(), raw.transport.reading), ([question(0), question(1)], False))
        other.callback(None)
        self.clock.advance(0)
        self.assertTrue(raw.transport.reading)

    def test_other_ways_wait(self) -> None:
        """dcrd 1.x reads no more until one is answered."""
        raw = self.on("dcrd1")
        raw.peer.hear("getdata", self.answer)
        raw.send(question(0), Ping(5))
        self.assertEqual((raw.read(), raw.transport.reading), ([], False))
        raw.close()
        self.assertEqual(raw.peer.ending.reason if raw.peer.ending else None, Reason.CLOSED_BY_PEER)
        self.assertIsInstance(raw.peer.ending, PeerLost)
