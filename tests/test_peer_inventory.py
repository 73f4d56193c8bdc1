"""Tests of what a peer is known to know, and of what is announced to it when."""

from __future__ import annotations

import tracemalloc
from dataclasses import replace
from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from peerproto import networks
from peerproto.forms.conversation import Timing
from peerproto.forms.inventory import InventoryRules
from peerproto.network import Network
from peerproto.networks import decred, kaspa, neo, soter
from peerproto.networks.bitcoin import MSG_BLOCK, MSG_TX, MSG_WITNESS_BLOCK, Inv, InvVect, Ping
from peerproto.networks.bitcoin.inventory import INVENTORY
from peerproto.peer.inventory import MOST_QUEUED
from peerproto.peer.known import KnownInventory
from peerproto.testing import RawPeer
from tests.peer_case import PeerTestCase, regtest


def tx(number: int) -> InvVect:
    """A transaction's vector."""
    return InvVect(MSG_TX, number.to_bytes(32, "little"))


def block(number: int) -> InvVect:
    """A block's vector."""
    return InvVect(MSG_BLOCK, number.to_bytes(32, "little"))


class KnownCase(SynchronousTestCase):
    """What is known of one peer, by a clock of the test's."""

    def setUp(self) -> None:
        self.time = 0.0

    def known(self, rules: InventoryRules = INVENTORY, **changes: Any) -> KnownInventory:
        """Nothing yet."""
        return KnownInventory(replace(rules, **changes), lambda: self.time)


class KnownTests(KnownCase):
    """Vectors by value."""

    def test_by_value(self) -> None:
        """An equal vector is the same one; another type or hash is not."""
        known = self.known()
        known.add(tx(1))
        self.assertIn(tx(1), known)
        self.assertNotIn(tx(2), known)
        self.assertNotIn(block(1), known)

    def test_most(self) -> None:
        """A thousand; the one of longest ago is forgotten, and being asked for keeps it."""
        known = self.known()
        for number in range(1000):
            known.add(tx(number))
        self.assertIn(tx(0), known)
        known.add(tx(1000))
        self.assertEqual(len(known), 1000)
        self.assertNotIn(tx(1), known)
        self.assertIn(tx(0), known)

    def test_asking_keeps_nothing(self) -> None:
        """On some networks only adding it again does."""
        known = self.known(refreshes=False, known=2)
        for number in (0, 1):
            known.add(tx(number))
        self.assertIn(tx(0), known)
        known.add(tx(2))
        self.assertNotIn(tx(0), known)
        known.add(tx(1))
        known.add(tx(3))
        self.assertIn(tx(1), known)

    def test_life(self) -> None:
        """It ends after its time, which being asked for does not prolong, and adding does."""
        known = self.known(life=900.0)
        known.add(tx(1))
        known.add(tx(2))
        self.time = 899
        self.assertIn(tx(1), known)
        known.add(tx(2))
        self.time = 900
        self.assertNotIn(tx(1), known)
        self.assertIn(tx(2), known)
        self.assertEqual(len(known), 1)

    def test_received(self) -> None:
        """What is announced counts in its order; of too much, the last."""
        known = self.known()
        codec = regtest().codec()
        known.received(codec.encode(Inv([tx(1)]))[24:])
        known.received(codec.encode(Inv([tx(number) for number in range(10, 1009)]))[24:])
        self.assertEqual(len(known), 1000)
        self.assertIn(tx(1), known)
        known.received(codec.encode(Inv([block(number) for number in range(50_000)]))[24:])
        self.assertNotIn(tx(1), known)
        self.assertNotIn(block(48_999), known)
        self.assertIn(block(49_000), known)

    def test_unread_is_bounded(self) -> None:
        """However much is announced to nobody who asks, little is kept."""
        known, payload = self.known(), regtest().codec().encode(Inv([tx(1)] * 900))[24:]
        tracemalloc.start()
        try:
            for _ in range(100):
                known.received(bytes(bytearray(payload)))
            self.assertLess(tracemalloc.get_traced_memory()[0], 120_000)
        finally:
            tracemalloc.stop()
        self.assertEqual(len(known), 1)

    def test_bytes(self) -> None:
        """No entry takes more than 130 bytes, its life included."""
        known = self.known(life=900.0)
        tracemalloc.start()
        try:
            for number in range(1000):
                self.time = number / 7
                known.add(tx(number))
            taken = tracemalloc.get_traced_memory()[0]
        finally:
            tracemalloc.stop()
        self.assertLess(taken / 1000, 130)


class NetworkTests(KnownCase):
    """Each network's own vectors."""

    def test_payloads(self) -> None:
        """The vectors of an announcement are read from its end, and announced by one."""
        hashes = [bytes([number]) * 32 for number in range(1, 4)]
        for name, vectors in (
            ("bitcoin-regtest", [InvVect(1, item) for item in hashes]),
            ("decred-simnet", [decred.InvVect(2, item) for item in hashes]),
            ("soter-simnet", [soter.InvVect(2, item, 7) for item in hashes]),
            ("kaspa-simnet", [kaspa.InvVect(5, item) for item in hashes]),
            ("neo-privnet", [neo.InvVect(2, item) for item in hashes]),
        ):
            network = networks.named(name)
            (message,) = network.inventory.announce(vectors)
            payload = network.codec().encode(message)[24:]
            self.assertEqual(list(network.inventory.vectors(payload)), vectors, name)
            size = network.inventory.size
            self.assertEqual(len(payload) // size, 3, name)

    def test_heights_count(self) -> None:
        """On Soter another height is another thing."""
        known = self.known(networks.named("soter-simnet").inventory)
        known.add(soter.InvVect(2, bytes(32), 7))
        self.assertNotIn(soter.InvVect(2, bytes(32), 8), known)

    def test_numbers(self) -> None:
        """Rounds, lives and sizes are those of the references."""
        for name, policy, trickle, life, most in (
            ("bitcoin-mainnet", "btcd", (10.0, 10.0), None, 1000),
            ("bitcoin-mainnet", "core", (0.0, 10.0), None, 1000),
            ("decred-mainnet", "dcrd", (0.1, 0.5), 900.0, 1000),
            ("decred-mainnet", "dcrd1", (0.5, 0.5), None, 1000),
            ("soter-mainnet", "soterd", (10.0, 10.0), None, 1000),
            ("kaspa-mainnet", "kaspad", (0.1, 0.1), None, 1000),
            ("neo-mainnet", "neo-cli", (0.0, 0.0), None, 500),
        ):
            network = networks.named(name, policy=policy)
            rules = network.inventory
            self.assertEqual((network.timing.trickle, rules.life, rules.most), (trickle, life, most), name)
            self.assertEqual((rules.known, rules.refreshes), (1000, not name.startswith("soter")))

    def test_what_goes_at_once(self) -> None:
        """Blocks, where the reference does so."""
        for name, kinds in (
            ("bitcoin-regtest", [2, MSG_WITNESS_BLOCK]),
            ("soter-simnet", [2, MSG_WITNESS_BLOCK]),
            ("kaspa-simnet", [2, MSG_WITNESS_BLOCK]),
            ("decred-simnet", []),
            ("neo-privnet", []),
        ):
            rules = networks.named(name).inventory
            tried = (1, 2, 3, 4, 5, MSG_WITNESS_BLOCK)
            self.assertEqual([kind for kind in tried if rules.at_once(InvVect(kind, bytes(32)))], kinds, name)


class RoundTests(PeerTestCase):
    """Announcing."""

    def announced(self, raw: RawPeer) -> list[list[InvVect]]:
        """The vectors of each inv since the last look."""
        return [message.inv_list for message in raw.read() if isinstance(message, Inv)]

    def test_round(self) -> None:
        """What is queued waits for the next multiple of ten seconds, and goes out in order, each once."""
        raw = self.ready()
        self.let_pass(3)
        for number in (1, 2, 1):
            raw.peer.queue_inventory(tx(number))
        self.let_pass(6.9)
        self.assertEqual(self.announced(raw), [])
        self.let_pass(0.2)
        self.assertEqual(self.announced(raw), [[tx(1), tx(2)]])
        self.assertTrue(raw.peer.is_known_inventory(tx(2)))
        raw.peer.queue_inventory(tx(1))
        self.let_pass(20)
        self.assertEqual(self.announced(raw), [])

    def test_thousand_a_message(self) -> None:
        """2500 go as 1000, 1000 and 500 in one round."""
        raw = self.ready()
        for number in range(2500):
            raw.peer.queue_inventory(tx(number))
        self.let_pass(10)
        self.assertEqual([len(each) for each in self.announced(raw)], [1000, 1000, 500])

    def test_known_by_then(self) -> None:
        """What the peer announces itself meanwhile, or the user says that it knows, is left out."""
        raw = self.ready()
        for number in (1, 2, 3):
            raw.peer.queue_inventory(tx(number))
        raw.send(Inv([tx(1)]))
        raw.peer.add_known_inventory(tx(2))
        self.let_pass(10)
        self.assertEqual(self.announced(raw), [[tx(3)]])

    def test_own_account(self) -> None:
        """Who keeps account himself may switch that off."""
        raw = self.ready(notes_inventory=False)
        raw.send(Inv([tx(1)]))
        self.assertFalse(raw.peer.is_known_inventory(tx(1)))

    def test_blocks_at_once(self) -> None:
        """A block goes in an inv of its own, and may be announced again."""
        raw = self.ready()
        for _ in range(2):
            raw.peer.queue_inventory(block(1))
        self.assertEqual(self.announced(raw), [[block(1)], [block(1)]])
        raw.send(Inv([block(2)]))
        raw.peer.queue_inventory(block(2))
        self.assertEqual(self.announced(raw), [])

    def test_immediate(self) -> None:
        """Anything may go at once; it is known then, and taken out of the queue."""
        raw = self.ready()
        raw.peer.queue_inventory(tx(1))
        for _ in range(2):
            raw.peer.queue_inventory_immediate(tx(1))
        self.assertEqual(self.announced(raw), [[tx(1)]])
        self.let_pass(20)
        self.assertEqual(self.announced(raw), [])

    def test_before_the_handshake(self) -> None:
        """Nothing goes before the peer is open; then it does, in order."""
        raw = self.raw()
        raw.peer.queue_inventory(tx(1))
        raw.peer.queue_inventory(block(2))
        raw.peer.queue_inventory_immediate(tx(3))
        self.let_pass(15)
        self.assertEqual(self.announced(raw), [])
        raw.handshake()
        self.let_pass(10)
        self.assertEqual(self.announced(raw), [[tx(1), block(2), tx(3)]])

    def test_blocked(self) -> None:
        """While the peer does not take what it is sent, announcements wait and are put together."""
        raw = self.ready(timing=replace(Timing(), trickle=(0.0, 0.0), write=1e6))
        raw.peer.send(Inv([tx(9)] * 3000), expect=False)
        raw.peer.queue_inventory(tx(1))
        raw.peer.queue_inventory(block(2))
        self.let_pass(1)
        self.assertEqual(raw.peer.inventory.waiting, 2)
        self.announced(raw)
        self.clock.advance(0.1)
        self.assertEqual(self.announced(raw), [[tx(1), block(2)]])

    def test_too_many_wait(self) -> None:
        """The oldest are dropped and counted."""
        raw = self.ready()
        for number in range(MOST_QUEUED + 3):
            raw.peer.queue_inventory(tx(number))
        inventory = raw.peer.inventory
        self.assertEqual((inventory.waiting, inventory.dropped), (MOST_QUEUED, 3))
        self.assertEqual(raw.peer.snapshot().announcements_dropped, 3)
        self.let_pass(10)
        self.assertEqual(self.announced(raw)[0][0], tx(3))

    def test_at_random(self) -> None:
        """Where the interval is a range, each wait is drawn anew."""
        for drawn, seconds in ((0, 0.1), (1 << 31, 0.3), ((1 << 32) - 1, 0.4999)):
            timing = replace(Timing(), trickle=(0.1, 0.5))
            raw = self.ready(timing=timing, random=lambda bits, drawn=drawn: drawn if bits == 32 else 5)
            raw.peer.queue_inventory(tx(1))
            self.clock.advance(seconds - 0.001)
            self.assertEqual(self.announced(raw), [])
            self.clock.advance(0.002)
            self.assertEqual(self.announced(raw), [[tx(1)]])

    def test_after_the_end(self) -> None:
        """Nothing is announced any more, and no timer runs."""
        raw = self.ready()
        raw.peer.queue_inventory(tx(1))
        raw.peer.disconnect()
        raw.peer.queue_inventory(tx(2))
        raw.peer.queue_inventory(block(2))
        raw.peer.queue_inventory_immediate(tx(3))
        self.let_pass(12)
        self.assertEqual(self.announced(raw), [])
        raw.close()
        raw.peer.queue_inventory_immediate(tx(3))

    def test_neo(self) -> None:
        """NEO announces at once, those of one type in a message."""
        network: Network = networks.named("neo-privnet")
        announced = network.inventory.announce(
            [neo.InvVect(1, bytes(32)), neo.InvVect(1, b"1" * 32), neo.InvVect(2, bytes(32))]
        )
        self.assertEqual(announced, [neo.Inv(1, [bytes(32), b"1" * 32]), neo.Inv(2, [bytes(32)])])
        raw = self.ready(timing=replace(Timing(), trickle=(0.0, 0.0)))
        raw.peer.queue_inventory(tx(1))
        raw.peer.queue_inventory(tx(2))
        self.clock.advance(0)
        self.assertEqual(self.announced(raw), [[tx(1), tx(2)]])

    def test_other_messages(self) -> None:
        """An announcement is still heard and answered as ever."""
        raw = self.ready()
        raw.send(Inv([tx(1)]), Ping(1))
        self.assertEqual(self.heard(raw).names[-2:], ["on_inv", "on_ping"])
        made: Any = Inv([tx(2)])
        self.assertIsNone(made.payload)
