"""The references' own tests of their packages `wire`: a test for each, by its name, on frames that they have written.

What a row shows follows from its name: of which message it is, and of what about it. Those that are shown by a test of
ours elsewhere, or not at all, stand in `reference_table`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from copy import deepcopy
from functools import cache
from importlib import import_module
from typing import Any, ClassVar

from twisted.trial.unittest import SynchronousTestCase

from peerproto.errors import (
    Incomplete,
    LocalError,
    MalformedMessage,
    Oversize,
    OversizeCommand,
    UnknownCommand,
)
from peerproto.wire.codec import Codec
from peerproto.wire.message import Message
from tests import reference_rows
from tests.reference_table import WIRE_ELSEWHERE, WIRE_NOT_HERE

Entry = dict[str, Any]

COMMANDS = {
    "AddrV2BtcDecode": "addrv2",
    "AddrV2BtcEncode": "addrv2",
    "AddrV2Decode": "addrv2",
    "BlockHeader": "block",
    "BlockLocator": "locator",
    "GetBlockLocator": "getlocator",
    "GetCFiltersV2": "getcfsv2",
    "GetMiningState": "getminings",
    "GetSelectedTip": "getseltip",
    "InvVect": "inv",
    "MixCiphertexts": "mixcphrtxt",
    "MixFactoredPoly": "mixfactpoly",
    "MixKeyExchange": "mixkeyxchg",
    "MixSlotReserve": "mixslotres",
    "NetAddress": "addr",
    "NewMixPairReq": "mixpairreq",
    "ReadNetAddressV2": "addrv2",
    "ReadMessageTrailingBytes": "inv",
}
"""Names of rows to commands, where they are not the same word."""

PROOFS = (
    ("WireErrors|SerializeErrors", "cut_short"),
    ("MaxPayloadLength", "longest"),
    (
        "CrossProtocol|PreviousProtocol|BIP0031|BIP0130|BeforeAdded|LastSupported|VersionEnforcement",
        "versions",
    ),
    ("OverflowErrors|MalformedErrors", "absurd_counts"),
    ("MaxDataSize|MaxFilterSize|MaxHashFuncsSize|Errs|TrailingBytes", "too_much"),
    ("Wire|Serialize|SerializeSize|BtcDecode|BtcEncode|Decode", "both_ways"),
    ("Latest|", "made"),
)
"""What the end of a row's name says that it shows; the first that fits."""


def proof_of(row: str) -> tuple[str, str]:
    """Of which message a row is, by its command, and the method that shows it."""
    name = row.removeprefix("Test").removeprefix("Msg")
    for endings, proof in PROOFS:
        match = re.fullmatch(f"(.+?)({endings})", name)
        if match is not None:
            stem = name if name in COMMANDS else match[1]
            return COMMANDS.get(stem, stem.lower()), proof
    raise LookupError(row)


def shown_by_row(rows: Sequence[str], family: str) -> Callable[[type[WireRowCase]], type[WireRowCase]]:
    """Give a class a test for each row that has none elsewhere, named after it."""

    def give(case: type[WireRowCase]) -> type[WireRowCase]:
        for row in rows:
            if row not in WIRE_ELSEWHERE.get(family, {}) and row not in WIRE_NOT_HERE:
                setattr(case, f"test_{row}", _test_of(row))
        return case

    return give


def _test_of(row: str) -> Callable[[WireRowCase], None]:
    command, proof = proof_of(row)

    def test(self: WireRowCase) -> None:
        getattr(self, proof)(command)

    test.__doc__ = f"{row}: {command}, {proof.replace('_', ' ')}."
    return test


class WireRowCase(SynchronousTestCase):
    """What is shown, on the frames of one family.

    :cvar family: whose vectors they are. :cvar loose: commands of which a part may be read as a whole.
    """

    family: ClassVar[str]
    loose: ClassVar[tuple[str, ...]] = ("version",)

    @classmethod
    @cache
    def entries(cls, command: str) -> list[tuple[Entry, Codec, bytes]]:
        """The golden frames of a command that are not long, each with its codec."""
        vectors: Any = import_module(f"tests.{cls.family}_vectors")
        found = [
            (entry, vectors.codec_of(entry), vectors.frame_of(entry))
            for entry in vectors.golden()
            if entry["command"] == command and len(entry.get("frame", "")) < 20_000 and "frame" in entry
        ]
        return [each for each in found if not each[0].get("fields_are_summary")]

    def first(self, command: str) -> tuple[Message, Codec, bytes]:
        """The golden message of a command that has most in it, with the codec it is for and its frame."""
        _, codec, frame = self.newest(command)
        return codec.decode(frame), codec, frame

    def newest(self, command: str) -> tuple[Entry, Codec, bytes]:
        """The golden frame of a command that has most in it, of those of the newest version."""
        return max(self.entries(command), key=lambda each: (each[0]["pver"], len(each[2])))

    def refused(self, codec: Codec, command: str, payload: bytes) -> MalformedMessage:
        """Why a payload is refused."""
        frame = codec.envelope.wrap(codec.envelope.command(command), payload)
        error: MalformedMessage = self.assertRaises(MalformedMessage, codec.decode, frame)
        return error

    # The proofs.

    def made(self, command: str) -> None:
        """A message made of its parts is the one that was read; a copy is another; its limit is kept."""
        found, codec, frame = self.first(command)
        names = list(type(found).layout.kinds)
        parts = {name: getattr(found, name) for name in names if hasattr(found, name)}
        again = type(found)(**parts)
        self.assertEqual((again, again.command), (found, command))
        self.assertEqual(deepcopy(found), found)
        self.assertLessEqual(len(frame) - 24, again.limit(codec.pver))
        self.longest(command)

    def both_ways(self, command: str) -> None:
        """Every frame is read, and written again of what was read, to bytes that are read as the same."""
        exact = 0
        for entry, codec, frame in self.entries(command):
            found = codec.decode(frame)
            if not entry.get("canonical", True):
                continue
            written = codec.encode(type(found).from_fields(found.to_fields()))
            self.assertEqual(codec.decode(written), found, entry["label"])
            exact += written == frame
        self.assertGreater(exact, 0)

    def cut_short(self, command: str) -> None:
        """Wherever a frame ends too soon it is told as such; and so is a payload, wherever it ends."""
        by_size = sorted(self.entries(command), key=lambda each: (len(each[2]) == 24, len(each[2])))
        _, codec, frame = by_size[0]
        for end in range(len(frame)):
            self.assertRaises(Incomplete, codec.decode, frame[:end])
        if command not in self.loose:
            for end in range(len(frame) - 24):
                self.refused(codec, command, frame[24 : 24 + end])

    def longest(self, command: str) -> None:
        """A header may announce a payload of the limit, and none that is longer."""
        found, codec, frame = self.first(command)
        magic, name, most = frame[:4], frame[4:16], found.limit(codec.pver)
        self.assertIs(codec.entry(magic, name, most).kind, type(found))
        error = self.assertRaises(MalformedMessage, codec.entry, magic, name, most + 1)
        self.assertIn(type(error), (OversizeCommand, Oversize, UnknownCommand))

    def versions(self, command: str) -> None:
        """A message is the same at all versions that have it, and neither written nor read at others."""
        found, codec, right = self.first(command)
        kind = type(found)
        borders = {kind.since - 1, kind.since, codec.pver, codec.pver + 1}
        for pver in sorted(pver for pver in borders if pver > 0):
            other = self.at(command, pver)
            if kind.exists_at(pver):
                self.assertEqual(other.decode(other.encode(found)), found)
                continue
            error = self.assertRaises(LocalError, other.encode, found)
            self.assertIn(f"not at {pver}", str(error))
            self.assertRaises(MalformedMessage, other.decode, other.envelope.wrap(right[4:16], right[24:]))

    def at(self, command: str, pver: int) -> Codec:
        """The same codec at another protocol version."""
        vectors: Any = import_module(f"tests.{self.family}_vectors")
        codec: Codec = vectors.codec_of({**self.newest(command)[0], "pver": pver})
        return codec

    def absurd_counts(self, command: str) -> None:
        """Whichever number in it is 2**64 - 1, and so the counts and lengths among them, it is refused."""
        _, codec, frame = self.first(command)
        payload = frame[24:2024]
        for at in range(len(payload) - 9):
            self.refused(codec, command, payload[:at] + b"\xff" * 9)

    def too_much(self, command: str) -> None:
        """One more than may be is neither written nor read."""
        codec = self.first(command)[1]
        for wrong, payload in TOO_MUCH[command](codec):
            if wrong is not None:
                self.assertRaises(LocalError, codec.encode, wrong)
            if payload is not None:
                self.refused(codec, command, payload)


def _filteradd(codec: Codec) -> list[tuple[Message | None, bytes | None]]:
    kind: Any = codec.kinds["filteradd"]
    return [(kind(bytes(521)), b"\xfd\x09\x02" + bytes(521))]


def _filterload(codec: Codec) -> list[tuple[Message | None, bytes | None]]:
    kind: Any = codec.kinds["filterload"]
    return [
        (kind(bytes(36_001), 1, 0, 0), b"\xfd\xa1\x8c" + bytes(36_001 + 9)),
        (kind(b"", 51, 0, 0), b"\0" + (51).to_bytes(4, "little") + bytes(5)),
    ]


def _mixpairreq(codec: Codec) -> list[tuple[Message | None, bytes | None]]:
    """A script class that is too long, or no ASCII (dcrd wire/msgmixpairreq_test.go)."""
    found = []
    for text in ("s" * 33, "é"):
        wrong: Any = codec.decode(DecredWireRows.entries("mixpairreq")[0][2])
        wrong.script_class = text
        found.append((wrong, None))
    return found


def _trailing(codec: Codec) -> list[tuple[Message | None, bytes | None]]:
    """An empty inv with a byte behind it (btcd wire/message_test.go)."""
    return [(None, b"\0\xaa")]


TOO_MUCH = {"filteradd": _filteradd, "filterload": _filterload, "mixpairreq": _mixpairreq, "inv": _trailing}


@shown_by_row(reference_rows.BTCD_WIRE, "bitcoin")
class BtcdWireRows(WireRowCase):
    """btcd's."""

    family = "bitcoin"


@shown_by_row(reference_rows.DECRED_WIRE, "decred")
class DecredWireRows(WireRowCase):
    """dcrd's."""

    family = "decred"


@shown_by_row(reference_rows.SOTER_WIRE, "soter")
class SoterWireRows(WireRowCase):
    """soterd's."""

    family = "soter"


@shown_by_row(reference_rows.KASPA_WIRE, "kaspa")
class KaspaWireRows(WireRowCase):
    """kaspad's."""

    family = "kaspa"
