"""Tests of the options that say what a node's peers are like."""

from __future__ import annotations

import inspect
from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from peerproto import PeerFactory, networks
from peerproto.errors import LocalError
from peerproto.networks import kaspa
from peerproto.node import configfile
from peerproto.node.settings import SETTINGS, bits_of, keywords, seconds

BITCOIN, KASPA = networks.named("bitcoin-regtest"), networks.named("kaspa-simnet")
PARTIAL = kaspa.network("simnet", lets_partial_in=True)
NOTHING: dict[str, Any] = dict.fromkeys(SETTINGS)


def read(name: str, value: Any) -> Any:
    """What an option becomes, by its keyword."""
    given = {**NOTHING, "user-agent-name": "mynode", name: value}
    network = PARTIAL if name == "subnetwork" else BITCOIN
    return keywords(given, network)[SETTINGS[name].keyword]


class SettingsTests(SynchronousTestCase):
    """From what was given to keywords."""

    def test_keywords(self) -> None:
        """Each is one of PeerFactory's, and has a type that a file can have."""
        parameters = inspect.signature(PeerFactory).parameters
        for name, setting in SETTINGS.items():
            self.assertIn(setting.keyword, parameters, name)
            self.assertIn(setting.kind, configfile.KINDS, name)

    def test_nothing(self) -> None:
        """What is not given is no keyword, so that the network or the node has the word."""
        self.assertEqual(keywords(NOTHING, BITCOIN), {})
        unset = {**NOTHING, "user-agent-comment": [], "no-stall-handler": 0}
        self.assertEqual(keywords(unset, BITCOIN), {})

    def test_values(self) -> None:
        """Each has its value, from words and from a file."""
        for name, given, value in (
            ("user-agent-name", "mynode", "mynode"),
            ("user-agent-version", "1.0", "1.0"),
            ("user-agent-comment", ["a", "b"], ["a", "b"]),
            ("services", "NETWORK, witness,0x400", 1033),
            ("services-wanted", "9", 9),
            ("protocol-version", "70002", 70002),
            ("protocol-version", 70002, 70002),
            ("protocol-version", "0", 0),
            ("least-protocol-version", "70001", 70001),
            ("relay", "yes", True),
            ("relay", "no", False),
            ("relay", True, True),
            ("relay", False, False),
            ("subnetwork", "01" + "00" * 19, bytes(19) + b"\1"),
            ("port", "8333", 8333),
            ("trickle-interval", "2.5", 2.5),
            ("trickle-interval", 3, 3.0),
            ("proxy", "socks5://a:b@[::1]:1", "socks5://a:b@[::1]:1"),
            ("no-stall-handler", 1, False),
            ("no-stall-handler", False, True),
        ):
            self.assertEqual(read(name, given), value, name)

    def test_wrong(self) -> None:
        """What is wrong is told with its option, in one line."""
        for name, given, words in (
            ("services", "NETWRK", "'NETWRK' is no service: did you mean 'NETWORK'?"),
            ("services", "-1", "'-1' is no service: choose from NETWORK, "),
            ("protocol-version", "x", "'x' is no number"),
            ("protocol-version", "-1", "'-1' is no number"),
            ("protocol-version", "5", "5 is none: 209 to 70016 are allowed, or 0 for the network's own"),
            ("protocol-version", 70017, "70017 is none: 209 to 70016 are allowed"),
            ("services-wanted", hex(1 << 64), "0x10000000000000000 has 65 bits, at most 64 are allowed"),
            ("relay", "maybe", "'maybe' is neither yes nor no"),
            ("subnetwork", "xy", "'xy' is no id: 40 hexadecimal digits are asked"),
            ("port", "65536", "port 65536, at most 65535 is allowed"),
            ("trickle-interval", "0", "'0' is no time: seconds above 0, at most 86400, are allowed"),
            ("proxy", "me:hush@host", "the proxy is no socks5://"),
        ):
            line = str(self.assertRaises(LocalError, read, name, given))
            self.assertTrue(line.startswith(f"--{name}: {words}"), line)
            self.assertEqual(line.count("hush"), 0)

    def test_not_together(self) -> None:
        """What a factory refuses is told in options, not in its keywords; what was given is left as it is."""
        for name, given, line in (
            ("least-protocol-version", "1", "--least-protocol-version 1, 209 to 70016 are allowed"),
            ("user-agent", "x" * 257, "--user-agent has 257 bytes, at most 256 allowed"),
            (
                "user-agent-comment",
                ["x"],
                "--user-agent-version and --user-agent-comment need a --user-agent-name",
            ),
            ("subnetwork", "00" * 20, "--subnetwork: bitcoin-regtest has no subnetworks"),
        ):
            error = self.assertRaises(LocalError, keywords, {**NOTHING, name: given}, BITCOIN)
            self.assertEqual(str(error), line)
        error = self.assertRaises(
            LocalError, keywords, {**NOTHING, "user-agent-name": "user_agent/"}, BITCOIN
        )
        self.assertEqual(str(error).partition(":")[0], "--user-agent-name 'user_agent/'")
        twice = {**NOTHING, "protocol-version": 70001, "least-protocol-version": 70002}
        error = self.assertRaises(LocalError, keywords, twice, BITCOIN)
        self.assertEqual(str(error), "--least-protocol-version 70002, 209 to 70001 are allowed")

    def test_subnetworks_of_nobody(self) -> None:
        """Where nobody follows a part, the option is named, too; and what no option says keeps its words."""
        error = self.assertRaises(LocalError, keywords, {**NOTHING, "subnetwork": "00" * 20}, KASPA)
        self.assertEqual(str(error).partition(" ")[0], "--subnetwork:")
        error = self.assertRaises(LocalError, keywords, {**NOTHING, "user-agent": "\ud800"}, BITCOIN)
        self.assertEqual(str(error).partition(" ")[0], "version:")

    def test_services_of_each_network(self) -> None:
        """Every name that a network has for a service is understood as that service."""
        for name in networks.names():
            network = networks.named(name)
            for bit, word in network.services.items():
                self.assertEqual(network.service_names(bits_of(network, word.lower())), [word])
                self.assertEqual(bits_of(network, f"{1 << bit},"), 1 << bit)

    def test_seconds(self) -> None:
        """Times are above 0 and at most a day."""
        self.assertEqual((seconds("0.5"), seconds(86400)), (0.5, 86400.0))
        for given in ("abc", "", "nan", "inf", "-1", 0, 86401):
            self.assertRaises(ValueError, seconds, given)
