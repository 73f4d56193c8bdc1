"""Whom a node asks for headers, and when: one peer has the lead, the others wait or are near."""

from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from peerproto.networks.bitcoin import Inv, InvVect
from peerproto.node.headerasking import MOST_FAILURES
from peerproto.node.headerlead import EACH, OVERALL, REPLY
from peerproto.node.headersync import MOST_REPEATS
from peerproto.testing import RawPeer
from tests.lead_case import FEW, MOST, LeadCase
from tests.node_case import bring, mined


class WitnessTests(LeadCase):
    """Those that have not the lead."""

    def test_one_is_asked(self) -> None:
        """Of peers that are far ahead one is asked; the others are when all of it is here, and then for no more."""
        done: list[Any] = []
        node = self.node(finished=done.append)
        first, *others = [self.far(node), self.far(node), self.far(node)]
        self.assertIn(f"{first.peer} is asked for its chain: it says 200, we have 0", self.logged)
        self.assertEqual([len(self.asked(raw)) for raw in (first, *others)], [1, 0, 0])
        first.send(bring(mined(200)[:20]))
        self.assertEqual((node.chain.height, len(self.asked(first)), done), (20, 1, []))
        first.send(bring(mined(200)[20:40]))
        self.assertEqual(self.serve(first, mined(200)), 9)
        self.assertEqual((node.chain.height, done), (200, [first.peer]))
        self.assertEqual([self.serve(raw, mined(200)) for raw in others], [1, 1])
        self.assertEqual(done, [first.peer, *(raw.peer for raw in others)])

    def test_more_than_the_lead(self) -> None:
        """If another has said that it has more than the lead could show it has it next, and only then all is synced."""
        node = self.node()
        first, second = self.far(node, 60), self.far(node, 90)
        synced = node.follower.synced.when()
        self.serve(first, mined(60))
        self.assertEqual(node.chain.height, 60)
        self.assertNoResult(synced)
        self.serve(second, mined(90))
        self.assertEqual(node.chain.height, 90)
        self.assertIs(self.successResultOf(synced), second.peer)

    def test_more_work_on_another_branch(self) -> None:
        """That is so, too, if what it has is another branch from the first header on: it takes the chain's place."""
        node = self.node()
        first, second = self.far(node, 60), self.far(node, 90)
        self.serve(first, mined(60))
        self.serve(second, mined(90, salt=b"other"))
        self.assertEqual(node.chain.header_at(90), mined(90, salt=b"other")[-1])

    def test_who_is_next(self) -> None:
        """If the lead is lost it goes to one that we called, of these to the one that says it is highest."""
        node = self.node()
        first = self.far(node)
        caller = self.far(node, 900, inbound=True)
        low, high, higher = self.far(node, 300), self.far(node, 400), self.far(node, 800)
        higher.close()
        for each, waiting in ((high, (caller, low)), (low, (caller,)), (caller, ())):
            first.close()
            self.assertEqual(len(self.asked(each)), 1)
            self.assertEqual([self.asked(raw) for raw in waiting], [[] for _ in waiting])
            first = each

    def test_who_has_failed_us(self) -> None:
        """One that had the lead and brought nothing comes behind one that says less."""
        node = self.node(manual=True)
        silent = self.far(node, 500)
        self.clock.advance(REPLY)
        self.asked(silent)
        other, lower = self.far(node, 300), self.far(node, 200)
        self.clock.advance(REPLY)  # both failed, each once; the first one is heard again
        self.assertEqual([len(self.asked(raw)) for raw in (silent, other, lower)], [0, 1, 1])
        lower.close()
        self.assertEqual(len(self.asked(silent)), 1)

    def test_announcements(self) -> None:
        """What others announce while one has the lead is asked for afterwards, if it is not here then."""
        node = self.node()
        first, second, third = self.far(node), self.far(node), self.far(node, 0)
        self.asked(third)
        news = mined(201)[-1]
        second.send(Inv([InvVect(2, FEW.chain.block_hash(news))]))
        for _ in range(30):
            third.send(bring([news]))
        self.assertEqual([self.asked(second), self.asked(third)], [[], []])
        self.serve(first, mined(200))
        self.assertEqual([self.serve(second, mined(201)), node.chain.height], [1, 201])
        self.assertIsNone(third.peer.ending)

    def test_one_ends_as_another_is_asked(self) -> None:
        """Who waits and ends while another one is asked is not asked any more."""
        node = self.node()
        first, second, third = self.far(node), self.far(node), self.far(node)
        self.patch(second.peer, "send", lambda *question, **options: third.close())
        self.serve(first, mined(200))
        self.assertEqual((node.chain.height, self.asked(third)), (200, []))
        self.assertNotIn(third.peer, node.follower._asking.sources)

    def test_near(self) -> None:
        """Who has no more than fits into a message is asked at once, whoever else is there, if nobody has the lead."""
        node = self.node()
        self.assertEqual([len(self.asked(self.far(node, MOST))) for _ in range(3)], [1, 1, 1])

    def test_near_but_more(self) -> None:
        """Who brings a full message has the lead from then on, whatever it has said."""
        node = self.node()
        first, second = self.far(node, 5), self.far(node, 5)
        for raw in (first, second):
            self.asked(raw)
            raw.send(bring(mined(90)[:MOST]))
        self.assertEqual([len(self.asked(raw)) for raw in (first, second)], [1, 0])
        first.close()
        self.serve(second, mined(90))
        self.assertEqual(node.chain.height, 90)

    def test_the_same_again(self) -> None:
        """Who brings the same full message again and again is ended; a question that was asked twice does no harm."""
        raw = self.far(self.node(), 200)
        for _ in range(MOST_REPEATS + 1):
            self.assertIsNone(raw.peer.ending)
            raw.send(bring(mined(MOST)))
        self.assertIsNone(raw.peer.ending)
        raw.send(bring(mined(MOST)))
        self.assertEqual(str(raw.peer.ending), "it brings the same headers again and again")

    def test_once_synced(self) -> None:
        """Once the chain is synced one that has the lead and is silent keeps nobody from bringing what is new."""
        node = self.node()
        first = self.far(node, 60)
        self.serve(first, mined(60))
        self.assertTrue(node.follower.synced.is_over())
        silent = self.far(node, 10_000, inbound=True)
        first.send(Inv([InvVect(2, FEW.chain.block_hash(mined(61)[-1]))]))
        self.serve(first, mined(61))
        self.serve(self.far(node, 62), mined(62))
        self.assertEqual((node.chain.height, len(self.asked(silent))), (62, 1))


class BoastTests(LeadCase):
    """Peers that say they have much more than there is."""

    def test_who_goes(self) -> None:
        """When one that has boasted goes, or is silent for too long, what another had told counts."""
        for way in ("goes", "is silent"):
            done: list[Any] = []
            node = self.node(finished=done.append)
            honest, boaster = self.far(node, 60), self.far(node, 10**6)
            self.serve(honest, mined(60))
            synced = node.follower.synced.when()
            self.assertEqual((node.chain.height, done), (60, []))
            self.assertNoResult(synced)
            if way == "goes":
                boaster.close()
            else:
                self.clock.advance(REPLY)
                self.ended(boaster)
            self.assertIs(self.successResultOf(synced), honest.peer)
            self.assertEqual(done, [honest.peer])

    def test_asked_again_meanwhile(self) -> None:
        """What it had told does not count when it has announced more since."""
        node = self.node()
        honest, boaster = self.far(node, 60), self.far(node, 10**6)
        self.serve(honest, mined(60))
        honest.send(Inv([InvVect(2, FEW.chain.block_hash(mined(61)[-1]))]))
        boaster.close()
        synced = node.follower.synced.when()
        self.assertNoResult(synced)
        self.serve(honest, mined(61))
        self.assertIs(self.successResultOf(synced), honest.peer)
        self.assertEqual(node.chain.height, 61)

    def test_who_has_called_us(self) -> None:
        """For one that has called us nobody waits whom we have called."""
        node = self.node()
        honest, _ = self.far(node, 60), self.far(node, 10**6, inbound=True)
        synced = node.follower.synced.when()
        self.serve(honest, mined(60))
        self.assertIs(self.successResultOf(synced), honest.peer)

    def test_callers_in_a_row(self) -> None:
        """Callers that hand each other the lead keep nobody from being asked for what it announces."""
        node = self.node()
        first = self.far(node, 10**6, inbound=True)
        honest = self.far(node, 0)
        self.asked(honest)
        self.far(node, 10**6, inbound=True)
        honest.send(Inv([InvVect(2, FEW.chain.block_hash(mined(10)[-1]))]))
        self.serve(honest, mined(10))
        self.assertEqual((node.chain.height, node.follower.synced.is_over()), (10, True))
        self.assertEqual(len(self.asked(first)), 1)

    def test_among_callers(self) -> None:
        """Of those that have called us one waits for the other, as nobody else is here."""
        node = self.node()
        honest, _ = self.far(node, 60, inbound=True), self.far(node, 10**6, inbound=True)
        self.serve(honest, mined(60))
        self.assertFalse(node.follower.synced.is_over())
        self.clock.advance(REPLY)
        self.assertTrue(node.follower.synced.is_over())


class PatienceTests(LeadCase):
    """How long the lead is waited for."""

    def test_silent(self) -> None:
        """Who does not answer for two minutes is ended, and the next one has the lead."""
        node = self.node()
        silent, second = self.far(node), self.far(node)
        self.clock.advance(REPLY - 0.1)
        self.assertEqual((silent.peer.ending, self.asked(second)), (None, []))
        self.clock.advance(0.1)
        self.assertEqual(self.ended(silent), "no headers came for 120 seconds")
        self.serve(second, mined(200))
        self.assertEqual(node.chain.height, 200)

    def test_stops_in_the_middle(self) -> None:
        """The same in the middle: each answer has its two minutes, and what came before stays."""
        node = self.node()
        raw, second = self.far(node), self.far(node)
        for height in (20, 40):
            self.clock.advance(REPLY - 1)
            raw.send(bring(mined(200)[height - 20 : height]))
        self.clock.advance(REPLY)
        self.assertEqual(self.ended(raw), "no headers came for 120 seconds")
        (question,) = self.asked(second)
        self.assertEqual(question.block_locator_hashes[0], node.chain.tip)
        self.assertEqual(node.chain.height, 40)

    def test_slow(self) -> None:
        """All answers together have a quarter of an hour, and a millisecond for each header that is to come."""
        node, height = self.node(), 10_000
        raw = self.far(node, height)
        for number in range(10):
            self.assertIsNone(raw.peer.ending)
            self.clock.advance(90)
            raw.send(bring(mined(400)[number * 20 : number * 20 + 20]))
        self.clock.advance(EACH * height - 0.1)
        self.assertIsNone(raw.peer.ending)
        self.clock.advance(0.1)
        self.assertEqual(self.ended(raw), f"its headers took more than {OVERALL + EACH * height:g} seconds")

    def test_our_own_time(self) -> None:
        """The time that we need ourselves is not held against it."""
        node = self.node()
        add = node.chain.add

        def slow(*arguments: Any, **options: Any) -> Any:
            self.clock.rightNow += 10 * REPLY
            return add(*arguments, **options)

        self.patch(node.chain, "add", slow)
        raw = self.far(node)
        for _ in range(10):
            (question,) = self.asked(raw)
            self.answer(raw, mined(200), question)
            self.clock.advance(0)
            self.assertIsNone(raw.peer.ending)
        self.assertEqual(node.chain.height, 200)

    def test_announcements_give_no_time(self) -> None:
        """Who announces blocks and does not answer is not waited for any longer."""
        raw = self.far(self.node())
        for _ in range(int(REPLY / 10)):
            self.assertIsNone(raw.peer.ending)
            self.clock.advance(10)
            raw.send(Inv([InvVect(2, FEW.chain.block_hash(mined(201)[-1]))]))
        self.ended(raw)

    def test_by_hand(self) -> None:
        """Whom somebody chose is not ended: others have the lead, and after two minutes it may have it again."""
        node = self.node(manual=True)
        chosen = self.far(node)
        self.asked(chosen)
        self.clock.advance(REPLY)
        self.assertEqual((chosen.peer.ending, self.asked(chosen)), (None, []))
        self.assertIn("no headers came for 120 seconds: others are asked", self.logged[-1])
        self.clock.advance(REPLY)
        self.assertEqual(self.serve(chosen, mined(200)), 11)
        self.assertEqual(node.chain.height, 200)

    def test_who_called_us(self) -> None:
        """Who called us keeps its place, but not for ever."""
        node = self.node()
        caller = self.far(node, 1000, inbound=True)
        for failures in range(MOST_FAILURES + 1):
            self.assertIsNone(caller.peer.ending)
            caller.send(bring(mined(200)[: MOST * (failures + 1)][-MOST:]))
            self.clock.advance(REPLY)
        self.ended(caller)

    def test_who_called_us_and_goes(self) -> None:
        """If it goes while it rests nothing is left of it."""
        node = self.node(manual=True)
        chosen = self.far(node)
        self.clock.advance(REPLY)
        chosen.close()
        self.assertEqual((self.clock.getDelayedCalls(), node.follower._asking.sources), ([], {}))


class LossTests(LeadCase):
    """Peers that come, bring, keep silent and go, in any order."""

    @given(st.lists(st.tuples(st.integers(0, 5), st.integers(0, 5)), max_size=25))
    def test_any(self, steps: list[tuple[int, int]]) -> None:
        """Whatever happened before, an honest peer that stays brings all there is; and no timer is left at the end."""
        node, raws = self.node(), list[RawPeer]()
        chain = mined(150)
        for number, what in steps:
            raw = raws[number % len(raws)] if raws else None
            if what == 0 or raw is None:
                raws.append(self.far(node, (150, 90, 10**6, 0, 21, 151)[number], inbound=number % 2 == 1))
            elif what == 1:
                raw.close()
                raws.remove(raw)
            elif what == 2:
                self.clock.advance(number * 31)
            elif what == 3:
                raw.send(Inv([InvVect(2, FEW.chain.block_hash(chain[-1]))]))
            else:
                for question in self.asked(raw)[:1]:
                    self.answer(raw, chain[: 90 if what == 4 else 150], question)
            raws = [each for each in raws if not each.peer.ending]
        honest = self.far(node, 150)
        for _ in range(40):
            self.serve(honest, chain)
            self.clock.advance(31)
        self.assertEqual(node.chain.height, 150)
        self.assertIsNone(honest.peer.ending)
        for raw in self._raws:
            if raw.peer.id in node.factory.peers:
                raw.close()
        self._raws.clear()
        self.assertEqual((self.clock.getDelayedCalls(), node.follower._asking.lead.peer), ([], None))
