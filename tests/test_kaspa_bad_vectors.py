"""Tests of Kaspa's messages against frames that kaspad refused. No vector is left out."""

from __future__ import annotations

from collections import Counter

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
from tests import refused
from tests.kaspa_vectors import Entry, bad, codec_of, frame_of

KINDS: dict[str, type[MalformedMessage]] = {
    "wrong-magic-": WrongNetwork,
    "bad-checksum-": BadChecksum,
    "unknown-command-": UnknownCommand,
    "command-invalid-utf8": MalformedMessage,
    "command-": UnknownCommand,
    "oversize-": Oversize,
    "over-message-max-": OversizeCommand,
    "trailing-byte-": OversizeCommand,
    "stream-": Incomplete,
}
"""What a frame's label says of its fault; all others have a payload that cannot be."""


def kind_of(entry: Entry) -> type[MalformedMessage]:
    """The class of the error that a frame must have."""
    for start, kind in KINDS.items():
        if entry["label"].startswith(start):
            return kind
    return MalformedMessage


class BadTests(refused.RefusedCase):
    """Frames that kaspad refuses."""

    def test_all_are_here(self) -> None:
        """There are vectors of each kind of error."""
        kinds = Counter(entry["error_kind"] for entry in bad())
        self.assertEqual(kinds, {"message_error": 95, "unexpected_eof": 40, "eof": 31, "panic": 1})

    def entries(self) -> list[Entry]:
        """All of them."""
        return bad()

    frame_of, codec_of, kind_of = staticmethod(frame_of), staticmethod(codec_of), staticmethod(kind_of)
    bad_commands = ("command-invalid-utf8",)

    def test_kinds(self) -> None:
        """What ends too soon for kaspad is either a cut stream, or a payload that ends in the middle."""
        for entry in bad():
            if entry["error_kind"] in ("eof", "unexpected_eof"):
                self.assertIn(kind_of(entry), (Incomplete, MalformedMessage), entry["label"])
                error = self.assertRaises(MalformedMessage, codec_of(entry).decode, frame_of(entry))
                self.assertRegex(str(error), "ends (inside|too soon)|bytes of (header|payload) are there")

    def test_counts_decide(self) -> None:
        """Counts and lengths that may not be are told on arrival, but for those inside transactions."""
        for entry in bad():
            if entry["label"].startswith(("over-count-", "over-length-", "over-hashfuncs-")):
                (command,) = {"tx"} & set(entry["label"].split("-")) or {""}
                reader = Reader(codec_of(entry))
                if command:
                    (found,) = reader.feed(frame_of(entry))
                    assert isinstance(found, Message)
                    self.assertRaises(MalformedMessage, found.load)
                else:
                    self.assert_on_arrival(entry)

    def test_a_block_of_claims(self) -> None:
        """A block that announces more transactions than could be in it is refused on arrival."""
        codec = codec_of(bad()[0])
        payload = bytes(4) + b"\0" + bytes(116) + b"\xfe\x40\x42\x0f\x00" + bytes(1000)
        with self.assertRaisesRegex(MalformedMessage, "^block: ends inside transactions"):
            list(Reader(codec).feed(codec.envelope.wrap(codec.envelope.command("block"), payload)))
