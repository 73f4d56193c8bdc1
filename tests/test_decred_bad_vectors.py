"""Tests of Decred's messages against frames that dcrd refuses.

All 500 are here. Two have another outcome than with dcrd HEAD, see `READ_ALL_THE_SAME`.
"""

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
from tests import refused as runner
from tests.decred_vectors import Entry, bad, codec_of, frame_of

READ_ALL_THE_SAME = ("reject at pver 1", "reject at pver 8")
"""`reject` exists up to protocol version 8, and the golden frames of it are to be read there. dcrd HEAD has struck it
out at every version, but speaks with nobody below 9, where it is unknown here too.
"""

_ERRORS: dict[str, type[MalformedMessage]] = {
    "ErrWrongNetwork": WrongNetwork,
    "ErrPayloadChecksum": BadChecksum,
    "ErrUnknownCmd": UnknownCommand,
}


def kind_of_error(entry: Entry) -> type[MalformedMessage]:
    """The error that dcrd's stands for."""
    if entry["kind"] == "incomplete":
        return Incomplete
    if entry["error"] == "ErrPayloadTooLarge":
        size = int.from_bytes(frame_of(entry)[16:20], "little")
        return Oversize if size > codec_of(entry).envelope.most else OversizeCommand
    return _ERRORS.get(entry["error"], MalformedMessage)


def refused() -> list[Entry]:
    """The vectors but for the two."""
    return [entry for entry in bad() if entry["label"] not in READ_ALL_THE_SAME]


class BadTests(runner.RefusedCase):
    """Frames that dcrd refuses."""

    def test_all_are_here(self) -> None:
        """There are vectors of each kind, and many that the header decides."""
        self.assertEqual(sum(self.is_decided(entry, None) for entry in refused()), 111)
        self.assertEqual(len(bad()), 500)
        self.assertEqual(len(refused()), 498)
        self.assertEqual(Counter(entry["kind"] for entry in bad()), {"reject": 491, "incomplete": 9})
        wanted = {*_ERRORS.values(), Incomplete, Oversize, OversizeCommand, MalformedMessage}
        self.assertEqual({kind_of_error(entry) for entry in bad()}, wanted)

    def entries(self) -> list[Entry]:
        """All but the two."""
        return refused()

    frame_of, codec_of, kind_of = staticmethod(frame_of), staticmethod(codec_of), staticmethod(kind_of_error)

    def test_read_all_the_same(self) -> None:
        """The two are read, as they are by dcrd of old."""
        for entry in bad():
            if entry["label"] in READ_ALL_THE_SAME:
                self.assertEqual(entry["older_readers"]["wire 1.4.0"], "ok")
                self.assertEqual(codec_of(entry).decode(frame_of(entry)).command, "reject")

    def test_trailing_bytes_of_old(self) -> None:
        """What dcrd 1.x reads although bytes are left over is read by its policy."""
        trailing = [entry for entry in bad() if entry["error"] == "ErrTrailingBytes"]
        self.assertEqual(len(trailing), 57)
        for entry in trailing:
            codec_of(entry, "dcrd1").decode(frame_of(entry))

    def is_decided(self, entry: Entry, kind: runner.Kind) -> bool:
        """Whether dcrd looks at no more than the header; it reads all else to its last byte."""
        self.assertIn(entry["consumed"], (24, len(frame_of(entry))), entry["label"])
        return entry["kind"] == "reject" and entry["consumed"] == 24
