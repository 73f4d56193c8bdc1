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
        self.assertEqual(head, ["NAME", "MAGIC", "PORT", "VERSIONS", "GENESIS"])
        self.assertEqual([row[0] for row in rows], list(names()))
        self.assertIn(
            [
                *("litecoin-regtest", "fabfb5da", "19444", "209..70016"),
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

    def test_policy(self) -> None:
        """Another reference asks for another least version."""
        versions = [
            row["least_protocol_version"] for row in run(["networks", "--json", "--policy", "core"]).objects()
        ]
        self.assertEqual(set(versions), {31800})
