"""What is asked of whoever can answer, and told to all."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from twisted.internet.defer import CancelledError, Deferred

from peerproto.errors import LocalError, NoPeers, NotFound, PeerStalled
from peerproto.networks.bitcoin import MSG_BLOCK, GetData, GetHeaders, InvVect, Ping, SendHeaders
from peerproto.networks.bitcoin import NotFound as NotFoundMessage
from peerproto.node.asking import ask_any, availability, part_of, tell_all
from peerproto.testing import RawPeer
from peerproto.wire.message import Message
from tests.manager_case import ManagerCase
from tests.node_case import NETWORK, bring, mined
from tests.peer_case import HASHES

WANTED = [InvVect(MSG_BLOCK, each) for each in HASHES[:3]]
ASKS = GetHeaders(70016, [NETWORK.genesis], bytes(32))


class AskingCase(ManagerCase):
    """Some peers that are ready, none of them asked yet."""

    def setUp(self) -> None:
        super().setUp()
        self.raws = [self.ready_at() for _ in range(3)]

    def ask(self, message: Message = ASKS, **options: Any) -> Deferred[Any]:
        """Ask them."""
        peers = self.factory.peers
        return Deferred.fromCoroutine(ask_any(lambda: list(peers.values()), message, **options))

    def asked(self) -> list[list[Message]]:
        """What each was asked since the last time."""
        return [raw.read() for raw in self.raws]


class AskingTests(AskingCase):
    """One answer from whoever gives it."""

    def test_answer(self) -> None:
        """One peer is asked, and its answer is the answer."""
        waiting = self.ask()
        self.assertEqual(self.asked(), [[ASKS], [], []])
        self.raws[0].send(bring(mined(2)))
        self.assertEqual(len(self.successResultOf(waiting).headers), 2)

    def test_loss(self) -> None:
        """When that ends the next is asked."""
        waiting = self.ask()
        self.raws[0].close()
        self.assertEqual(self.asked(), [[ASKS], [ASKS], []])
        self.raws[1].send(bring(mined(1)))
        self.successResultOf(waiting)

    def test_stall(self) -> None:
        """When it does not answer in time, too; none is asked twice."""
        waiting = self.ask(timeout=5.0)
        for number in range(3):
            self.assertEqual([len(asked) for asked in self.asked()], [at == number for at in range(3)])
            tries = 0
            while not waiting.called and len(self.raws[number].peer.pending):
                self.clock.advance(1)
                tries += 1
            self.assertLess(tries, 25)
        error = self.failureResultOf(waiting, NoPeers).value
        self.assertEqual([type(each) for each in error.errors], [PeerStalled] * 3)
        self.assertIn("nobody has answered it; the last one: getheaders was not answered", str(error))

    def test_nobody(self) -> None:
        """Without a peer there is nobody to ask."""
        for raw in self.raws:
            raw.close()
        error = self.failureResultOf(self.ask(), NoPeers).value
        self.assertEqual(str(error), "getheaders: there is nobody who could be asked")
        self.assertEqual((error.errors, error.reason), ([], "no-peers"))

    def test_late_comer(self) -> None:
        """One who comes meanwhile is asked when the others have failed."""
        waiting = self.ask()
        self.raws.append(self.ready_at())
        for raw in self.raws[:3]:
            raw.close()
        self.raws[3].send(bring(mined(1)))
        self.successResultOf(waiting)

    def test_able(self) -> None:
        """Only those are asked that are able, and know such a message."""
        waiting = self.ask(able=lambda peer: peer is self.raws[2].peer)
        self.assertEqual([len(asked) for asked in self.asked()], [0, 0, 1])
        self.raws[2].close()
        self.failureResultOf(waiting, NoPeers)
        old = self.raw_at()
        old.handshake(protocol_version=60000)
        old.read()
        waiting = self.ask(GetData(WANTED), able=lambda peer: peer is old.peer)
        self.assertEqual(len(old.read()), 1)
        waiting.cancel()
        self.failureResultOf(waiting, CancelledError)

    def test_cannot_be_asked(self) -> None:
        """What has no answer is the caller's mistake."""
        self.failureResultOf(self.ask(Ping(5)), LocalError)

    def test_cancelled(self) -> None:
        """Who cancels has asked nobody any more."""
        waiting = self.ask()
        waiting.cancel()
        self.failureResultOf(waiting, CancelledError)
        self.assertEqual([len(asked) for asked in self.asked()], [1, 0, 0])

    def test_availability(self) -> None:
        """First is who takes what it is sent, then who owes least, then who answers quickest."""
        peers = [raw.peer for raw in self.raws]
        self.assertEqual(min(peers, key=availability), peers[0])
        for raw, seconds in zip(self.raws, (3.0, 2.0, 1.0), strict=True):
            pong = raw.peer.ping()
            self.clock.advance(seconds)
            (ping,) = raw.read()
            raw.send(NETWORK.pong(ping.nonce))
            self.successResultOf(pong)
        self.assertEqual(sorted(peers, key=availability), peers[::-1])
        peers[2].request(ASKS).addErrback(lambda _: None)
        self.assertEqual(min(peers, key=availability), peers[1])
        peers[1].outbox.flow.blocked = True
        self.assertEqual(sorted(peers, key=availability), [peers[0], peers[2], peers[1]])
        peers[1].outbox.flow.blocked = False


class ItemTests(AskingCase):
    """Several things at once."""

    def missing(self, raw: RawPeer, vectors: Sequence[InvVect]) -> None:
        """A peer says that it has not these."""
        raw.send(NotFoundMessage(list(vectors)))

    def test_missing_is_asked_of_the_next(self) -> None:
        """Of the next only that is asked which the one before has not; what all are asked for keeps its order."""
        blocks = {vector: object() for vector in WANTED}
        waiting = self.ask(GetData(WANTED))
        self.assertEqual(self.asked()[0], [GetData(WANTED)])
        self.bring(self.raws[0], blocks, WANTED[1:2])
        self.missing(self.raws[0], [WANTED[0], WANTED[2]])
        self.assertEqual(self.asked()[1], [GetData([WANTED[0], WANTED[2]])])
        self.bring(self.raws[1], blocks, WANTED[2:])
        self.missing(self.raws[1], WANTED[:1])
        self.assertEqual(self.asked()[2], [GetData(WANTED[:1])])
        self.bring(self.raws[2], blocks, WANTED[:1])
        self.assertEqual(self.successResultOf(waiting), list(blocks.values()))

    def test_nobody_has_some(self) -> None:
        """What nobody has is in the end the error of the last one that was asked."""
        blocks = {vector: object() for vector in WANTED}
        waiting = self.ask(GetData(WANTED))
        self.bring(self.raws[0], blocks, WANTED[:2])
        for raw in self.raws:
            self.missing(raw, WANTED[2:])
        found = self.successResultOf(waiting)
        self.assertEqual(found[:2], list(blocks.values())[:2])
        self.assertIsInstance(found[2], NotFound)

    def test_nobody_has_any(self) -> None:
        """When nothing has come at all, that is a failure."""
        waiting = self.ask(GetData(WANTED))
        for raw in self.raws:
            self.missing(raw, WANTED)
        self.assertEqual(len(self.failureResultOf(waiting, NoPeers).value.errors), 9)

    def test_peer_ends_in_between(self) -> None:
        """When one ends the next is asked for all that was asked of it."""
        blocks = {vector: object() for vector in WANTED}
        waiting = self.ask(GetData(WANTED))
        self.bring(self.raws[0], blocks, WANTED[:1])
        self.missing(self.raws[0], WANTED[1:])
        self.raws[1].close()
        self.assertEqual(self.asked()[2], [GetData(WANTED[1:])])
        self.bring(self.raws[2], blocks, WANTED[1:])
        self.assertEqual(self.successResultOf(waiting), list(blocks.values()))

    def bring(self, raw: RawPeer, blocks: dict[InvVect, object], vectors: Sequence[InvVect]) -> None:
        """A peer brings these; what stands for a block is found by its key, as `Pending` does with real ones."""
        for vector in vectors:
            for key in NETWORK.item_keys(GetData([vector])):
                raw.peer.pending.answer(key, blocks[vector])

    def test_part_of(self) -> None:
        """A part of a message asks for some of its things; one without a list of them has no parts."""
        self.assertEqual(part_of(GetData(WANTED), [0, 2], 3), GetData([WANTED[0], WANTED[2]]))
        with self.assertRaises(LocalError):
            part_of(Ping(1), [0], 1)


class TellingTests(AskingCase):
    """What is told to all."""

    def test_all(self) -> None:
        """All hear of it at once; no answer is waited for."""
        self.assertEqual(tell_all(self.factory.peers.values(), ASKS), (3, 0))
        self.assertEqual(self.asked(), [[ASKS]] * 3)
        self.assertEqual([len(raw.peer.pending) for raw in self.raws], [0] * 3)

    def test_slow_peer(self) -> None:
        """One that does not take what it is sent is left out, and delays nobody."""
        slow = self.raws[1]
        slow.transport.write(bytes(70_000))
        self.assertTrue(slow.peer.is_blocked)
        self.assertEqual(tell_all(self.factory.peers.values(), ASKS), (2, 1))
        self.assertEqual((self.raws[0].read(), self.raws[2].read()), ([ASKS], [ASKS]))
        slow.transport.take()

    def test_who_knows_it(self) -> None:
        """One whose protocol version has no such message is left out; so is who is not able, or has ended."""
        self.raws[0].peer.disconnect()
        old = self.raw_at()
        old.handshake(protocol_version=60000)
        old.read()
        self.assertEqual(tell_all(self.factory.peers.values(), SendHeaders()), (2, 0))
        able = self.raws[2].peer
        self.assertEqual(tell_all(self.factory.peers.values(), ASKS, able=lambda peer: peer is able), (1, 0))
        self.assertEqual(old.read(), [])
