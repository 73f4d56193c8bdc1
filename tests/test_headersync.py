"""The chain follows the peers that have more of it."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from peerproto import networks
from peerproto.chain.rules import display
from peerproto.errors import MalformedMessage, Reason, StoreError
from peerproto.networks.bitcoin import GetHeaders, Headers, Inv, InvVect
from peerproto.node import headersync
from peerproto.node.headerasking import OWED
from peerproto.node.headerchain import HeaderChain
from peerproto.node.headersource import CHEAP_SLICE, SLICE
from peerproto.node.headersync import MOST_ASTRAY
from peerproto.node.node import Node
from peerproto.node.rounds import TURN
from peerproto.testing import RawPeer
from tests.node_case import NETWORK, NodeCase, asked, bring, mined

RULES = NETWORK.chain
BLOCK, TX = 2, 1
FEW = replace(NETWORK, header_sync=replace(NETWORK.headers, most=20))
"""A network whose messages of headers have twenty at most."""


def announce(*headers: bytes, kind: int = BLOCK) -> Inv:
    """An inv of the blocks of these headers."""
    return Inv([InvVect(kind, RULES.block_hash(header)) for header in headers])


class AskingTests(NodeCase):
    """What is asked, and when."""

    def test_new_peer(self) -> None:
        """A peer that is ready is asked for what is behind our tip."""
        node = self.node(mined(30))
        raw = self.raw(node)
        written = raw.handshake(height=500)
        (question,) = [message for message in written if isinstance(message, GetHeaders)]
        self.assertEqual(question.block_locator_hashes, node.chain.locator())
        self.assertEqual((question.protocol_version, question.hash_stop), (70016, bytes(32)))

    def test_owed_by_who_has_more(self) -> None:
        """A peer that said it has more owes an answer: it is ended if none comes."""
        raw = self.peer(self.node(mined(30)), height=31)
        self.clock.pump([1.0] * 120)
        assert raw.peer.ending is not None
        self.assertEqual(raw.peer.ending.reason, Reason.STALLED)

    def test_not_owed_by_others(self) -> None:
        """A peer that has no more than we may keep silent."""
        raw = self.peer(self.node(mined(30)), height=30)
        self.clock.pump([1.0] * 120)
        self.assertIsNone(raw.peer.ending)

    def test_full_message(self) -> None:
        """As many headers as fit mean that there are more: they are asked for behind the new tip."""
        node = self.node(network=FEW)
        raw = self.peer(node, height=45)
        for height in (20, 40):
            raw.send(bring(mined(45)[height - 20 : height]))
            self.assertEqual(node.chain.height, height)
            (question,) = asked(raw)
            self.assertEqual(question.block_locator_hashes[0], node.chain.tip)
        raw.send(bring(mined(45)[40:]))
        self.assertEqual((node.chain.height, asked(raw)), (45, []))

    def test_synced(self) -> None:
        """A message that is not full is the last: that peer has told all, which happens once and is told each time."""
        finished: list[Any] = []
        node = self.node(finished=finished.append)
        synced = node.follower.synced.when()
        raw = self.peer(node, height=10)
        self.assertNoResult(synced)
        raw.send(bring(mined(10)))
        self.assertIs(self.successResultOf(synced), raw.peer)
        raw.send(bring([]))
        self.assertEqual(finished, [raw.peer, raw.peer])

    def test_announced_by_inv(self) -> None:
        """Of the blocks that an inv names the last one counts: if we do not know it its headers are asked for."""
        node = self.node(mined(10))
        raw = self.peer(node)
        raw.send(announce(*mined(12)[10:]))
        self.assertEqual(len(asked(raw)), 1)
        raw.send(announce(mined(9)[-1], mined(10)[-1]))
        raw.send(announce(mined(12)[-1], kind=TX))
        raw.send(Inv([]))
        self.assertEqual(asked(raw), [])

    def test_announced_while_an_answer_is_owed(self) -> None:
        """Blocks announced during a sync do not make it run twice: they are asked for when it is through."""
        node = self.node(network=FEW)
        raw = self.peer(node, height=25)
        for _ in range(5):
            raw.send(announce(mined(26)[-1]))
        self.assertEqual(asked(raw), [])
        raw.send(bring(mined(25)[:20]))
        self.assertEqual(len(asked(raw)), 1)
        raw.send(announce(mined(26)[-1]))
        raw.send(bring(mined(25)[20:]))
        self.assertEqual(len(asked(raw)), 1)
        raw.send(bring(mined(26)[25:]))
        self.assertEqual((node.chain.height, asked(raw)), (26, []))

    def test_announced_before_an_answer_that_does_not_come(self) -> None:
        """What was announced meanwhile is asked for once the answer is overdue, if the peer is still there."""
        node = self.node(network=networks.named("bitcoin-regtest", policy="core"))
        raw, other = self.peer(node, height=5), self.peer(node, height=5)
        for each in (raw, other):
            each.send(announce(mined(1)[0]))
            self.assertEqual(asked(each), [])
        other.close()
        self.clock.advance(OWED)
        self.assertEqual(len(asked(raw)), 1)

    def test_announced_before_an_answer_that_comes(self) -> None:
        """Once the answer is here and what was announced has been asked for, it is not asked for again later."""
        node = self.node(network=networks.named("bitcoin-regtest", policy="core"))
        raw = self.peer(node, height=5)
        raw.send(announce(mined(6)[-1]))
        raw.send(bring(mined(5)))
        self.assertEqual(len(asked(raw)), 1)
        raw.send(bring(mined(6)[5:]))
        self.clock.advance(OWED)
        self.assertEqual(asked(raw), [])

    def test_announced_when_no_answer_will_come(self) -> None:
        """An answer that is not here after a minute and a half is not waited for any more."""
        node = self.node(network=networks.named("bitcoin-regtest", policy="core"))
        raw = self.peer(node, height=5)
        self.clock.advance(OWED)
        raw.send(announce(mined(1)[0]))
        self.assertEqual(len(asked(raw)), 1)


class SliceTests(NodeCase):
    """How many headers are checked at a time."""

    def test_by_work(self) -> None:
        """Many where the work is the hash that names the header, few where it is another one."""
        sizes = {
            name: networks.named(name).chain.is_work_cheap
            for name in ("bitcoin-mainnet", "litecoin-mainnet", "decred-mainnet", "neo-mainnet")
        }
        self.assertEqual(list(sizes.values()), [True, False, False, True], sizes)
        told: list[int] = []
        node = self.node(progressed=lambda peer: told.append(node.chain.height))
        self.peer(node, height=1200).send(bring(mined(1200)))
        self.assertEqual(told, [CHEAP_SLICE, 2 * CHEAP_SLICE, 1200])


class SmallSlices(NodeCase):
    """Headers are checked a hundred at a time, as if their work were hard."""

    def setUp(self) -> None:
        super().setUp()
        self.patch(headersync, "CHEAP_SLICE", SLICE)


class TakingTests(SmallSlices):
    """What becomes of headers."""

    def test_slices(self) -> None:
        """Progress is told after each slice, and there is time for others between the turns."""
        told: list[int] = []
        node = self.node(progressed=lambda peer: told.append(node.chain.height))
        self.take_time(node.chain, TURN / 2)
        raw = self.peer(node, height=450)
        raw.send(bring(mined(450)))
        self.assertEqual(told, [SLICE, 2 * SLICE])
        self.turn()
        self.assertEqual(told, [SLICE, 2 * SLICE, 3 * SLICE, 4 * SLICE])
        self.turn()
        self.assertEqual(told[-1], 450)

    def test_turns(self) -> None:
        """Peers take turns: one that brings much does not hold up another."""
        node = self.node()
        self.take_time(node.chain, TURN)
        first, second = self.peer(node, height=450), self.peer(node, height=450)
        first.send(bring(mined(450)))
        second.send(bring(mined(50, salt=b"other", after=100)))
        branch = RULES.block_hash(mined(50, salt=b"other", after=100)[-1])
        self.turn()
        self.turn()
        self.assertTrue(node.chain.contains(branch))
        self.assertEqual(node.chain.height, 200)
        self.clock.advance(0)
        self.assertEqual(node.chain.height, 450)

    def test_reorganisation(self) -> None:
        """A branch with more work becomes the chain, and the log says how much has left it."""
        node = self.node(mined(10))
        self.peer(node).send(bring(mined(12, salt=b"other")))
        self.assertEqual(display(node.chain.tip), display(RULES.block_hash(mined(12, salt=b"other")[-1])))
        (line,) = [line for line in self.logged if line.startswith("reorganised")]
        self.assertIn("10 headers have left the chain", line)

    def test_invalid(self) -> None:
        """Headers that break a rule end their peer as misbehaving; what was good before them stays."""
        node = self.node()
        raw = self.peer(node, height=100)
        spoilt = bytearray(mined(8)[-1])
        spoilt[70] ^= 1  # its time, and so its work
        raw.send(bring([*mined(7), bytes(spoilt)]))
        assert raw.peer.ending is not None
        self.assertEqual(raw.peer.ending.reason, Reason.MISBEHAVING)
        self.assertTrue(raw.hung_up)
        self.assertEqual(node.chain.height, 7)
        self.peer(node, height=8).send(bring(mined(8)))
        self.assertEqual(node.chain.height, 8)

    def test_malformed(self) -> None:
        """A message of headers that is malformed inside ends its peer as any malformed message does."""
        node = self.node()
        raw = self.peer(node, height=100)
        raw.send(NETWORK.envelope.wrap(b"headers".ljust(12, b"\0"), b"\1" + mined(1)[0] + b"\1"))
        self.assertIsInstance(raw.peer.ending, MalformedMessage)
        self.assertEqual(node.chain.height, 0)

    def test_peer_goes(self) -> None:
        """What a peer has brought is forgotten when it goes; the others' is not."""
        node = self.node()
        self.take_time(node.chain, TURN)
        first, second = self.peer(node, height=450), self.peer(node, height=450)
        first.send(bring(mined(450)))
        second.send(bring(mined(120)))
        first.close()
        self.clock.advance(0)
        self.assertEqual(node.chain.height, 120)
        second.close()
        self.assertEqual(node.follower._asking.sources, {})

    def test_stop(self) -> None:
        """After a stop nothing is checked any more."""
        node = self.node()
        self.take_time(node.chain, TURN)
        self.peer(node, height=450).send(bring(mined(450)))
        node.follower.stop()
        self.clock.advance(0)
        self.assertEqual(node.chain.height, SLICE)

    def test_headers_that_come_while_others_are_checked(self) -> None:
        """What arrives from within a check, as when a callback lets a peer speak, is checked in its turn."""
        nested: list[Headers] = [bring(mined(30)[20:]), bring(mined(20)[10:])]  # type: ignore[list-item]
        node = self.node(progressed=lambda peer: nested and raw.send(nested.pop()))
        raw = self.peer(node, height=30)
        raw.send(bring(mined(10)))
        self.assertEqual(node.chain.height, 30)

    def take_time(self, chain: HeaderChain, seconds: float) -> None:
        """From now on it takes so long to check a slice."""
        add = chain.add

        def slow(headers: Any, now: float | None = None) -> Any:
            self.clock.rightNow += seconds
            return add(headers, now)

        self.patch(chain, "add", slow)

    def turn(self) -> None:
        """One turn of the reactor: what is added meanwhile waits for the next."""
        due = [call for call in self.clock.getDelayedCalls() if call.getTime() <= self.clock.seconds()]
        for call in due:
            work, arguments = call.func, call.args  # type: ignore[attr-defined]
            call.cancel()
            work(*arguments)


class AstrayTests(SmallSlices):
    """Headers that follow none of ours."""

    def setUp(self) -> None:
        super().setUp()
        self.chain_node = self.node(mined(10))

    def test_asked_once_more(self) -> None:
        """The peer is shown our locator once more; if its answer has a link then, all is well."""
        raw = self.peer(self.chain_node, height=40)
        raw.send(bring(mined(30)[12:]))
        (question,) = asked(raw)
        self.assertEqual(question.block_locator_hashes, self.chain_node.chain.locator())
        raw.send(bring(mined(30)[10:]))
        self.assertEqual(self.chain_node.chain.height, 30)
        self.assertIsNone(raw.peer.ending)

    def test_another_chain(self) -> None:
        """If it has none again the peer has another chain, and is ended."""
        raw = self.peer(self.chain_node, height=40)
        for _ in range(2):
            raw.send(bring(mined(300, salt=b"other")[5:]))
        assert raw.peer.ending is not None
        self.assertEqual(raw.peer.ending.reason, Reason.MISBEHAVING)
        self.assertIn("another chain", str(raw.peer.ending))
        self.assertEqual(self.chain_node.chain.height, 10)

    def test_announcements(self) -> None:
        """Announcements that overtake our sync are forgiven, a few in a row, and asked about when all is here."""
        raw = self.peer(self.chain_node, height=40)
        for height in range(20, 20 + MOST_ASTRAY):
            raw.send(bring(mined(30)[height : height + 1]))
        self.assertIsNone(raw.peer.ending)
        raw.send(bring(mined(30)[10:20]))
        raw.send(bring(mined(30)[25:26]))
        self.assertIsNone(raw.peer.ending)

    def test_announcements_without_end(self) -> None:
        """More than ten in a row end the peer."""
        raw = self.peer(self.chain_node, height=40)
        for _ in range(MOST_ASTRAY + 1):
            raw.send(bring(mined(30)[25:26]))
        assert raw.peer.ending is not None
        self.assertEqual(raw.peer.ending.reason, Reason.MISBEHAVING)

    def test_not_asked_for_each(self) -> None:
        """While an answer is owed no further question goes out, however much leads nowhere."""
        raw = self.peer(self.chain_node, height=40)
        for _ in range(5):
            raw.send(bring(mined(30)[25:26]))
        self.assertLessEqual(len(asked(raw)), 5)


class FloodTests(SmallSlices):
    """Headers that nobody has asked for."""

    def test_memory(self) -> None:
        """A flood of full messages is dropped but for two; all of it is asked for when they are through."""
        node = self.node()
        busy = self.busy(node)
        raw = self.peer(node, height=9000)
        full = bring(mined(2000))
        for _ in range(100):
            raw.send(full)
        source = node.follower._asking.sources[raw.peer]
        self.assertEqual((source.held, len(source.batches)), (4000, 2))
        asked(raw)
        busy.pop()
        self.clock.advance(0)
        self.assertEqual(node.chain.height, 2000)
        self.assertEqual(len(asked(raw)), 1)
        self.assertIsNone(raw.peer.ending)

    def test_empty_messages(self) -> None:
        """Empty messages cost memory too, and are counted."""
        node = self.node()
        self.busy(node)
        raw = self.peer(node, height=9000)
        for _ in range(5000):
            raw.send(bring([]))
        source = node.follower._asking.sources[raw.peer]
        self.assertEqual((source.held, len(source.batches)), (4000, 4000))

    def test_others_are_heard(self) -> None:
        """One peer's flood does not keep another's headers out."""
        node = self.node()
        busy = self.busy(node)
        flood, honest = self.peer(node, height=9000), self.peer(node, height=2000)
        for _ in range(20):
            flood.send(bring(mined(2000)))
        honest.send(bring(mined(1999, salt=b"other")))
        busy.pop()
        self.clock.advance(0)
        self.assertTrue(node.chain.contains(RULES.block_hash(mined(1999, salt=b"other")[-1])))

    def test_peer_objects_are_not_held(self) -> None:
        """Peers that come, flood and go leave nothing."""
        node = self.node()
        self.busy(node)
        for _ in range(5):
            raw = self.peer(node, height=9000)
            raw.send(bring(mined(2000)), bring(mined(2000)))
            raw.close()
        self.assertEqual((node.follower._asking.sources, len(node.follower._rounds)), ({}, 0))
        node.follower.stop()

    def busy(self, node: Node) -> list[int]:
        """The node has no time to check anything until this list is empty."""
        waiting = [1]
        rounds = node.follower._rounds
        go_on = rounds._go_on
        self.patch(
            rounds,
            "_go_on",
            lambda: rounds._timers.later("go on", 0, rounds._go_on) if waiting else go_on(),
        )
        self.addCleanup(node.follower.stop)
        return waiting

    def tearDown(self) -> None:
        """A check that waits for its turn is what is left here."""
        for raw in self._raws:
            if raw.peer.id in raw.peer.factory.peers:
                raw.close()
        for call in self.clock.getDelayedCalls():
            call.cancel()
        super().tearDown()


class StoreFailsTests(SmallSlices):
    """A store that fails is not the peer's fault."""

    def setUp(self) -> None:
        super().setUp()
        self.chain_node = self.node(mined(10))
        self.happened = self.chain_node.trouble.happened.when()

    def test_while_checking(self) -> None:
        """While headers are added: it is told once, the peer is not blamed, nothing more is checked."""
        raw = self.ready()
        self.break_store()
        raw.send(bring(mined(30)[10:]))
        self.assert_told(raw)
        raw.send(bring(mined(30)[10:]))
        self.assertIsNone(raw.peer.ending)

    def test_while_asking(self) -> None:
        """While a question is made up for a new peer."""
        raw = self.raw(self.chain_node)
        self.break_store()
        raw.handshake(height=40)
        self.assert_told(raw)

    def test_while_an_announcement_is_looked_up(self) -> None:
        """While a block that was announced is looked up."""
        raw = self.ready()
        self.break_store()
        raw.send(announce(mined(12)[-1]))
        self.assert_told(raw)

    def test_while_serving(self) -> None:
        """While headers are read for a peer."""
        raw = self.ready()
        self.break_store()
        raw.send(GetHeaders(70016, [RULES.genesis_hash], bytes(32)))
        self.clock.advance(0)
        self.assert_told(raw)

    def test_in_a_later_turn(self) -> None:
        """In a turn that a timer begins, where no peer's message is handled."""
        raw = self.ready()
        add = self.chain_node.chain.add

        def slow(headers: Any, now: float | None = None) -> Any:
            self.clock.rightNow += TURN
            return add(headers, now)

        self.patch(self.chain_node.chain, "add", slow)
        raw.send(bring(mined(300)[10:]))
        self.break_store()
        self.clock.advance(0)
        self.assert_told(raw)

    def test_other_errors(self) -> None:
        """Any other error is our own bug, and shows as one."""
        raw = self.ready()
        self.patch(self.chain_node.chain, "add", lambda headers: 1 / 0)
        raw.send(bring(mined(30)[10:]))
        self.assertEqual(len(self.flushLoggedErrors(ZeroDivisionError)), 1)
        assert raw.peer.ending is not None
        self.assertEqual(raw.peer.ending.reason, Reason.LOCAL_ERROR)

    def ready(self) -> RawPeer:
        """A peer that is ahead of us."""
        return self.peer(self.chain_node, height=40)

    def break_store(self) -> None:
        """The store does not work any more."""
        self.chain_node.chain._store.close()

    def assert_told(self, raw: RawPeer) -> None:
        """The failure was told, and is not the peer's."""
        self.assertIsInstance(self.successResultOf(self.happened), StoreError)
        self.assertIsNone(raw.peer.ending)
        self.assertEqual(self.flushLoggedErrors(), [])
