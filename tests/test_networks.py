"""Tests of the networks by name, and of their numbers."""

from __future__ import annotations

import ast
import subprocess
import sys

from twisted.trial.unittest import SynchronousTestCase

from peerproto import networks
from peerproto.errors import LocalError
from peerproto.networks import nearest
from peerproto.networks.bitcoin import Block
from tests.bitcoin_vectors import nets, network_of

BITCOIN = tuple(
    f"bitcoin-{net}" for net in ("mainnet", "testnet3", "testnet4", "signet", "regtest", "simnet")
)
LITECOIN = ("litecoin-mainnet", "litecoin-testnet", "litecoin-regtest")


class NamesTests(SynchronousTestCase):
    """Networks by name."""

    def test_names(self) -> None:
        """The names are NETWORK-NET, each once, and each names a network of that name."""
        found = networks.names()
        self.assertEqual(len(set(found)), len(found))
        self.assertLessEqual({*BITCOIN, *LITECOIN}, set(found))
        for name in found:
            self.assertRegex(name, r"^[a-z]+-[a-z0-9-]+$")
            self.assertEqual(networks.named(name).name, name)

    def test_same_each_time(self) -> None:
        """A network is the same object however its name and policy are given."""
        regtest = networks.named("bitcoin-regtest")
        self.assertIs(networks.named("bitcoin-regtest", "btcd"), regtest)
        self.assertIs(networks.named(name="bitcoin-regtest", policy="btcd"), regtest)
        self.assertIsNot(networks.named("bitcoin-regtest", "core"), regtest)
        self.assertIsNot(networks.named("litecoin-regtest"), regtest)

    def test_nearest(self) -> None:
        """For a wrong name the nearest right one is told."""
        for wrong, right in (
            ("bitcoin-regtset", "bitcoin-regtest"),
            ("bitcoin", "bitcoin-signet"),
            ("litecoin-mainet", "litecoin-mainnet"),
            ("Bitcoin-Mainnet", "bitcoin-mainnet"),
        ):
            with self.assertRaisesRegex(LocalError, f"^no network is named '{wrong}': did you mean '(.*)'"):
                networks.named(wrong)
            self.assertIn(f"did you mean {right!r}?", nearest(wrong, [right, "xyz"]))

    def test_nothing_near(self) -> None:
        """If none is near, all are told."""
        for wrong in ("", "xyz", "-", "regtest-"):
            with self.assertRaisesRegex(
                LocalError, "(choose from bitcoin-mainnet, .*litecoin-|did you mean)"
            ):
                networks.named(wrong)
        self.assertEqual(nearest("xyz", ["abc", "def"]), ": choose from abc, def")

    def test_policy(self) -> None:
        """A policy that the network does not have is told with those that it has."""
        with self.assertRaisesRegex(
            LocalError, "^bitcoin-regtest has no policy 'bcoin': btcd, core are there$"
        ):
            networks.named("bitcoin-regtest", "bcoin")

    def test_policies(self) -> None:
        """The policies of each network are told, the default one first."""
        for name in networks.names():
            policies = networks.policies(name)
            self.assertEqual(networks.named(name).policy.name, policies[0])
            for policy in policies:
                self.assertEqual(networks.named(name, policy).policy.name, policy)
        self.assertEqual(networks.policies("bitcoin-regtest"), ("btcd", "core"))
        self.assertRaises(LocalError, networks.policies, "bitcoin-regtset")


class NumberTests(SynchronousTestCase):
    """The numbers of the networks, against those of other implementations."""

    def test_all_are_here(self) -> None:
        """There are vectors of all networks of the family."""
        self.assertEqual({f"{entry['network']}-{entry['net']}" for entry in nets()}, {*BITCOIN, *LITECOIN})

    def test_numbers(self) -> None:
        """Magic, port and genesis hash are theirs."""
        for entry in nets():
            network = network_of(entry)
            self.assertEqual(network.magic.hex(), entry["magic_wire"], network.name)
            self.assertEqual(network.port, int(entry["default_port"]), network.name)
            self.assertEqual(network.genesis.hex(), entry["genesis_hash_wire"], network.name)
            self.assertEqual(network.genesis[::-1].hex(), entry["genesis_hash_display"], network.name)
            self.assertEqual(network.chain.name, network.name)

    def test_genesis_block(self) -> None:
        """The genesis block that they give can be read, and begins with our genesis header."""
        for entry in nets():
            if "genesis_block" in entry:
                network = network_of(entry)
                codec = network.codec(witness=True)
                raw = bytes.fromhex(entry["genesis_block"])
                block = codec.decode(network.envelope.wrap(network.envelope.command("block"), raw))
                assert isinstance(block, Block)
                self.assertEqual(block.block_hash, network.genesis)
                self.assertEqual(raw[:80], network.chain.genesis)

    def test_shared_magic(self) -> None:
        """Two regtests share a magic: no network can be told by it."""
        self.assertEqual(*(networks.named(name).magic for name in ("bitcoin-regtest", "litecoin-regtest")))


class ImportTests(SynchronousTestCase):
    """What it costs to name a network."""

    def run_alone(self, code: str) -> str:
        """What a fresh interpreter prints."""
        lines = f"import sys, twisted.internet.protocol\nfrom peerproto import networks\n{code}"
        done = subprocess.run([sys.executable, "-c", lines], capture_output=True, text=True, check=True)
        return done.stdout.strip()

    def test_only_what_is_named(self) -> None:
        """To name a network imports its own family, and Bitcoin's, which the others take from."""
        families = {name.partition("-")[0] for name in networks.names()}
        for family in families:
            loaded = self.run_alone(
                f"networks.named('{family}-mainnet')\n"
                "print({name.split('.')[2] for name in sys.modules if name.startswith('peerproto.networks.')})"
            )
            self.assertEqual(families & ast.literal_eval(loaded), {family, "bitcoin"})

    def test_only_data(self) -> None:
        """To name all networks imports what they are made of: no peer, no node, no reactor, nothing that is an extra.
        What it takes is measured by benchmarks/imports.py.
        """
        loaded = self.run_alone("networks.names()\nprint(set(sys.modules))")
        modules = ast.literal_eval(loaded)
        rooms = {name.split(".")[1] for name in modules if name.startswith("peerproto.")}
        self.assertEqual(rooms, {"chain", "errors", "forms", "network", "networks", "text", "wire"})
        self.assertEqual(modules & {"twisted.internet.reactor", "rich", "treq", "psycopg", "sqlite3"}, set())
