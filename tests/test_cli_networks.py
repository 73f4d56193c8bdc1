"""Tests of `peerproto networks`."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from peerproto.networks import names
from tests.bitcoin_vectors import nets
from tests.commands import run


class NetworksTests(SynchronousTestCase):
    """The list of networks."""

    def test_table(self) -> None:
        """Every network has a line with its magic, port, versions and genesis."""
        ran = run(["networks"])
        head, *rows = [line.split() for line in ran.out.decode().splitlines()]
        self.assertEqual((ran.code, ran.err), (0, ""))
        self.assertEqual(head, ["NAME", "MAGIC", "PORT", "VERSIONS", "CHECKSUM", "POLICIES", "GENESIS"])
        self.assertEqual([row[0] for row in rows], list(names()))
        self.assertIn(
            [
                *("litecoin-regtest", "fabfb5da", "19444", "209..70016"),
                "sha256d",
                "btcd,",
                "core",
                "530827f38f93b43ed12af0b3ad25a288dc02ed74d6d7857862df51fc56c416f9",
            ],
            rows,
        )

    def test_json(self) -> None:
        """As JSON, a line is an object; the numbers are those of the vectors."""
        found = {row["name"]: row for row in run(["networks", "--json"]).objects()}
        self.assertEqual(list(found), list(names()))
        for net in nets():
            row = found[f"{net['network']}-{net['net']}"]
            self.assertEqual(row["magic"], net["magic_wire"])
            self.assertEqual(str(row["port"]), str(net["default_port"]))
            self.assertEqual(row["genesis"], net["genesis_hash_display"])

    def test_policies_and_checksum(self) -> None:
        """What may stand behind --policy, the default first, and how frames are checked."""
        found = {row["name"]: row for row in run(["networks", "--json"]).objects()}
        self.assertEqual(found["litecoin-regtest"]["policies"], ["btcd", "core"])
        self.assertEqual(found["litecoin-regtest"]["checksum"], "sha256d")
