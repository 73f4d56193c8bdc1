"""The references' own tests of what they remember and what they send, row by row."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from peerproto.errors import PeerLost, Reason
from peerproto.forms.gossip import Known
from peerproto.networks import decred
from peerproto.networks.bitcoin import InvVect
from peerproto.peer.flow import RATE, SEND_BUDGET
from peerproto.peer.known import KnownInventory
from peerproto.peer.nonces import Nonces
from tests.everywhere import WAYS, EverywhereCase
from tests.test_peer_pushing import addresses

LIMITS = (0, 1, 5, 7, 9, 10)
"""As theirs: nothing, one, some, one less than all, and all."""


class MruRows(SynchronousTestCase):
    """Their two maps, of which the least recently used goes first. (dcrd has moved its own to another package.)"""

    vectors = tuple(InvVect(2, bytes([number]) * 32) for number in range(10))

    def known(self, most: int) -> KnownInventory:
        """What a peer of btcd's knows, with another limit."""
        return KnownInventory(replace(WAYS["btcd"].inventory, known=most), lambda: 0.0)

    def test_mru_inventory_map(self) -> None:
        """TestMruInventoryMap: the newest are kept; what is added again is the newest. Nothing is ever deleted."""
        for most in LIMITS:
            known = self.known(most)
            for vector in self.vectors:
                known.add(vector)
            self.assertEqual(
                [vector in known for vector in self.vectors], [False] * (10 - most) + [True] * most
            )
            if most > 1:
                known = self.known(most)
                for vector in self.vectors[:most]:
                    known.add(vector)
                known.add(self.vectors[0])
                known.add(InvVect(1, bytes(32)))
                self.assertIn(self.vectors[0], known)
                self.assertNotIn(self.vectors[1], known)
            self.assertEqual(len(known), most)

    def test_mru_nonce_map(self) -> None:
        """TestMruNonceMap: the same for the nonces of our own versions."""
        for most in LIMITS:
            nonces = Nonces(most)
            for nonce in range(1, 11):
                nonces.add(nonce)
            self.assertEqual(
                [nonce in nonces for nonce in range(1, 11)], [False] * (10 - most) + [True] * most
            )
            if most > 1:
                nonces = Nonces(most)
                for nonce in range(1, most + 1):
                    nonces.add(nonce)
                nonces.add(1)
                nonces.add(99)
                self.assertEqual([1 in nonces, 2 in nonces], [True, False])

    def test_nonce_that_comes_back(self) -> None:
        """Measured of dcrd: to look a nonce up keeps it."""
        nonces = Nonces(3)
        for nonce in (1, 2, 3):
            nonces.add(nonce)
        self.assertIn(1, nonces)
        nonces.add(4)
        self.assertEqual([nonce in nonces for nonce in (1, 2, 3, 4)], [True, False, True, True])


class DecredRows(EverywhereCase):
    """dcrd's package `peer` today."""

    def test_push_addr_v2_msg(self) -> None:
        """TestPushAddrV2Msg: none, one, ten, and of 1100 a thousand are sent, which are returned."""
        raw = self.on("dcrd")
        for given, sent in ((0, 0), (1, 1), (10, 10), (1100, 1000)):
            returned = raw.peer.push_addresses([Known("192.168.0.1", 8333, 1, 1_700_000_000)] * given)
            self.assertEqual(len(returned), sent)
            told: list[Any] = raw.read()
            self.assertEqual([len(message.addr_list) for message in told], [sent] if sent else [])
        self.assertEqual(raw.peer.push_addresses(addresses(3)), addresses(3))

    def test_write_message_deadline(self) -> None:
        """TestWriteMessageDeadline: 20 seconds, and one more for each 256 KiB that the system may not have taken."""
        buffer = 65_536
        for size, seconds in (
            (buffer + 1, 20),
            (RATE - buffer, 21),
            (2 * RATE - buffer, 22),
            (128 * RATE - buffer, 148),
        ):
            raw = self.on("dcrd", idle_timeout=1000, send_budget=1 << 30)
            raw.peer.outbox.flow.give(bytes(size))
            self.let_pass(seconds - 0.5)
            self.assertFalse(raw.hung_up, size)
            self.let_pass(1)
            self.assertEqual(self.why(raw).reason, Reason.WRITE_STALL, size)
            raw.close()

    def test_queued_output_limit(self) -> None:
        """TestQueuedOutputLimit: 40 MiB may wait and not a byte more; who waits for what is too much is told."""
        raw = self.on("dcrd")
        flow = raw.peer.outbox.flow
        self.assertEqual(SEND_BUDGET, 40 * 1024 * 1024)
        flow.give(bytes(70_000))
        self.assertTrue(flow.blocked)
        for _ in range(4):
            flow.give(bytes(SEND_BUDGET // 4))
        self.assertEqual((flow.waiting, raw.peer.connected), (SEND_BUDGET, True))
        waiting = raw.peer.send(decred.Ping(0), notify=True)
        self.assertEqual((self.why(raw).reason, raw.peer.connected), (Reason.SEND_QUEUE_FULL, False))
        raw.close()
        self.assertIs(self.failureResultOf(waiting).value, raw.peer.ending)

    def test_queued_output_bytes_deducted(self) -> None:
        """TestQueuedOutputBytesDeducted: what is out waits no more."""
        raw = self.on("dcrd")
        raw.peer.outbox.flow.give(bytes(70_000))
        sent = raw.peer.send(decred.Ping(0), notify=True)
        self.assertEqual(raw.peer.snapshot().bytes_waiting, 32)
        raw.transport.take()
        raw.transport.take()
        self.successResultOf(sent)
        self.assertEqual(raw.peer.snapshot().bytes_waiting, 0)

    def test_write_error(self) -> None:
        """TestWriteMessageDeadlineError: what cannot be written is told to whoever waits for it."""
        raw = self.on("dcrd")
        raw.peer.outbox.flow.give(bytes(70_000))
        waiting = raw.peer.send(decred.Ping(0), notify=True)
        raw.close(ConnectionResetError())
        self.failureResultOf(waiting, PeerLost)
