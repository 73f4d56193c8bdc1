"""Tests of NEO's messages against frames that are odd or wrong. No vector is left out."""

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
from tests import refused
from tests.neo_vectors import Entry, bad, codec_of, frame_of

KINDS: dict[str, type[MalformedMessage]] = {
    "magic/": WrongNetwork,
    "checksum/": BadChecksum,
    "length/short-by-5": BadChecksum,
    "length/": Oversize,
    "truncated/": Incomplete,
    "command/": UnknownCommand,
    "size/tx-over-102400": OversizeCommand,
}
"""What a frame's label says of its fault; all others that are refused have a payload that cannot be."""


def kind_of(entry: Entry) -> refused.Kind:
    """The class of the error that a frame must have; None for one that is accepted."""
    if entry["expect"] == "accept":
        return None
    return next((kind for start, kind in KINDS.items() if entry["label"].startswith(start)), MalformedMessage)


OUTCOMES = {UnknownCommand: "skip", OversizeCommand: "skip", Incomplete: "incomplete", None: "accept"}


class BadTests(refused.RefusedCase):
    """Frames that the C# node refuses, passes over, waits for more of, or takes although they are odd."""

    def entries(self) -> list[Entry]:
        """All of them."""
        return bad()

    frame_of, codec_of, kind_of = staticmethod(frame_of), staticmethod(codec_of), staticmethod(kind_of)

    def test_all_are_here(self) -> None:
        """There are vectors of each outcome, and their labels say the same."""
        outcomes = Counter(entry["expect"] for entry in bad())
        self.assertEqual(outcomes, {"close": 96, "accept": 19, "skip": 10, "incomplete": 4})
        for entry in bad():
            self.assertEqual(OUTCOMES.get(kind_of(entry), "close"), entry["expect"], entry["label"])

    def test_magic(self) -> None:
        """Another network's magic is told as soon as its four bytes are there."""
        for entry in bad():
            if kind_of(entry) is WrongNetwork:
                self.assert_on_arrival({**entry, "frame": entry["frame"][:8]})

    def test_counts_are_judged_on_arrival(self) -> None:
        """A count over its cap is refused before anybody looks."""
        for entry in bad():
            if entry["label"].startswith("count/"):
                self.assert_on_arrival(entry)
