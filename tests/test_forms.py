"""Forms of the wire floor that some networks need and bitcoin does not."""

from __future__ import annotations

from dataclasses import replace
from typing import Annotated

from twisted.trial.unittest import SynchronousTestCase

from peerproto.errors import LocalError, MalformedMessage, Oversize, UnknownCommand, WrongNetwork
from peerproto.wire.codec import Codec, Policy
from peerproto.wire.envelope import Envelope
from peerproto.wire.fields import Count, ListOf, VarBytes, Varint, uint8
from peerproto.wire.message import Message, message
from peerproto.wire.reader import Reader

MAGIC = b"abcd"
ENVELOPE = Envelope(MAGIC)
LONG_ONE = b"\xfd\x01\x00"


@message("loose", most=100)
class Loose(Message):
    """Takes varints in any form."""

    number: Annotated[int, Varint(any_form=True)]
    data: Annotated[bytes, VarBytes(5, any_form=True)]
    items: Annotated[list[int], ListOf(Varint(any_form=True), 3, any_form=True)]


@message("some", most=100, lazy=True)
class Some(Message):
    """Must not be empty."""

    items: Annotated[list[uint8], Count(3, least=1)]


@message("old", until=5)
class Old(Message):
    """Gone after protocol version 5."""


def codec(envelope: Envelope = ENVELOPE, pver: int = 5) -> Codec:
    """A codec of these messages."""
    return Codec((Loose, Some, Old), envelope, Policy("test"), pver, witness=False)


def frame(command: bytes, payload: bytes = b"", magic: bytes = MAGIC) -> bytes:
    """A frame with any command."""
    return replace(Envelope(MAGIC), magic=magic).wrap(command.ljust(12, b"\0"), payload)


class VarintTests(SynchronousTestCase):
    """Longer forms than needed."""

    def test_read(self) -> None:
        """Where any form goes, a longer one is read; the shortest is written."""
        payload = LONG_ONE + LONG_ONE + b"x" + LONG_ONE + b"\xfe\x07\0\0\0"
        found = codec().decode(frame(b"loose", payload))
        self.assertEqual(found, Loose(1, b"x", [7]))
        self.assertEqual(codec().encode(found), frame(b"loose", b"\x01\x01x\x01\x07"))

    def test_bounds_stand(self) -> None:
        """A count in a longer form is bounded all the same, and one that is cut is cut."""
        for payload in (b"\x01\xfd\x06\x00", b"\x01\x00\xfd\x04\x00", b"\xfd\x01"):
            self.assertRaises(MalformedMessage, codec().decode, frame(b"loose", payload))


class LeastTests(SynchronousTestCase):
    """Lists that must not be empty."""

    def test_read(self) -> None:
        """An empty one is refused on arrival, also in a message that is read on first use."""
        with self.assertRaisesRegex(MalformedMessage, "0 entries announced, at least 1 required"):
            codec().decode(frame(b"some", b"\0"), strict=False)

    def test_write(self) -> None:
        """An empty one is not written."""
        with self.assertRaisesRegex(LocalError, "items: 0 entries, at least 1 required"):
            codec().encode(Some([]))
        self.assertEqual(codec().encode(Some([9])), frame(b"some", b"\x01\x09"))


class UntilTests(SynchronousTestCase):
    """Messages that protocol versions have dropped."""

    def test_at_its_end(self) -> None:
        """The last version that has it reads and writes it."""
        self.assertEqual(codec().decode(codec().encode(Old())), Old())

    def test_after_it(self) -> None:
        """The next one does neither, and says so."""
        with self.assertRaisesRegex(MalformedMessage, "exists up to protocol version 5, not at 6"):
            codec(pver=6).decode(frame(b"old"))
        with self.assertRaisesRegex(LocalError, "exists up to protocol version 5, not at 6"):
            codec(pver=6).encode(Old())


class CommandTests(SynchronousTestCase):
    """What a command may be."""

    def test_strict_ascii(self) -> None:
        """A control byte, a NUL inside, or anything above ASCII is malformed; a space is only unknown."""
        strict = codec(Envelope(MAGIC, strict_ascii=True))
        for command in (b"a\x01", b"a\0b", b"\x7f", "ä".encode()):
            with self.assertRaises(MalformedMessage) as caught:
                strict.decode(frame(command))
            self.assertNotIsInstance(caught.exception, UnknownCommand)
        self.assertRaises(UnknownCommand, strict.decode, frame(b"old "))

    def test_cut_at_nul(self) -> None:
        """What stands behind the first NUL does not matter where commands are cut there."""
        cuts = codec(Envelope(MAGIC, cuts_at_nul=True))
        self.assertEqual(cuts.decode(frame(b"old\0junk")), Old())
        self.assertRaises(UnknownCommand, cuts.decode, frame(b"odd\0junk"))
        self.assertRaises(UnknownCommand, codec().decode, frame(b"old\0junk"))


class MagicFirstTests(SynchronousTestCase):
    """Networks that look at the magic before all else."""

    both_wrong = b"HTTP" + frame(b"old")[4:16] + b"\xff\xff\xff\xff" + bytes(4)

    def test_order(self) -> None:
        """Of a frame that is foreign and too long, either is told, as the network does."""
        self.assertRaises(Oversize, codec().decode, self.both_wrong)
        self.assertRaises(WrongNetwork, codec(Envelope(MAGIC, magic_first=True)).decode, self.both_wrong)

    def test_four_bytes_tell(self) -> None:
        """A reader does not wait for the rest of the header."""
        reader = Reader(codec(Envelope(MAGIC, magic_first=True)))
        self.assertEqual(list(reader.feed(b"HTT")), [])
        with self.assertRaises(WrongNetwork):
            list(reader.feed(b"P"))

    def test_right_magic_waits(self) -> None:
        """A right one goes on."""
        reader = Reader(codec(Envelope(MAGIC, magic_first=True)))
        whole = frame(b"old")
        self.assertEqual([item for at in range(24) for item in reader.feed(whole[at : at + 1])], [Old()])
