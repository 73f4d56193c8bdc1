"""Tests of messages: made, read at once, read on first use, changed, sent on."""

from __future__ import annotations

import copy
import pickle
from typing import Annotated

from twisted.trial.unittest import SynchronousTestCase

from peerproto.errors import LocalError, MalformedMessage, UnknownCommand
from peerproto.wire.fields import ListOf, Since, VarBytes, Varint, VarText, kind_of, uint8, uint16
from peerproto.wire.message import Message, message
from tests.small_network import codec_for, framed, written


@message("eager", most=100)
class Eager(Message):
    """Read at once."""

    number: uint8
    text: Annotated[str, VarText(9)]


@message("lazy", most=lambda pver: 10 * pver, since=3, lazy=True)
class Lazy(Message):
    """Read on first use."""

    number: uint8
    items: Annotated[list[int], ListOf(Varint(), 5)]
    newer: Annotated[int | None, Since(5, kind_of(uint16))] = None


@message("foreign", most=100, foreign=True, lazy=True)
class Foreign(Message):
    """Not known to the reference."""

    raw: Annotated[bytes, VarBytes(5)]


@message("gone", most=1, since=3, until=5)
class Gone(Message):
    """Came and went."""

    number: uint8


LAZY = "070201fdfd000900"
CUT = "070201fdfd"
TOO_LONG_FORM = "0701fd01000900"


class MessageTestCase(SynchronousTestCase):
    """Messages as they come."""

    codec = codec_for(Eager, Lazy, Foreign)

    def came(self, payload: str, kind: type[Message] = Lazy) -> Message:
        """A message that came from the network."""
        return self.codec.decode(framed(kind, payload), strict=False)

    def lazy(self, payload: str = LAZY) -> Lazy:
        """A lazy message that came, and that nobody has looked at."""
        found = self.came(payload)
        assert isinstance(found, Lazy)
        self.assertIs(found.is_untouched(), self.codec)
        return found


class MadeTests(MessageTestCase):
    """Messages made here."""

    def test_made(self) -> None:
        """A message is a dataclass: made by place or by name, equal if its fields are, with no other attributes."""
        made = Eager(1, text="ab")
        self.assertEqual(made, Eager(number=1, text="ab"))
        self.assertNotEqual(made, Eager(2, "ab"))
        self.assertEqual(repr(made), "Eager(number=1, text='ab')")
        self.assertRaises(AttributeError, setattr, made, "nunber", 2)
        self.assertRaises(TypeError, Eager, 1)
        self.assertRaises(TypeError, hash, made)

    def test_no_payload(self) -> None:
        """A message made here has no payload, and nothing to load."""
        for made in (Eager(1, "ab"), Lazy(1, [])):
            self.assertIsNone(made.payload)
            self.assertIsNone(made.is_untouched())
            self.assertIs(made.load(), made)

    def test_no_such_field(self) -> None:
        """An attribute that no such message has is named, with those that it has."""
        for some in (Eager(1, "ab"), self.lazy()):
            with self.assertRaisesRegex(AttributeError, "^(Eager|Lazy) has no 'nonce': it has number, "):
                _ = some.nonce  # type: ignore[attr-defined]
        self.assertIsNotNone(some.is_untouched())

    def test_deleted_field(self) -> None:
        """A field that was deleted is not there, in no way."""
        made = Eager(1, "ab")
        del made.number
        self.assertRaises(AttributeError, getattr, made, "number")
        self.assertEqual(repr(made), "Eager(text='ab')")
        self.assertRaises(LocalError, self.codec.encode, made)

    def test_limit(self) -> None:
        """How long a message may be is a number, or a matter of the protocol version."""
        self.assertEqual((Eager.limit(1), Lazy.limit(3), Lazy.limit(4)), (100, 30, 40))

    def test_until(self) -> None:
        """A message may be gone again at a later version: it is neither sent nor taken then."""
        gone = Gone(1)
        frame = framed(Gone, "01")
        for pver in (3, 5):
            self.assertTrue(Gone.exists_at(pver))
            self.assertEqual(codec_for(Gone, pver=pver).decode(frame), gone)
        for pver, text in (
            (2, "exists from protocol version 3 on, not at 2"),
            (6, "exists up to protocol version 5, not at 6"),
        ):
            self.assertFalse(Gone.exists_at(pver))
            self.assertEqual(Gone.when(pver), text)
            error = self.assertRaises(MalformedMessage, codec_for(Gone, pver=pver).decode, frame)
            self.assertEqual(str(error), f"gone: {text}")
            self.assertEqual(str(self.assertRaises(LocalError, written, gone, pver)), f"gone {text}")
        self.assertTrue(Eager.exists_at(1 << 40))

    def test_names(self) -> None:
        """A field cannot have a name that every message has."""

        class Taken:
            number: uint8
            since: uint8
            payload: uint8

        with self.assertRaisesRegex(TypeError, "^Taken cannot have fields named payload, since$"):
            message("taken")(Taken)  # type: ignore[type-var]

    def test_says_nothing(self) -> None:
        """An annotation that says nothing of the wire is found when the class is made."""

        class Wrong:
            number: int

        self.assertRaises(TypeError, message("wrong"), Wrong)

    def test_nothing_derives(self) -> None:
        """A message of which nothing derives says so."""
        self.assertEqual((Eager(1, "").derived(), Eager(1, "").extra()), ({}, {}))


class EagerTests(MessageTestCase):
    """Messages that are read at once."""

    def test_read(self) -> None:
        """All is there at once, and so are the bytes that it came in."""
        came = self.came("05026162", Eager)
        self.assertEqual(came, Eager(5, "ab"))
        self.assertEqual(came.payload, bytes.fromhex("05026162"))
        self.assertIsNone(came.is_untouched())

    def test_changed(self) -> None:
        """A change is sent."""
        came = self.came("05026162", Eager)
        assert isinstance(came, Eager)
        came.number = 6
        self.assertEqual(written(came), "06026162")

    def test_malformed(self) -> None:
        """What is malformed is found at once."""
        for payload, text, offset in (
            ("050261", "eager: ends inside text: the payload has 3 bytes", 26),
            ("050061", "eager: 1 bytes behind the last field", 26),
        ):
            error = self.assertRaises(MalformedMessage, self.came, payload, Eager)
            self.assertEqual((str(error), error.command, error.offset), (text, "eager", offset))


class LazyTests(MessageTestCase):
    """Messages that are read on first use."""

    def test_first_use(self) -> None:
        """The first look at a field reads them all; the bytes stay at hand."""
        came = self.lazy()
        self.assertEqual(came.items, [1, 253])
        self.assertIsNone(came.is_untouched())
        self.assertEqual(came, Lazy(7, [1, 253], 9))
        self.assertEqual(came.payload, bytes.fromhex(LAZY))

    def test_sent_on(self) -> None:
        """A message that nobody has looked at is sent on as the bytes it came in, unread."""
        came = self.lazy()
        self.assertIs(came.write(self.codec), came.payload)
        self.assertEqual(self.codec.encode(came), framed(Lazy, LAZY))
        self.assertIsNotNone(came.is_untouched())

    def test_sent_to_the_like(self) -> None:
        """The bytes are good for any codec that would read the same in them."""
        came = self.lazy()
        self.assertIs(came.write(codec_for(Lazy)), came.payload)
        self.assertIsNotNone(came.is_untouched())

    def test_sent_to_another(self) -> None:
        """For another protocol version it is written anew."""
        came = self.lazy()
        self.assertEqual(written(came, 4), LAZY[:-4])
        self.assertIsNone(came.is_untouched())

    def test_looked_at(self) -> None:
        """A message that was looked at may have been changed inside, so it is written from its fields."""
        came = self.lazy()
        self.assertEqual(self.codec.encode(came.load()), framed(Lazy, LAZY))
        came.items.append(2)
        self.assertEqual(written(came), "070301fdfd00020900")

    def test_set_before_reading(self) -> None:
        """A field that is assigned before anything was read stays as assigned; the others are what came."""
        came = self.lazy()
        came.number = 8
        self.assertEqual(came, Lazy(8, [1, 253], 9))
        self.assertEqual(written(came), "08" + LAZY[2:])
        self.assertEqual(came.load(), Lazy(8, [1, 253], 9))

    def test_payload_can_be_set(self) -> None:
        """To assign what is no field reads nothing."""
        came = self.lazy()
        came.payload = bytes.fromhex("06000000")
        self.assertEqual(came, Lazy(6, [], 0))

    def test_printed(self) -> None:
        """To print a message is not to look at it."""
        came = self.lazy()
        self.assertEqual(repr(came), "Lazy(<8 bytes unread>)")
        self.assertIsNotNone(came.is_untouched())
        self.assertEqual(repr(came.load()), "Lazy(number=7, items=[1, 253], newer=9)")
        self.assertEqual(repr(self.lazy(CUT)), "Lazy(<5 bytes unread>)")

    def test_compared(self) -> None:
        """To compare messages is to look at them."""
        self.assertEqual(self.lazy(), self.lazy())
        self.assertEqual(self.lazy().to_fields(), {"number": 7, "items": [1, 253], "newer": 9})

    def test_copied(self) -> None:
        """A copy is as good as what it was made of, by whatever means."""
        for same in (copy.copy, copy.deepcopy, lambda it: pickle.loads(pickle.dumps(it))):
            for some in (self.lazy(), Lazy(7, [1, 253], 9), self.lazy().load()):
                self.assertEqual(same(some), Lazy(7, [1, 253], 9))

    def test_too_short_at_once(self) -> None:
        """What lengths alone can tell is found at once."""
        self.assertRaises(MalformedMessage, self.came, "07")
        self.assertRaises(MalformedMessage, self.came, "0706")


class MalformedInsideTests(MessageTestCase):
    """Lazy messages in which something is wrong."""

    def test_found_on_first_use(self) -> None:
        """What is malformed inside is found on first use, with the command and the place in the frame."""
        for payload, text, offset in (
            (CUT, "lazy: ends inside items: the payload has 5 bytes", 24 + 3),
            (TOO_LONG_FORM, "lazy: varint 0x1 is not in its shortest form (0xfd)", 24 + 2),
            (LAZY + "00", "lazy: 1 bytes behind the last field", 24 + 8),
        ):
            for look in (lambda it: it.items, lambda it: it.load(), lambda it: it == it, self.change):
                came = self.lazy(payload)
                error = self.assertRaises(MalformedMessage, look, came)
                self.assertEqual((str(error), error.command, error.offset), (text, "lazy", offset))

    def change(self, came: Lazy) -> None:
        """Assign a field."""
        came.number = 5

    def test_found_again(self) -> None:
        """Each look finds the same fault: nothing of what was read before it stays."""
        came = self.lazy(CUT)
        for _ in range(3):
            error = self.assertRaises(MalformedMessage, getattr, came, "number")
            self.assertEqual(error.offset, 24 + 3)
        self.assertIsNotNone(came.is_untouched())

    def test_sent_on(self) -> None:
        """What nobody has read is sent on, whatever it is; what must be written anew cannot be."""
        came = self.lazy(CUT)
        self.assertEqual(self.codec.encode(came), framed(Lazy, CUT))
        self.assertRaises(MalformedMessage, codec_for(Lazy, pver=4).encode, came)

    def test_strict(self) -> None:
        """Who reads strictly finds it at once, by the same words."""
        error = self.assertRaises(MalformedMessage, self.codec.decode, framed(Lazy, CUT))
        self.assertEqual((str(error), error.offset), ("lazy: ends inside items: the payload has 5 bytes", 27))

    def test_trailing(self) -> None:
        """Where the policy has nothing against it, bytes behind the last field are passed over."""
        tolerant = codec_for(Lazy, Eager, trailing=True)
        came = tolerant.decode(framed(Lazy, LAZY + "0000"), strict=False)
        self.assertEqual(tolerant.encode(came), framed(Lazy, LAZY + "0000"))
        self.assertEqual(came, Lazy(7, [1, 253], 9))
        self.assertEqual(tolerant.encode(came), framed(Lazy, LAZY))
        self.assertEqual(tolerant.decode(framed(Eager, "050061")), Eager(5, ""))


class ForeignTests(MessageTestCase):
    """Messages that the network's reference does not know."""

    def test_read(self) -> None:
        """In a form that can be read they are messages, and read at once."""
        self.assertFalse(Foreign.lazy)
        self.assertEqual(self.came("026162", Foreign), Foreign(b"ab"))

    def test_another_form(self) -> None:
        """In another form they are what they are to the reference: unknown."""
        for payload in ("", "0261", "02616263", "06", "00" * 101):
            error = self.assertRaises(UnknownCommand, self.came, payload, Foreign)
            self.assertEqual(str(error), "foreign: this command is not known in this form")
            self.assertEqual((error.command, error.offset), ("foreign", 4))
