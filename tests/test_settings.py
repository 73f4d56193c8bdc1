"""Tests of the options that say what a node's peers are like."""

from __future__ import annotations

import inspect
from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from peerproto import PeerFactory, networks
from peerproto.errors import LocalError
from peerproto.node import configfile
from peerproto.node.settings import SETTINGS, bits_of, keywords, seconds

BITCOIN, KASPA = networks.named("bitcoin-regtest"), networks.named("kaspa-simnet")
NOTHING: dict[str, Any] = dict.fromkeys(SETTINGS)


def read(name: str, value: Any) -> Any:
    """What an option becomes, by its keyword."""
    return keywords({**NOTHING, name: value}, BITCOIN)[SETTINGS[name].keyword]


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
            ("relay", "maybe", "'maybe' is neither yes nor no"),
            ("subnetwork", "xy", "non-hexadecimal number"),
            ("port", "65536", "port 65536, at most 65535 is allowed"),
            ("trickle-interval", "0", "'0' is no time: seconds above 0, at most 86400, are allowed"),
            ("proxy", "me:hush@host", "the proxy is no socks5://"),
        ):
            line = str(self.assertRaises(LocalError, read, name, given))
            self.assertTrue(line.startswith(f"--{name}: {words}"), line)
            self.assertEqual(line.count("hush"), 0)

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
