"""Tests of Bitcoin's messages against frames that other implementations refused."""

from __future__ import annotations

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
from peerproto.networks.bitcoin import VerAck
from peerproto.wire.message import Message
from peerproto.wire.reader import Reader
from tests import refused
from tests.bitcoin_vectors import Entry, bad, by_label, codec_of, frame_of

CONTRADICTION = "unknown-wtxidrelay"
"""btcd does not know wtxidrelay and Bitcoin Core sends it; the two vectors are the same bytes."""


def outcome(entry: Entry, frame: bytes) -> str:
    """What comes of a frame: by the class of its error."""
    try:
        codec_of(entry).decode(frame)
    except MalformedMessage as error:
        return error.reason
    return "accepted"


def kind_of_error(entry: Entry) -> type[MalformedMessage]:
    """The error that btcd's own words for a bad frame stand for."""
    words = entry["reference_error"]
    for part, kind in (
        ("message from other network", WrongNetwork),
        ("payload checksum failed", BadChecksum),
        ("message payload is too large", Oversize),
        ("payload exceeds max length", OversizeCommand),
        ("received unknown message", UnknownCommand),
    ):
        if part in words:
            return kind
    return Incomplete if entry["kind"] == "incomplete" else MalformedMessage


class BadTests(refused.RefusedCase):
    """Frames that btcd refuses, passes over, or finds cut: policy btcd."""

    def entries(self) -> list[Entry]:
        """All but the one that is also golden."""
        return [entry for entry in bad() if entry["label"] != CONTRADICTION]

    frame_of, codec_of, kind_of = staticmethod(frame_of), staticmethod(codec_of), staticmethod(kind_of_error)
    bad_commands = ("command-bad-utf8",)

    def test_all_are_here(self) -> None:
        """There are vectors of each kind."""
        kinds = Counter(entry["kind"] for entry in bad())
        self.assertEqual(kinds, {"reject": 130, "unknown": 15, "incomplete": 8})
        for entry in bad():
            self.assertEqual(
                kind_of_error(entry) is UnknownCommand, entry["kind"] == "unknown", entry["label"]
            )

    def test_contradiction(self) -> None:
        """One bad frame is byte for byte a golden one, of a message that btcd does not know: the golden one wins."""
        (entry,) = (entry for entry in bad() if entry["label"] == CONTRADICTION)
        self.assertEqual(frame_of(entry), frame_of(by_label("wtxidrelay-core")))
        self.assertEqual((entry["kind"], outcome(entry, frame_of(entry))), ("unknown", "accepted"))


NOT_FRAMING = {
    "length-over-type-sendaddrv2": "a sendaddrv2 after the handshake ends the peer; so does the peer floor",
    "length-over-type-getcfcheckpt": "the nodes serve no compact filters",
    CONTRADICTION: "a wtxidrelay after the handshake ends the peer; so does the peer floor",
    "trailing-headers": "the headers belong to no chain",
    "trailing-block": "the block is not valid",
    "over-headers": "more headers than may be are an offence",
    "over-filteradd": "the nodes serve no bloom filters",
    "over-filterload-funcs": "the nodes serve no bloom filters",
    "tx-witness-flag-0": "litecoind reads a transaction without inputs, which is an offence",
}
"""Where a node of Bitcoin Core's line closed the connection, but not because it could not read the frame."""

CLOSES = ("magic-", "length-4", "length-3")
"""The frames that a node of that line closes the connection for, whatever else is in them."""

LINE = ("knots_29_4_3", "litecoind_0_21_2")


class CoreTests(SynchronousTestCase):
    """The same frames under policy core, against what nodes of Bitcoin Core's line did with them."""

    def goes_on(self, entry: Entry) -> bool:
        """Whether another frame can be read after this one."""
        codec = codec_of(entry, "core")
        reader = Reader(codec)
        try:
            for some in reader.feed(frame_of(entry)):
                if isinstance(some, Message):
                    some.load()
        except MalformedMessage as error:
            if type(error) not in codec.policy.tolerates:
                return False
        if not reader.waiting:
            self.assertEqual(list(reader.feed(codec.encode(VerAck()))), [VerAck()])
        return True

    def test_as_live_nodes(self) -> None:
        """What a node went on after, we go on after; what it closed for was its envelope, or not framing at all."""
        for entry in bad():
            for node, seen in (entry.get("live") or {}).items():
                if node in LINE and (seen != "closed" or entry["label"] not in NOT_FRAMING):
                    self.assertEqual(self.goes_on(entry), seen != "closed", (entry["label"], node))

    def test_closes(self) -> None:
        """Under policy core only a wrong magic and a length that nothing may have end the connection."""
        ended = {entry["label"] for entry in bad() if not self.goes_on(entry)}
        self.assertEqual(ended, {entry["label"] for entry in bad() if entry["label"].startswith(CLOSES)})

    def test_exceptions_are_needed(self) -> None:
        """Each exception is one: a node closed the connection, and we go on."""
        for label in NOT_FRAMING:
            (entry,) = (entry for entry in bad() if entry["label"] == label)
            self.assertIn("closed", [entry["live"][node] for node in LINE])
            self.assertTrue(self.goes_on(entry))

    def test_trailing(self) -> None:
        """Bytes behind the last field are accepted, as by Bitcoin Core, and not sent on once the message is read."""
        for entry in bad():
            if entry["label"].startswith("trailing-"):
                codec, frame = codec_of(entry, "core"), frame_of(entry)
                found = codec.decode(frame)
                again = codec.encode(type(found).from_fields(found.to_fields()))
                self.assertEqual(again[24:], frame[24:-1], entry["label"])
