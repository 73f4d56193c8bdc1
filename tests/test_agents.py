"""Tests of user agents, put together by each network's rule (wire/msgversion.go of the references, AddUserAgent)."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from peerproto.errors import LocalError
from peerproto.forms.agents import AgentRule, user_agent_of
from tests.everywhere import WAYS

BASE = "/wire:1.0.0/"
RULES = {way: network.agents for way, network in WAYS.items()}


class AgentTests(SynchronousTestCase):
    """What is said."""

    def test_parts(self) -> None:
        """Base, name, version and comments, as dcrd writes them; without a name the base alone."""
        for rule in RULES.values():
            self.assertEqual(user_agent_of(rule, BASE), BASE)
            self.assertEqual(user_agent_of(rule, BASE, "node", "2.2.0"), "/wire:1.0.0/node:2.2.0/")
            self.assertEqual(
                user_agent_of(rule, BASE, "node", "2.2.0", ["pre", "x y"]),
                "/wire:1.0.0/node:2.2.0(pre; x y)/",
            )
            self.assertEqual(
                user_agent_of(rule, BASE, "node", "2.2.0", "pre"), "/wire:1.0.0/node:2.2.0(pre)/"
            )

    def test_most(self) -> None:
        """What fills the limit is said; of a byte more the base alone, or it is refused, as the network does."""
        for name, rule in RULES.items():
            self.assertEqual(rule.most, 1024 if name == "neo-cli" else 256)
            fits = "x" * (rule.most - len(BASE) - len(":1.0.0/"))
            self.assertEqual(len(user_agent_of(rule, BASE, fits, "1.0.0")), rule.most)
            if name in ("soterd", "neo-cli"):
                error = self.assertRaises(LocalError, user_agent_of, rule, BASE, f"{fits}x", "1.0.0")
                self.assertEqual(
                    str(error), f"user_agent has {rule.most + 1} bytes, at most {rule.most} allowed"
                )
            else:
                self.assertEqual(user_agent_of(rule, BASE, f"{fits}x", "1.0.0"), BASE, name)

    def test_bytes_count(self) -> None:
        """The limit is one of bytes, and a base over it is refused everywhere."""
        for rule in RULES.values():
            for base in ("x" * (rule.most + 1), "é" * (rule.most // 2 + 1)):
                self.assertRaises(LocalError, user_agent_of, rule, base)
            self.assertEqual(user_agent_of(rule, "x" * rule.most), "x" * rule.most)

    def test_ascii(self) -> None:
        """Decred's are ASCII: of others the base alone is said."""
        said = {name: user_agent_of(rule, BASE, "é", "1.0.0") for name, rule in RULES.items()}
        self.assertEqual([name for name in said if said[name] == BASE], ["dcrd", "dcrd1"])
        self.assertEqual(said["kaspad"], "/wire:1.0.0/é:1.0.0/")
        for base in ("é", "/a\0/"):
            error = self.assertRaises(LocalError, user_agent_of, RULES["dcrd"], base)
            self.assertEqual(str(error), f"user_agent {base!r} is not printable ASCII")

    def test_semver(self) -> None:
        """Soter's peers compare versions: only semantic ones can be said there."""
        soter = RULES["soterd"]
        for version in ("0.0.0", "10.20.30", "1.2.3-beta.1", "1.2.3+build.5", "1.2.3-0-x+a-b"):
            self.assertEqual(user_agent_of(soter, BASE, "soterd", version), f"{BASE}soterd:{version}/")
        for version in ("", "1", "1.2", "1.2.3.4", "01.2.3", "v1.2.3", "1.2.3-", "1.2.3+", "1.2.x"):
            error = self.assertRaises(LocalError, user_agent_of, soter, BASE, "soterd", version)
            self.assertIn(f"{version!r} is no semantic version", str(error))
            self.assertEqual(user_agent_of(AgentRule(), BASE, "n", version), f"{BASE}n:{version}/")

    def test_parts_that_cannot_be(self) -> None:
        """What gives an agent its form cannot stand in a part, and a part needs its name."""
        for mark in "/:()\n\0\x7f":
            for parts in (
                (f"a{mark}", "1.0.0", ()),
                ("a", f"1.0.0{mark}", ()),
                ("a", "1.0.0", ("b", f"c{mark}")),
            ):
                error = self.assertRaises(LocalError, user_agent_of, AgentRule(), BASE, *parts)
                self.assertIn("cannot stand there", str(error))
        for parts in (("", "1.0.0", ()), ("", "", ("a",))):
            self.assertRaises(LocalError, user_agent_of, AgentRule(), BASE, *parts)
