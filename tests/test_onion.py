"""Tests of Tor's addresses."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from peerproto.wire.onion import onion_key, onion_name

NAME = "v7ajjeirttkbnt32wpy3c6w3emwnfr3fkla7hpxcfokr3ysd3kqtzmqd.onion"
"""A seed of Bitcoin's signet, as Bitcoin Core has it."""


class OnionTests(SynchronousTestCase):
    """Names and keys."""

    def test_there_and_back(self) -> None:
        """A real name has a key of 32 bytes, which has that name."""
        key = onion_key(NAME)
        self.assertEqual((len(key), onion_name(key)), (32, NAME))
        self.assertEqual(onion_key(onion_name(bytes(32))), bytes(32))

    def test_no_name(self) -> None:
        """Another version, a wrong checksum, a wrong ending, and what is no name at all are told apart from it."""
        for name in (
            "aaaaaaaaaaaaaaaa.onion",
            NAME.replace("v7", "v6"),
            NAME.removesuffix(".onion"),
            NAME.replace(".onion", ".onion.onion"),
            "1.onion",
            "ä.onion",
            "",
        ):
            with self.assertRaisesRegex(ValueError, "is no address of Tor"):
                onion_key(name)
