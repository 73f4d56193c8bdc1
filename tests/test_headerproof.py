"""Branches that must show their work before anything of them is stored."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import replace
from tempfile import TemporaryDirectory
from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from peerproto import networks
from peerproto.chain.rules import sha256d
from peerproto.errors import InvalidHeaders, Reason
from peerproto.network import Network
from peerproto.networks.bitcoin import Inv, InvVect
from peerproto.node import headergate, headerproof
from peerproto.node.headerchain import NEAR, HeaderChain, UnconnectedHeaders
from peerproto.node.headergate import HeaderGate, LittleWork, Passed
from peerproto.node.headerlead import REPLY
from peerproto.node.headerproof import Branch
from peerproto.node.headerstore import HeaderStore
from peerproto.node.node import Node
from tests.lead_case import FEW, MOST, LeadCase
from tests.node_case import NOW, bring, mined

RULES = FEW.chain
EACH_WORK = 2
"""What a header of this network weighs."""


def hash_of(chain: list[bytes], height: int) -> bytes:
    """Of the header at a height."""
    return sha256d(chain[height - 1])


def needing(headers: int, work_hash: Callable[[bytes], bytes] = RULES.block_hash) -> Network:
    """A network whose chain is known to have the work of so many headers."""
    least = EACH_WORK * (headers + 1)
    return replace(FEW, chain=replace(RULES, least_work=least, work_hash=work_hash))


class LeastWorkTests(LeadCase):
    """A network whose chain is known to have the work of a hundred headers."""

    def setUp(self) -> None:
        super().setUp()
        self.patch(headerproof, "STEP", 30)

    def rows(self, node: Node) -> int:
        """How many headers are in the file, without the first."""
        return node.chain._store.rows - 1

    def test_little(self) -> None:
        """A chain that ends with less work is not stored; who brought it is ended, and another one asked."""
        node = self.node(network=needing(100))
        little, honest = self.far(node, 99), self.far(node, 150)
        self.serve(little, mined(99))
        self.assertEqual(
            self.ended(little), "its headers end at height 99 with work 200, must have 202 or more"
        )
        self.assertEqual((node.chain.height, self.rows(node), node.follower.synced.is_over()), (0, 0, False))
        self.serve(honest, mined(150, salt=b"honest"))
        self.assertEqual((node.chain.height, self.rows(node)), (150, 150))
        self.assertTrue(node.follower.synced.is_over())

    def test_little_of_who_called_us(self) -> None:
        """One that called us may be on its way itself: it stays, and is not asked for that again."""
        node = self.node(network=needing(100))
        caller = self.far(node, 99, inbound=True)
        self.serve(caller, mined(99))
        self.clock.advance(10 * REPLY)
        self.assertEqual((caller.peer.ending, self.asked(caller), self.rows(node)), (None, [], 0))

    def test_enough(self) -> None:
        """As soon as it has shown enough work it is brought again from its start on, and stored from mark to mark."""
        node = self.node(network=needing(100))
        raw, heights = self.far(node, 150), list[tuple[int, int, int]]()
        while questions := self.asked(raw):
            (question,) = questions
            start = question.block_locator_hashes[0]
            at = 0 if start == RULES.genesis_hash else list(map(sha256d, mined(150))).index(start) + 1
            heights.append((at, node.chain.height, node.follower.reached))
            self.answer(raw, mined(150), question)
        first = [(0, 0, 0), (20, 0, 20), (40, 0, 40), (60, 0, 60), (80, 0, 80)]
        second = [(0, 0, 100), (20, 0, 100), (40, 30, 100), (60, 60, 100), (80, 60, 100)]
        third = [(100, 100, 100), (120, 120, 120), (140, 140, 140)]
        self.assertEqual(heights, first + second + third)
        self.assertEqual(node.chain.height, 150)

    def test_work_is_computed_once(self) -> None:
        """What it cost to see that a header has its work is not spent again."""
        seen: list[bytes] = []
        node = self.node(network=needing(100, lambda header: seen.append(header) or sha256d(header)))
        seen.clear()
        self.serve(self.far(node, 130), mined(130))
        self.assertEqual((node.chain.height, seen), (130, mined(130)))

    def test_short(self) -> None:
        """What is short enough to be held is stored without being brought again."""
        self.patch(headerproof, "STEP", 40)
        node = self.node(network=needing(25))
        raw = self.far(node, 60)
        self.assertEqual((self.serve(raw, mined(60)), node.chain.height), (4, 60))

    def test_another_chain_the_second_time(self) -> None:
        """Who brings another chain then has it checked like any other; nothing is stored but what was checked."""
        node = self.node(network=needing(100))
        raw = self.far(node, 150)
        for _ in range(5):
            self.answer(raw, mined(150), self.asked(raw)[0])
        other = [*mined(40), *mined(110, salt=b"other", after=40)]
        for _ in range(3):
            self.answer(raw, other, self.asked(raw)[0])
        self.assertEqual((self.rows(node), node.follower._gate.branch), (30, None))
        self.serve(raw, other)
        self.assertEqual(node.chain.tip, hash_of(other, 150))

    def test_a_break_the_second_time(self) -> None:
        """Headers that do not follow each other are not what was checked."""
        node = self.node(network=needing(100))
        raw = self.far(node, 150)
        for _ in range(5):
            self.answer(raw, mined(150), self.asked(raw)[0])
        self.asked(raw)
        raw.send(bring([*mined(150)[:10], *mined(150)[12:20]]))
        self.assertEqual((self.rows(node), node.follower._gate.branch), (0, None))
        self.assertEqual(len(self.asked(raw)), 1)

    def test_less_the_second_time(self) -> None:
        """Who brings less then is ended, with what is missing."""
        node = self.node(network=needing(100))
        raw = self.far(node, 150)
        for _ in range(5):
            self.answer(raw, mined(150), self.asked(raw)[0])
        self.answer(raw, mined(15), self.asked(raw)[0])
        self.assertEqual(self.ended(raw), "it did not bring again what it brought, 85 headers are missing")

    def test_invalid(self) -> None:
        """A header that breaks a rule ends who brought it, and nothing of its branch is stored."""
        node = self.node(network=needing(100))
        raw = self.far(node, 150)
        self.answer(raw, mined(150), self.asked(raw)[0])
        raw.send(bring([*mined(150)[20:30], mined(150)[31]]))
        assert raw.peer.ending is not None
        self.assertEqual(raw.peer.ending.reason, Reason.MISBEHAVING)
        self.assertEqual((self.rows(node), node.follower._gate.branch), (0, None))

    def test_lost_on_the_way(self) -> None:
        """Wherever it is lost, the next one goes on there: no header is brought more often than twice."""
        for answers in range(12):
            node = self.node(network=needing(100))
            raw, second = self.far(node, 150), self.far(node, 150)
            for _ in range(answers):
                self.answer(raw, mined(150), self.asked(raw)[0])
            raw.close()
            self.assertEqual((self.serve(second, mined(150)), node.chain.height), (13 - answers, 150))

    def test_lost_before_another_chain(self) -> None:
        """If the next one has another chain that is begun with from the start."""
        node = self.node(network=needing(100))
        raw, second = self.far(node, 150), self.far(node, 150)
        for _ in range(7):
            self.answer(raw, mined(150), self.asked(raw)[0])
        raw.close()
        other = mined(150, salt=b"other")
        self.serve(second, other)
        self.assertEqual(node.chain.tip, hash_of(other, 150))

    def test_lost_before_the_chain(self) -> None:
        """What one showed who has gone is not held against the next one, who brings other headers, or none."""
        honest = mined(320)
        for length in (320, 260):
            node = self.node(honest[:260])
            caller = self.far(node, height=320, inbound=True)
            caller.send(bring(mined(MOST, b"low")))
            for _ in range(2):
                for question in self.asked(caller):
                    self.answer(caller, mined(100, b"low"), question)
            self.assertIsNotNone(node.follower._gate.branch)
            caller.close()
            good = self.far(node, height=320)
            self.serve(good, honest[:length])
            self.assertEqual((node.chain.height, good.peer.ending), (length, None))
            self.assertIsNone(node.follower._gate.branch)

    def test_not_the_lead(self) -> None:
        """Who brings such a branch without being asked has to wait for the lead, and brings it then."""
        node = self.node(network=needing(100))
        raw, second = self.far(node, 150), self.far(node, 150)
        second.send(bring(mined(20, salt=b"other")))
        self.assertEqual((self.asked(second), node.follower._gate.branch), ([], None))
        raw.close()
        self.serve(second, mined(150, salt=b"other"))
        self.assertEqual(node.chain.height, 150)

    def test_restart(self) -> None:
        """A node that ends on the way goes on with what is stored, and lets the rest show its work."""
        with TemporaryDirectory() as folder:
            network, path = needing(100), os.path.join(folder, "headers")
            chain = self.chain_on(network, path, [])
            raw = self.far(self.node(network=network, chain=chain), 150)
            for _ in range(8):
                self.answer(raw, mined(150), self.asked(raw)[0])
            raw.close()
            chain._store.close()
            chain = self.chain_on(network, path, [])
            self.assertEqual(chain.height, 60)
            self.serve(self.far(self.node(network=network, chain=chain), 150), mined(150))
            self.assertEqual((chain.height, chain._store.rows), (150, 151))
            chain._store.close()

    def test_more_as_it_turns_back(self) -> None:
        """What comes at the very moment when the branch has shown enough is dropped with what was left of it."""
        more: list[Any] = []
        node = self.node(network=needing(30), progressed=lambda peer: more and raw.send(more.pop()))
        raw = self.far(node, 150)
        self.answer(raw, mined(150), self.asked(raw)[0])
        more.append(bring(mined(150)[40:60]))
        self.answer(raw, mined(150), self.asked(raw)[0])
        self.assertEqual(node.follower._asking.sources[raw.peer].held, 0)
        self.serve(raw, mined(150))
        self.assertEqual(node.chain.height, 150)

    def test_announced_on_the_way(self) -> None:
        """Blocks that are announced meanwhile neither disturb nor hurry it."""
        node = self.node(network=needing(100))
        raw, second = self.far(node, 150), self.far(node, 150)
        news = Inv([InvVect(2, hash_of(mined(151), 151))])
        for _ in range(11):
            raw.send(news)
            second.send(news)
            self.answer(raw, mined(150), self.asked(raw)[0])
        self.serve(raw, mined(150))
        self.assertEqual(
            (node.chain.height, self.serve(second, mined(151)), node.chain.height), (150, 1, 151)
        )

    def test_told(self) -> None:
        """The log says how far it is, and when it has shown enough."""
        self.patch(headergate, "TELL_EVERY", 40)
        self.serve(self.far(self.node(network=needing(100)), 150), mined(150))
        lines = [line for line in self.logged if "work" in line]
        nothing = "nothing is stored before the chain has shown enough work"
        self.assertEqual(
            lines,
            [
                f"checked up to height 40; {nothing}",
                f"checked up to height 80; {nothing}",
                "the headers up to height 100 have shown enough work: they are brought again, and stored",
            ],
        )


class DeepBranchTests(LeadCase):
    """A network that says nothing of its work: then what counts is that of our own chain."""

    def test_deep_and_little(self) -> None:
        """A branch that leaves the chain more than 144 headers ago, and has less work, is not stored."""
        node = self.node(mined(400))
        raw = self.far(node, 600)
        self.serve(raw, [*mined(200), *mined(40, salt=b"other", after=200)])
        self.assertEqual((node.chain._store.rows, node.chain.height), (401, 400))
        self.assertIn("its headers end at height 240 with work 482, must have 514 or more", self.ended(raw))

    def test_deep_and_more(self) -> None:
        """One that has more becomes the chain, however deep."""
        for depth in (20, NEAR, NEAR + 1, 399):
            node = self.node(mined(400))
            branch = [*mined(400 - depth), *mined(depth + 7, salt=b"other", after=400 - depth)]
            self.serve(self.far(node, 600), branch)
            self.assertEqual((node.chain.height, node.chain.tip), (407, hash_of(branch, 407)))
            reorganised = [line for line in self.logged if line.startswith("reorganised")]
            self.assertIn(f"reorganised: {depth} headers", reorganised[-1])

    def test_near(self) -> None:
        """One that leaves it later is stored at once, whoever brings it, as it comes."""
        node = self.node(mined(400))
        other = self.far(node, 1)
        other.send(bring(mined(15, salt=b"other", after=390)))
        self.assertEqual((node.chain._store.rows, node.chain.height), (416, 405))


class GateTests(SynchronousTestCase):
    """What goes through, and what is held."""

    def setUp(self) -> None:
        self.patch(headerproof, "STEP", 10)

    def gate(self, headers: int) -> HeaderGate:
        """To an empty chain that must show the work of so many headers."""
        rules = needing(headers).chain
        store = HeaderStore(":memory:", rules)
        self.addCleanup(store.close)
        return HeaderGate(HeaderChain(store, rules, lambda: NOW))

    def test_known(self) -> None:
        """What we have is passed over, and so is nothing."""
        gate = self.gate(5)
        gate.chain.add(mined(3))
        self.assertEqual(gate.add(mined(3), leads=False), Passed(0))
        self.assertEqual(gate.add([], leads=True), Passed(0))

    def test_not_the_lead(self) -> None:
        """It is refused of who has not the lead, and nothing is done."""
        gate = self.gate(5)
        self.assertRaises(LittleWork, gate.add, mined(3), leads=False)
        self.assertIsNone(gate.branch)

    def test_wrong_size(self) -> None:
        """A header of a wrong size is none that goes on with a branch."""
        gate = self.gate(50)
        gate.add(mined(3), leads=True)
        with self.assertRaisesRegex(InvalidHeaders, "the first header has 5 bytes, must have 80"):
            gate.add([b"short"], leads=True)

    def test_rest_of_a_message(self) -> None:
        """What follows the last mark is checked like any headers."""
        gate = self.gate(15)
        self.assertEqual(gate.add(mined(12), leads=True), Passed(12))
        self.assertEqual(gate.add(mined(17)[12:], leads=True), Passed(5, again=True))
        self.assertEqual(gate.add(mined(14), leads=True), Passed(14))
        self.assertEqual((gate.chain.height, gate.height), (10, 17))
        spoilt = mined(18)[-1][:75] + b"\0" + mined(18)[-1][76:]
        with self.assertRaisesRegex(InvalidHeaders, "has bits"):
            gate.add([*mined(17)[14:], spoilt], leads=True)
        self.assertEqual((gate.chain.height, gate.branch), (17, None))

    def test_too_long(self) -> None:
        """A branch that goes on and on without much work is refused."""
        self.patch(headerproof, "MOST_MARKS", 3)
        gate = self.gate(50)
        gate.add(mined(29), leads=True)
        with self.assertRaisesRegex(
            InvalidHeaders, "its branch has 30 headers from height 0 on, and less work"
        ):
            gate.add(mined(30)[29:], leads=True)
        self.assertIsNone(gate.branch)

    @given(
        need=st.integers(0, 60),
        length=st.integers(1, 80),
        slices=st.lists(st.integers(1, 35), min_size=1, max_size=20),
    )
    def test_any_slices(self, need: int, length: int, slices: list[int]) -> None:
        """However it is cut: stored is all or nothing, as the work is enough or not; and little is held."""
        gate, chain, at, turns = self.gate(need), mined(80)[:length], 0, 0
        while at < length:
            count = slices[turns % len(slices)]
            turns += 1
            passed = gate.add(chain[at : at + count], leads=True)
            if gate.branch is not None:
                self.assertLessEqual(len(gate.branch._held), headerproof.STEP + 35)
                self.assertLessEqual(len(gate.branch._marks), length // headerproof.STEP + 1)
            at = 0 if passed.again else at + count
        self.assertEqual(gate.chain.height, length if length >= need else 0)
        self.assertEqual(gate.branch is None, length >= need)


class BranchTests(SynchronousTestCase):
    """What was not shown does not come through."""

    @given(at=st.integers(0, 39), salt=st.sampled_from([b"", b"x"]), step=st.integers(1, 13))
    def test_changed(self, at: int, salt: bytes, step: int) -> None:
        """If one header is another the second time nothing is let through from the mark before it on."""
        self.patch(headerproof, "STEP", 10)
        store = HeaderStore(":memory:", RULES)
        chain = HeaderChain(store, RULES, lambda: NOW)
        branch = Branch(RULES, store.tip, chain.lineage_of(store.tip), EACH_WORK * 40)
        for height in range(0, 40, 20):
            self.assertEqual(branch.show(mined(40)[height : height + 20], chain.latest), [])
        store.close()
        self.assertTrue(branch.comes_again)
        other = mined(1, salt=salt + b"y", after=at)[0]
        changed = [*mined(40)[:at], other, *mined(40)[at + 1 :]]
        through: list[bytes] = []
        with self.assertRaises(UnconnectedHeaders):
            for height in range(0, 40, step):
                through += branch.match(changed[height : height + step][: branch.left])
        self.assertEqual(through, mined(40)[: len(through)])
        self.assertLessEqual(len(through), at)


class NetworkTests(SynchronousTestCase):
    """What the networks say."""

    def test_least_work(self) -> None:
        """The real networks and those for tests between machines have some; those for one machine have none."""
        local: set[Any] = {"regtest", "simnet", "regnet", "privnet", "devnet"}
        for name in networks.names():
            family, _, net = name.partition("-")
            least = networks.named(name).chain.least_work
            wanted = family in ("bitcoin", "litecoin", "decred") and net not in local
            self.assertEqual(least > 1 << 40, wanted, name)
            self.assertEqual(least == 0, not wanted, name)
