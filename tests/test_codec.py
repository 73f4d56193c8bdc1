"""Tests of what is spoken with one peer: frames, their headers and their faults."""

from __future__ import annotations

from dataclasses import replace

from twisted.trial.unittest import SynchronousTestCase

from peerproto.errors import (
    BadChecksum,
    Incomplete,
    LocalError,
    MalformedMessage,
    Oversize,
    OversizeCommand,
    Reason,
    UnknownCommand,
    WrongNetwork,
)
from peerproto.wire.codec import Codec, Policy, show_command
from peerproto.wire.envelope import HEADER
from tests.small_network import ENVELOPE, codec_for, framed
from tests.test_message import CUT, LAZY, Eager, Foreign, Lazy

CODEC = codec_for(Eager, Lazy, Foreign)
EAGER = framed(Eager, "05026162")


def header(command: bytes, size: int, checksum: bytes = bytes(4), magic: bytes = ENVELOPE.magic) -> bytes:
    """A header of anything."""
    return HEADER.pack(magic, command, size, checksum)


class EncodeTests(SynchronousTestCase):
    """Messages to frames."""

    def test_frame(self) -> None:
        """A frame is header and payload."""
        self.assertEqual(CODEC.encode(Eager(5, "ab")), EAGER)

    def test_of_another_network(self) -> None:
        """A message that this network does not have is the caller's mistake."""
        with self.assertRaisesRegex(LocalError, "^Eager is no message of this network$"):
            codec_for(Lazy).encode(Eager(5, "ab"))

    def test_too_new(self) -> None:
        """A message that the peer's version does not know is not sent."""
        with self.assertRaisesRegex(LocalError, "^lazy exists from protocol version 3 on, not at 2$"):
            codec_for(Lazy, pver=2).encode(Lazy(1, []))

    def test_too_long(self) -> None:
        """A message longer than the peer would take is not sent."""
        with self.assertRaisesRegex(LocalError, "^lazy: payload of 43 bytes, at most 30 allowed$"):
            codec_for(Lazy, pver=3).encode(Lazy(1, [1 << 32] * 4 + [1 << 16]))

    def test_cannot_be_written(self) -> None:
        """A value that does not fit is told with the command and the cause."""
        error = self.assertRaises(LocalError, CODEC.encode, Eager(256, "ab"))
        self.assertRegex(str(error), "^eager: cannot be written: ")
        self.assertIsNotNone(error.__cause__)

    def test_reads_like(self) -> None:
        """Two codecs read alike at the same version and in the same encoding."""
        self.assertTrue(CODEC.reads_like(CODEC))
        self.assertTrue(CODEC.reads_like(codec_for(Eager)))
        self.assertFalse(CODEC.reads_like(codec_for(Eager, pver=9)))
        self.assertFalse(CODEC.reads_like(Codec([Eager], ENVELOPE, CODEC.policy, CODEC.pver, witness=True)))


class DecodeTests(SynchronousTestCase):
    """Frames to messages."""

    def fault(self, frame: bytes, codec: Codec = CODEC) -> tuple[type[MalformedMessage], str, str, int]:
        """What is wrong with a frame: class, words, command, place."""
        error = self.assertRaises(MalformedMessage, codec.decode, frame)
        return type(error), error.text, error.command, error.offset

    def test_strict_or_lazy(self) -> None:
        """Strictly every field is looked at, otherwise a lazy message is left unread."""
        self.assertIsNone(CODEC.decode(framed(Lazy, LAZY)).is_untouched())
        self.assertIs(CODEC.decode(framed(Lazy, LAZY), strict=False).is_untouched(), CODEC)
        self.assertRaises(MalformedMessage, CODEC.decode, framed(Lazy, CUT))
        CODEC.decode(framed(Lazy, CUT), strict=False)
        self.assertEqual(CODEC.decode(EAGER, strict=False), CODEC.decode(EAGER, strict=True))

    def test_incomplete(self) -> None:
        """A frame that is cut is incomplete, wherever that is."""
        self.assertEqual(self.fault(b""), (Incomplete, "0 of 24 bytes of header are there", "", 0))
        self.assertEqual(self.fault(EAGER[:23]), (Incomplete, "23 of 24 bytes of header are there", "", 23))
        self.assertEqual(
            self.fault(EAGER[:24]), (Incomplete, "0 of 4 bytes of payload are there", "eager", 24)
        )
        self.assertEqual(
            self.fault(EAGER[:27]), (Incomplete, "3 of 4 bytes of payload are there", "eager", 27)
        )

    def test_behind(self) -> None:
        """Bytes behind the frame are none of it."""
        self.assertEqual(
            self.fault(EAGER + b"ab"), (MalformedMessage, "2 bytes behind the frame", "eager", 28)
        )

    def test_wrong_network(self) -> None:
        """The magic of another network is told beside ours."""
        self.assertEqual(
            self.fault(b"live" + EAGER[4:]),
            (WrongNetwork, "magic 6c697665 is another network's, not 74657374", "", 0),
        )

    def test_oversize(self) -> None:
        """A length that no message may have is refused before all else; another protocol's bytes look like that."""
        self.assertEqual(
            self.fault(header(b"eager", 100_001)),
            (Oversize, "payload of 100001 bytes announced, at most 100000 allowed", "eager", 16),
        )
        kind, text, command, _ = self.fault(b"GET / HTTP/1.1\r\nHost: localhost\r\n")
        self.assertEqual((kind, command), (Oversize, r"/ HTTP/1.1\r\n"))
        self.assertRegex(text, r"; magic b'GET ' is not 74657374: does it speak another protocol\?$")

    def test_oversize_command(self) -> None:
        """A length that this command may not have is refused with the command's limit."""
        self.assertEqual(
            self.fault(header(b"eager", 101)),
            (OversizeCommand, "payload of 101 bytes announced, at most 100 allowed", "eager", 16),
        )

    def test_unknown(self) -> None:
        """A command of no message is unknown, whatever the rest of the frame is."""
        for command, shown in ((b"xyz", "xyz"), (b"", ""), (b"EAGER", "EAGER"), (b"eager\0x", r"eager\x00x")):
            self.assertEqual(
                self.fault(header(command, 5)),
                (UnknownCommand, "this network has no such command", shown, 4),
            )

    def test_command_that_is_no_text(self) -> None:
        """A command that is no UTF-8 is malformed."""
        kind, text, command, offset = self.fault(header(b"\xff\xfepi", 0))
        self.assertEqual((kind, command, offset), (MalformedMessage, r"\xff\xfepi", 4))
        self.assertRegex(text, "^command .* is not UTF-8$")

    def test_cut_at_nul(self) -> None:
        """On some networks a command ends at its first NUL, whatever is behind it."""
        cutting = Codec([Eager], replace(ENVELOPE, cuts_at_nul=True), Policy("small"), 10, witness=False)
        frame = EAGER[:4] + b"eager\0abcdef" + EAGER[16:]
        self.assertEqual(cutting.decode(frame), Eager(5, "ab"))
        self.assertEqual(self.fault(frame)[0], UnknownCommand)
        self.assertEqual(self.fault(EAGER[:4] + b"eage\0abcdefg" + EAGER[16:], cutting)[0], UnknownCommand)

    def test_strict_ascii(self) -> None:
        """On some networks a command that is not printable ASCII is malformed, known or not."""
        strict = Codec([Eager], replace(ENVELOPE, strict_ascii=True), Policy("small"), 10, witness=False)
        kind, text, command, offset = self.fault(header(b"eager\0abc", 0), strict)
        self.assertEqual((kind, command, offset), (MalformedMessage, r"eager\x00abc", 4))
        self.assertRegex(text, r"^command b'eager.* is not printable ASCII$")
        self.assertEqual(self.fault(header(b"xyz", 0), strict)[0], UnknownCommand)

    def test_magic_first(self) -> None:
        """On some networks a foreign magic is told before a length that is too large."""
        first = Codec([Eager], replace(ENVELOPE, magic_first=True), Policy("small"), 10, witness=False)
        foreign = header(b"eager", 100_001, magic=b"live")
        self.assertEqual(self.fault(foreign)[0], Oversize)
        self.assertEqual(self.fault(foreign, first)[0], WrongNetwork)
        self.assertEqual(self.fault(header(b"eager", 100_001), first)[0], Oversize)

    def test_checksum(self) -> None:
        """A wrong checksum is told beside the right one."""
        right = EAGER[20:24].hex()
        self.assertEqual(
            self.fault(EAGER[:20] + bytes(4) + EAGER[24:]),
            (BadChecksum, f"checksum {right}, the header announces 00000000", "eager", 20),
        )

    def test_too_new(self) -> None:
        """A message that does not exist at this version is malformed, as it is to btcd."""
        self.assertEqual(
            self.fault(framed(Lazy, ""), codec_for(Lazy, pver=2)),
            (MalformedMessage, "exists from protocol version 3 on, not at 2", "lazy", 24),
        )

    def test_foreign(self) -> None:
        """Of a message that the reference does not know, no fault is more than an unknown command."""
        for frame in (header(b"foreign", 101), header(b"foreign", 0), framed(Foreign, "05")):
            self.assertEqual(
                self.fault(frame),
                (UnknownCommand, "this command is not known in this form", "foreign", 4),
            )

    def test_reasons(self) -> None:
        """Each fault has its reason."""
        for frame, reason in (
            (EAGER[:9], Reason.INCOMPLETE),
            (b"live" + EAGER[4:], Reason.WRONG_NETWORK),
            (header(b"eager", 100_001), Reason.OVERSIZE),
            (header(b"eager", 101), Reason.OVERSIZE),
            (header(b"xyz", 0), Reason.UNKNOWN_COMMAND),
            (header(b"eager", 0), Reason.BAD_CHECKSUM),
            (framed(Eager, ""), Reason.MALFORMED),
        ):
            self.assertEqual(self.assertRaises(MalformedMessage, CODEC.decode, frame).reason, reason)


class TableTests(SynchronousTestCase):
    """What a codec knows."""

    def test_limits(self) -> None:
        """Limits are those of the protocol version."""
        rows = {entry.kind: entry.most for entry in codec_for(Eager, Lazy, pver=4).table.values()}
        self.assertEqual(rows, {Eager: 100, Lazy: 40})

    def test_kinds(self) -> None:
        """Messages are found by their command."""
        self.assertEqual(CODEC.kinds, {"eager": Eager, "lazy": Lazy, "foreign": Foreign})

    def test_policy(self) -> None:
        """A policy tolerates nothing unless told."""
        policy = Policy("none")
        self.assertEqual(
            (policy.tolerates, policy.trailing, policy.address_ids), (frozenset(), False, frozenset())
        )

    def test_show_command(self) -> None:
        """A command is shown in printable ASCII, without the NULs that fill it."""
        for raw, shown in (
            (b"ping\0\0", "ping"),
            (b"", ""),
            (b"\0a\0", r"\x00a"),
            (b"a\nb\x7f", r"a\nb\x7f"),
            ("é".encode(), r"\xc3\xa9"),
            (b"\xff\\", r"\xff\\"),
        ):
            self.assertEqual(show_command(raw), shown)
            self.assertTrue(shown.isascii() and shown.isprintable())
