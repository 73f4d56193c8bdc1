"""Tests of what each network holds against a peer: its table, against what its reference does."""

from __future__ import annotations

from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from peerproto import networks
from peerproto.errors import Reason
from peerproto.forms.conduct import AT_ONCE, MALFORMED, BloomRule, Points
from peerproto.network import Network
from peerproto.networks import bitcoin, kaspa, soter
from peerproto.wire.message import Message

BIT = 1 << 2
KINDS = (bitcoin.FilterLoad, bitcoin.FilterAdd, bitcoin.FilterClear)


def named(name: str, policy: str | None = None) -> Network:
    """A network to look at."""
    return networks.named(name, policy)


class BloomRuleTests(SynchronousTestCase):
    """Who may speak of filters."""

    def test_unoffered(self) -> None:
        """Questions may come if we offer, answers if they do; each side by itself."""
        asking, bringing = frozenset({bitcoin.FilterLoad}), frozenset({bitcoin.MerkleBlock})
        rule = BloomRule(6, asking, bringing)
        for ours, theirs, left in (
            (0, 0, asking | bringing),
            (1, 8, asking | bringing),
            (2, 0, bringing),
            (0, 4, asking),
            (4, 2, frozenset()),
        ):
            self.assertEqual(rule.unoffered(ours, theirs), left)

    def test_networks(self) -> None:
        """Which kinds of which networks, and from which version on; Decred and NEO have no such rule."""
        for name, policy, since in (
            ("bitcoin-mainnet", "btcd", 70011),
            ("litecoin-mainnet", "btcd", 70011),
            ("bitcoin-mainnet", "core", 0),
            ("litecoin-mainnet", "core", 0),
        ):
            rule = named(name, policy).bloom
            self.assertEqual(
                rule,
                BloomRule(BIT, frozenset({*KINDS, bitcoin.MemPool}), frozenset({bitcoin.MerkleBlock}), since),
            )
        asking = frozenset({*KINDS, soter.MemPool})
        self.assertEqual(
            named("soter-simnet").bloom, BloomRule(BIT, asking, frozenset({soter.MerkleBlock}), 70011)
        )
        asking = frozenset({kaspa.FilterLoad, kaspa.FilterAdd, kaspa.FilterClear})
        self.assertEqual(named("kaspa-simnet").bloom, BloomRule(BIT, asking, frozenset({kaspa.MerkleBlock})))
        for name in ("decred-simnet", "neo-privnet"):
            self.assertIsNone(named(name).bloom)

    def test_service(self) -> None:
        """The bit is the one that the network calls so."""
        for name in networks.names():
            network = named(name)
            if network.bloom is not None:
                self.assertEqual(network.service_names(network.bloom.service), ["BLOOM"])


class ScoreTableTests(SynchronousTestCase):
    """How much for what."""

    def cost(self, network: Network, command: str, **fields: Any) -> Points:
        """What a message costs."""
        (kind,) = (kind for kind in network.messages if kind.command == command)
        message: Message = kind(**fields)
        return network.scoring.costs[kind](message)

    def test_btcd(self) -> None:
        """A filter that nobody offers 100, mempool and getdata by their cost, what is missing unasked 20 and 10."""
        network = named("bitcoin-mainnet", "btcd")
        self.assertEqual(network.scoring.offences, {Reason.MISBEHAVING: Points(100)})
        self.assertEqual(network.scoring.unasked, {"block": Points(20), "tx": Points(0, 10)})
        self.assertEqual(self.cost(network, "mempool"), Points(0, 33))
        self.assertEqual(len(network.scoring.costs), 2)

    def test_getdata(self) -> None:
        """A getdata costs 99 points if it is full, and accordingly less, in whole points."""
        for name, policy, most in (
            ("bitcoin-mainnet", "btcd", 50_000),
            ("decred-mainnet", "dcrd", 50_000),
            ("decred-mainnet", "dcrd1", 50_000),
            ("soter-mainnet", "soterd", 50_000),
            ("kaspa-mainnet", "kaspad", 131_072),
        ):
            network = named(name, policy)
            for count, points in ((0, 0), (most // 99, 0), (most // 99 + 1, 1), (most // 2, 49), (most, 99)):
                found = self.cost(network, "getdata", inv_list=[None] * count)
                self.assertEqual(found, Points(0, points), (name, count))

    def test_core(self) -> None:
        """Core's way is one strike."""
        scoring = named("litecoin-mainnet", "core").scoring
        self.assertEqual(scoring.offences, {Reason.MISBEHAVING: Points(100)})
        self.assertEqual((scoring.costs, scoring.unasked), ({}, {}))

    def test_dcrd(self) -> None:
        """What cannot be read is more than any threshold, with today's dcrd; the rest is as in btcd."""
        today, old = (named("decred-mainnet", policy).scoring for policy in ("dcrd", "dcrd1"))
        for reason in MALFORMED:
            self.assertEqual(today.offences[reason], AT_ONCE)
        self.assertGreater(AT_ONCE.persistent, 999_999)
        self.assertEqual(old.offences, {})
        btcd = named("bitcoin-mainnet", "btcd").scoring
        self.assertEqual((today.unasked, old.unasked), (btcd.unasked, btcd.unasked))
        self.assertEqual([kind.command for kind in today.costs], ["getdata", "mempool"])

    def test_soter(self) -> None:
        """As btcd at the time of the branch, which did not count what is missing."""
        network = named("soter-mainnet")
        self.assertEqual(network.scoring.offences, {Reason.MISBEHAVING: Points(100)})
        self.assertEqual(self.cost(network, "mempool"), Points(0, 33))
        self.assertEqual(network.scoring.unasked, {})

    def test_kaspa(self) -> None:
        """kaspad's whole table: by what it counts."""
        by_points: dict[Points, set[str]] = {}
        for offence, points in named("kaspa-mainnet").scoring.offences.items():
            by_points.setdefault(points, set()).add(str(offence))
        self.assertEqual(
            by_points,
            {
                Points(100): {
                    "misbehaving",
                    "unrequested-block",
                    "invalid-block",
                    "invalid-inv-block",
                    "orphan-inv-in-sync",
                    "malformed-blue-score",
                    "invalid-tx",
                    "invalid-feefilter",
                    "invalid-getlocator",
                },
                Points(20): {
                    "unrequested-tx",
                    "unrequested-selected-tip",
                    "too-many-addresses",
                    "tx-to-blocks-only",
                },
                Points(10): {
                    "malformed",
                    "wrong-network",
                    "oversize",
                    "bad-checksum",
                    "unknown-command",
                    "addresses-of-all-subnetworks",
                    "invalid-getblockinvs",
                },
                Points(5): {"filter-out-of-turn"},
                Points(1): {"unexpected-message", "duplicate-version", "duplicate-verack", "stalled"},
            },
        )

    def test_neo(self) -> None:
        """NEO's nodes keep no scores."""
        scoring = named("neo-mainnet").scoring
        self.assertEqual((scoring.offences, scoring.costs, scoring.unasked), ({}, {}, {}))

    def test_never_for_ours(self) -> None:
        """No network holds our own faults against a peer, nor the end of a connection."""
        ours = {
            Reason.LOCAL_ERROR,
            Reason.LOCAL_CLOSE,
            Reason.SHUTDOWN,
            Reason.CLOSED_BY_PEER,
            Reason.RESET,
            Reason.EOF_IN_MESSAGE,
            Reason.NOT_FOUND,
        }
        for name in networks.names():
            for policy in networks.policies(name):
                self.assertEqual(ours & set(named(name, policy).scoring.offences), set())
