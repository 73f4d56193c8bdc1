"""Tests of what each network says of its messages in one line of a log."""

from __future__ import annotations

from importlib import import_module
from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from peerproto import networks
from peerproto.errors import MalformedMessage
from peerproto.network import Network
from peerproto.peer.tracing import summary
from peerproto.wire.message import Message

FAMILIES = ("bitcoin", "decred", "soter", "kaspa", "neo")

SILENT = {
    "bitcoin": {"alert", "sendcmpct", "sendtxrcncl", "ping", "pong"},
    "decred": {"cftypes", "ping", "pong"},
    "soter": {"alert", "ping", "pong"},
    "kaspa": {"getaddr", "ping", "pong"},
    "neo": set[str](),
}
"""Messages with something in them of which nothing is said."""


def golden(family: str) -> list[tuple[Network, Message]]:
    """What reference implementations have written, as messages that nobody has looked at."""
    vectors: Any = import_module(f"tests.{family}_vectors")
    found = []
    for entry in vectors.golden():
        if entry["command"] in {kind.command for kind in vectors.network_of(entry).messages}:
            message = vectors.codec_of(entry).decode(vectors.frame_of(entry), strict=False)
            found.append((vectors.network_of(entry), message))
    return found


class GoldenTests(SynchronousTestCase):
    """Messages of the references."""

    def test_one_line(self) -> None:
        """Of each message one line of printable ASCII is said, and not a long one; looking changes nothing."""
        for family in FAMILIES:
            for network, message in golden(family):
                before = message.is_untouched()
                said = summary(network, message)
                self.assertTrue(said.isascii() and said.isprintable(), message.command)
                self.assertLess(len(said), 1500)
                self.assertIs(message.is_untouched(), before)

    def test_of_all_kinds(self) -> None:
        """Something is said of every kind that has fields, but for the few that are named here."""
        for family in FAMILIES:
            seen = {message.command: summary(network, message) for network, message in golden(family)}
            kinds = {type(message) for _, message in golden(family)}
            silent = {kind.command for kind in kinds if kind.layout.kinds and not seen[kind.command]}
            self.assertEqual(silent, SILENT[family], family)
            self.assertEqual({seen[kind.command] for kind in kinds if not kind.layout.kinds}, {""}, family)

    def test_nets(self) -> None:
        """All nets of all networks have them, and for their own messages only."""
        for name in networks.names():
            network = networks.named(name)
            self.assertLessEqual(set(network.summaries), set(network.messages), name)
            self.assertIn(network.version, network.summaries)

    def words(self, family: str, command: str) -> list[str]:
        """What is said of all messages of a command."""
        return [summary(*one) for one in golden(family) if one[1].command == command]

    def assert_said(self, family: str, command: str, pattern: str) -> None:
        """Each line is of this form."""
        for words in self.words(family, command):
            self.assertRegex(words, f"^: {pattern}$")

    def test_decred(self) -> None:
        """What only Decred has: states of nodes, and mixing."""
        self.assert_said("decred", "initstate", r"\d+ blocks, \d+ votes, \d+ treasury spends")
        self.assert_said("decred", "miningstate", r"\d+ blocks, \d+ votes")
        self.assert_said("decred", "getinitstate", r"types .*")
        self.assert_said("decred", "mixpairreq", r"identity \w{66}, hash \w{64}")
        self.assert_said("decred", "mixdcnet", r"identity \w{66}, session \w{64}, run \d+, hash \w{64}")

    def test_soter(self) -> None:
        """What only Soter has: three lists of addresses, and heights for locators."""
        self.assert_said("soter", "addrcache", r"\d+ inbound, \d+ outbound, \d+ known")
        self.assertTrue(any("from height " in words for words in self.words("soter", "getblocks")))

    def test_kaspa(self) -> None:
        """What only Kaspa has: questions between two blocks."""
        self.assert_said("kaspa", "getblockinvs", r"low \w{64}, high \w{64}")
        self.assert_said("kaspa", "version", r"agent \S*, pver -?\d+, tip \w{64}")

    def test_neo(self) -> None:
        """What only NEO has: blocks with heights, merkle blocks with a count, pings of a node at a height."""
        for command in ("block", "merkleblock"):
            self.assert_said("neo", command, r"hash \w{64}, height \d+, \d+ tx, [-0-9: ]+")
        self.assert_said("neo", "consensus", r"height \d+, validator \d+")
        self.assert_said("neo", "pong", r"block \d+")
        self.assert_said("neo", "getroots", r"\d+ from \d+")

    def test_fees(self) -> None:
        """The fee from which on transactions are wanted."""
        for family in ("bitcoin", "decred", "soter", "kaspa"):
            self.assert_said(family, "feefilter", r"at least -?\d+")


class MalformedTests(SynchronousTestCase):
    """Messages in which something turns out to be wrong."""

    def test_told(self) -> None:
        """It is told, and still there to be found by who looks next."""
        network = networks.named("bitcoin-regtest")
        codec = network.codec()
        message = codec.kinds["tx"].read(bytes(5), codec)
        self.assertRegex(summary(network, message), "^: malformed: ")
        self.assertRaises(MalformedMessage, message.load)
