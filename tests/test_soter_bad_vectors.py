"""Tests of Soter's messages against frames that soterd refuses, and against its limits. No vector is left out."""

from __future__ import annotations

import re
import tracemalloc
from collections import Counter

from twisted.trial.unittest import SynchronousTestCase

from peerproto.errors import (
    BadChecksum,
    Incomplete,
    MalformedMessage,
    Oversize,
    OversizeCommand,
    UnknownCommand,
    WrongNetwork,
)
from peerproto.wire.message import Message
from peerproto.wire.reader import Reader
from peerproto.wire.varint import write_varint
from tests import refused
from tests.soter_vectors import Entry, bad, codec_of, frame_of, limits


def kind_of_error(entry: Entry) -> type[MalformedMessage]:
    """The error that soterd's own words for a bad frame stand for; its panic is a malformed message."""
    for part, kind in (
        ("message from other network", WrongNetwork),
        ("payload checksum failed", BadChecksum),
        ("message payload is too large", Oversize),
        ("payload exceeds max length", OversizeCommand),
        ("unhandled command", UnknownCommand),
    ):
        if part in entry["error"]:
            return kind
    return MalformedMessage if _is_whole(frame_of(entry)) else Incomplete


def _is_whole(frame: bytes) -> bool:
    return len(frame) >= 24 and len(frame) == 24 + int.from_bytes(frame[16:20], "little")


class BadTests(refused.RefusedCase):
    """Frames that soterd refuses."""

    def test_all_are_here(self) -> None:
        """There are vectors of each kind."""
        self.assertEqual(Counter(entry["outcome"] for entry in bad()), {"error": 160, "panic": 1})
        kinds = Counter(kind_of_error(entry) for entry in bad())
        self.assertEqual(set(kinds), {*refused.BY_THE_HEADER, BadChecksum, Incomplete, MalformedMessage})
        self.assertEqual(kinds[Incomplete], 5)

    def entries(self) -> list[Entry]:
        """All of them."""
        return bad()

    frame_of, codec_of, kind_of = staticmethod(frame_of), staticmethod(codec_of), staticmethod(kind_of_error)
    bad_commands = ("command-not-utf8", "command-overlong-utf8")

    def test_counts_are_judged_on_arrival(self) -> None:
        """A count over its cap is refused before anybody looks, but for those inside transactions."""
        for entry in bad():
            if re.match("overcount|overlong|addrcache-count", entry["label"]):
                command = frame_of(entry)[4:16].rstrip(b"\0")
                reader = Reader(codec_of(entry))
                if command in (b"tx", b"block"):
                    self.assertEqual(len(list(reader.feed(frame_of(entry)))), 1, entry["label"])
                else:
                    self.assert_on_arrival(entry)

    def test_crash(self) -> None:
        """The frame that ends soterd is refused for its sum, and makes nothing."""
        (entry,) = (entry for entry in bad() if entry["outcome"] == "panic")
        codec, frame = codec_of(entry), frame_of(entry)
        self.assertRaises(MalformedMessage, codec.decode, frame)
        tracemalloc.start()
        try:
            self.assertRaisesRegex(
                MalformedMessage, "18446744073709551613 entries announced, at most 1000", codec.decode, frame
            )
            self.assertLess(tracemalloc.get_traced_memory()[1], 256 * 1024)
        finally:
            tracemalloc.stop()


ITEMS = {"inv": 40, "getdata": 40, "notfound": 40, "headers": 81, "addr": 30}


def payload_of(entry: Entry) -> bytes:
    """What the recipe of a limit says, in bytes: counts in it, and zeros all around."""
    size = entry["payload_len"]
    name, _, number = entry["label"].rpartition("-")
    count = write_varint(int(number))
    before = {
        "cfheaders": bytes(65),
        "cfcheckpt": bytes(33),
        "cfilter": bytes(33),
        "merkleblock-flags": bytes(85),
        "tx-witness-item": bytes(4) + b"\0\1\1" + bytes(36 + 1 + 4 + 1) + b"\1",
        "reject": bytes(2),
    }
    if "payload" in name:
        return bytes(size)
    if name in ("alert", "reject"):
        count = write_varint(int(number) - {"alert": 6, "reject": 7}[name])
    return (before.get(name, b"") + count).ljust(size, b"\0")


class LimitTests(SynchronousTestCase):
    """Payloads of the largest sizes that soterd takes, and of the next larger ones."""

    def test_recipes(self) -> None:
        """The payloads are those that the vectors are about."""
        self.assertEqual(len(limits()), 41)
        for entry in limits():
            codec, payload = codec_of(entry), payload_of(entry)
            self.assertEqual(len(payload), entry["payload_len"], entry["label"])
            self.assertEqual(codec.envelope.checksum(payload).hex(), entry["checksum"], entry["label"])

    def test_limits(self) -> None:
        """Each is taken or refused as soterd does it, and if by its length, then by the header alone."""
        for entry in limits():
            codec = codec_of(entry)
            frame = codec.envelope.wrap(codec.envelope.command(entry["command"]), payload_of(entry))
            if entry["accepted"]:
                (found,) = Reader(codec).feed(frame)
                assert isinstance(found, Message)
                self.assertEqual(found.load().command, entry["command"], entry["label"])
                continue
            by_length = "exceeds max length" in entry["error"]
            with self.assertRaises(OversizeCommand if by_length else MalformedMessage):
                list(map(Message.load, Reader(codec).feed(frame[:24] if by_length else frame)))  # type: ignore[arg-type]
