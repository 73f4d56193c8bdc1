"""Tests of Decred's messages against frames that dcrd wrote.

No vector is left out. One derived value is not dcrd's: `addresses` of `addrv2`, see `GoldenTests.test_addresses`.
"""

from __future__ import annotations

import json
from hashlib import sha256
from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from peerproto import networks
from peerproto.errors import LocalError, MalformedMessage
from peerproto.networks import decred
from peerproto.networks.decred.addresses import IPV4, TOR_V3
from peerproto.networks.decred.kinds import LATEST
from peerproto.wire.blake256 import blake256
from tests import goldens
from tests.decred_vectors import (
    NETS,
    Entry,
    big,
    by_label,
    codec_of,
    extra_of,
    frame_of,
    golden,
    lenient,
    load,
    there,
)


class GoldenTests(goldens.GoldenCase):
    """Frames that were written and read by dcrd."""

    def entries(self) -> list[Entry]:
        """All of them."""
        return golden()

    frame_of, codec_of = staticmethod(frame_of), staticmethod(codec_of)

    def fields_of(self, entry: Entry) -> Any:
        """What the vector says, without what is null."""
        return there(entry["fields"])

    def may_be_cut(self, entry: Entry) -> bool:
        """All behind the first address may be missing in a version."""
        return bool(entry["command"] == "version")

    def test_all_are_here(self) -> None:
        """There are vectors of every message, on every net."""
        self.assertEqual(len(golden()), 280)
        kinds = codec_of(by_label("verack simnet")).kinds
        self.assertEqual({entry["command"] for entry in golden()}, set(kinds))
        self.assertEqual(len(kinds), 41)
        self.assertEqual({entry["net"] for entry in golden()}, set(NETS))

    def test_what_follows(self) -> None:
        """Hashes, kinds of transactions, pairings and commitments are those of dcrd, looked at or not."""
        for entry in golden():
            if entry["command"] != "addrv2":
                for strict in (True, False):
                    found = codec_of(entry).decode(frame_of(entry), strict=strict)
                    self.assertEqual(extra_of(found), entry.get("extra", {}), entry["label"])

    def test_addresses(self) -> None:
        """Addresses of IP read as in dcrd. Its words for others are those of an error, as it wants what is not sent:
        the onion's checksum, and an address of IPv4 in its own form. Here they are shown as people write them.
        """
        shown = 0
        for entry in golden():
            if entry["command"] == "addrv2":
                found = extra_of(codec_of(entry).decode(frame_of(entry)))["addresses"]
                for ours, theirs in zip(found, entry["extra"]["addresses"], strict=True):
                    if theirs.startswith("invalid: "):
                        self.assertTrue(".onion:" in ours or ours == "1.2.3.4:258", ours)
                    else:
                        self.assertEqual(ours, theirs)
                        shown += 1
        self.assertEqual(shown, 1010)

    def test_other_versions(self) -> None:
        """At every protocol version that permits a message it reads the same, as no version has a form of its own."""
        for entry in golden():
            found = codec_of(entry).decode(frame_of(entry))
            for pver in range(1, 13):
                codec = codec_of({**entry, "pver": pver})
                if type(found).exists_at(pver) and len(frame_of(entry)) - 24 <= type(found).limit(pver):
                    self.assertEqual(codec.decode(frame_of(entry)), found, entry["label"])
                    self.assertEqual(codec.encode(found), frame_of(entry), entry["label"])
                else:
                    self.assertRaises(MalformedMessage, codec.decode, frame_of(entry))
                    self.assertRaises(LocalError, codec.encode, found)

    def test_other_nets(self) -> None:
        """The same payloads in the envelopes of the other nets are the same messages."""
        for entry in golden()[::5]:
            found = codec_of(entry).decode(frame_of(entry))
            for net in set(NETS) - {entry["net"]}:
                other = codec_of({**entry, "net": net})
                self.assertEqual(other.decode(other.encode(found)), found, entry["label"])
                self.assertRaises(MalformedMessage, other.decode, frame_of(entry))


class LenientTests(SynchronousTestCase):
    """Frames that dcrd reads and would not write."""

    def test_fields(self) -> None:
        """Each has the fields that dcrd reads."""
        self.assertEqual(len(lenient()), 10)
        for entry in lenient():
            found = codec_of(entry).decode(frame_of(entry))
            self.assertEqual(found.to_fields(), there(entry["fields"]), entry["label"])
            again = type(found).from_fields(json.loads(json.dumps(found.to_fields())))
            self.assertEqual(again, found, entry["label"])

    def test_written_again(self) -> None:
        """A short version is written whole, an address that was not there as zeros; a matrix without rows never."""
        for entry in lenient():
            codec = codec_of(entry)
            found = codec.decode(frame_of(entry))
            if entry["command"] == "mixdcnet":
                self.assertRaisesRegex(LocalError, "a matrix of 0 rows", codec.encode, found)
                continue
            again: Any = codec.decode(codec.encode(found))
            self.assertEqual((again.nonce, again.user_agent), (found.nonce, found.user_agent))
            self.assertEqual(again.disable_relay_tx, found.disable_relay_tx)
            self.assertEqual(again.addr_me.ip, "::" if found.addr_me.ip is None else found.addr_me.ip)

    def test_hash_of_what_cannot_be_written(self) -> None:
        """A matrix without rows has a hash all the same: that of the bytes it came in."""
        for entry in lenient():
            if entry["command"] == "mixdcnet":
                for strict in (True, False):
                    found: Any = codec_of(entry).decode(frame_of(entry), strict=strict)
                    self.assertEqual(found.mix_hash, blake256(frame_of(entry)[24:]))


class BigTests(SynchronousTestCase):
    """Messages as large as they may be."""

    def test_frames(self) -> None:
        """Each is written to dcrd's bytes, and read again from them."""
        self.assertEqual(len(load("big")), 12)
        for entry in load("big"):
            codec, message = codec_of(entry), big(entry)
            frame = codec.encode(message)
            self.assertEqual(len(frame), entry["frame_length"], entry["label"])
            self.assertEqual(frame[:24].hex(), entry["header"], entry["label"])
            self.assertEqual(sha256(frame).hexdigest(), entry["frame_sha256"], entry["label"])
            self.assertEqual(codec.decode(frame), message, entry["label"])

    def test_one_more(self) -> None:
        """One entry more is neither written nor read."""
        for command, name in (("inv", "inv_list"), ("headers", "headers"), ("addrv2", "addr_list")):
            entry = next(entry for entry in load("big") if entry["command"] == command)
            codec, message = codec_of(entry), big(entry)
            items = getattr(message, name)
            setattr(message, name, [*items, items[0]])
            self.assertRaisesRegex(LocalError, "entries, .* allowed", codec.encode, message)


class LimitTests(SynchronousTestCase):
    """What each protocol version permits."""

    def test_limits(self) -> None:
        """Every command's longest payload, and the versions that have it, are dcrd's at each of the twelve."""
        kinds = networks.named("decred-simnet").codec().kinds
        self.assertEqual({entry["command"] for entry in load("limits")}, set(kinds))
        for entry in load("limits"):
            kind = kinds[entry["command"]]
            self.assertEqual(kind.foreign, not entry["known_to_reader"], entry["command"])
            for pver in range(1, 13):
                self.assertEqual(kind.limit(pver), entry["max_payload"][str(pver)], entry["command"])
                there = entry["decoder_min_pver"] <= pver <= entry["decoder_max_pver"]
                self.assertEqual(kind.exists_at(pver), there, entry["command"])


class AddressTests(SynchronousTestCase):
    """The addresses of `addrv2`."""

    def test_onion(self) -> None:
        """Of a key follows the name that Tor gives it (rend-spec-v3, section 6)."""
        name = "pg6mmjiyjmcrsslvykfwnntlaru7p5svn6y2ymmju6nubxndf4pscryd"
        key = bytes.fromhex("79bcc625184b05194975c28b66b66b0469f7f6556fb1ac3189a79b40dda32f1f")
        address = decred.NetAddressV2(0, 1, TOR_V3, key, 9108)
        self.assertEqual(str(address), f"{name}.onion:9108")

    def test_what_no_peer_would_take(self) -> None:
        """An address of another size, type or time is not written, and says which."""
        codec = networks.named("decred-simnet").codec()
        for address, text in (
            (decred.NetAddressV2(0, 1, IPV4, bytes(5), 1), "address of 5 bytes, type 1 has 4"),
            (decred.NetAddressV2(0, 1, 4, bytes(4), 1), "address of type 4, 1 to 3 are known"),
            (decred.NetAddressV2(1 << 63, 1, IPV4, bytes(4), 1), f"time {1 << 63}, at most {LATEST} allowed"),
        ):
            error = self.assertRaises(LocalError, codec.encode, decred.AddrV2([address]))
            self.assertEqual(str(error), f"addrv2: addr_list: {text}")
            plain = {"addr_list": [{**address._asdict(), "encoded_addr": address.encoded_addr.hex()}]}
            error = self.assertRaises(LocalError, decred.AddrV2.from_fields, plain)
            if address.timestamp <= LATEST:
                self.assertEqual(str(error), f"addrv2: addr_list[0]: {text}")
        self.assertRaisesRegex(LocalError, "0 entries, 1 to 1000", codec.encode, decred.AddrV2([]))
