"""What anybody can send: random bytes and frames that were tampered with, for any network.

One example of hypothesis is one frame and a few bytes that say what is done to it, so that 20,000 of them take less
than a minute. `PEERPROTO_EXAMPLES` says how many are tried; if it is set, they are the same each time, unless
`PEERPROTO_FUZZ` is set too: then they are others each time, and what fails is remembered and tried first (`make fuzz`).

`tests/corpus` keeps frames that are tried always: one for each way to be wrong that was found so far, and all that ever
broke something.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Collection, Iterable, Sequence
from functools import cached_property
from pathlib import Path
from time import process_time
from typing import Any, ClassVar, TypeVar

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.database import DirectoryBasedExampleDatabase
from hypothesis.stateful import RuleBasedStateMachine
from twisted.trial.unittest import SynchronousTestCase

from peerproto.errors import Incomplete, LocalError, MalformedMessage, Reason, WrongNetwork
from peerproto.network import Network
from peerproto.testing import RawPeer, Recorder, memory_factory
from peerproto.wire.codec import Codec, Unread
from peerproto.wire.message import Message
from peerproto.wire.reader import Reader

T = TypeVar("T")
Streamed = list[Message | type[MalformedMessage]]

FUZZ = "PEERPROTO_FUZZ" in os.environ
EXAMPLES = settings(
    max_examples=int(os.environ.get("PEERPROTO_EXAMPLES", "500")),
    derandomize="PEERPROTO_EXAMPLES" in os.environ and not FUZZ,
    database=DirectoryBasedExampleDatabase(".hypothesis/examples") if FUZZ else None,
    report_multiple_bugs=False,
    deadline=None,
    suppress_health_check=list(HealthCheck),
)

CORPUS = Path(__file__).with_name("corpus")
SHORT = 4_000
"""Frames of more bytes are left to the tests of big ones: changing them would find the same, more slowly."""

SECONDS, SECONDS_A_BYTE = 0.3, 100e-6
"""What all that is done with one frame may take: far more than it does, and far less than anything quadratic."""

NUMBERS = (
    *(bytes((value,)) for value in (0, 1, 2, 0x20, 0x7F, 0x80, 0xFC, 0xFD, 0xFE, 0xFF)),
    *(bytes.fromhex(text) for text in ("fdfc00", "fdfd00", "fdffff", "fdf401", "fde803", "fdd007")),
    *(bytes.fromhex(text) for text in ("feffff0000", "fe00000100", "feffffffff", "fe00000080", "fe50c30000")),
    *(
        bytes.fromhex(text)
        for text in ("ff" * 9, "ff00000000ffffffff", "ff0000000000000080", "ff0000000001000000")
    ),
    *(bytes(4), b"\xff" * 4, bytes(8), b"\xff" * 8, b"\xff" * 7 + b"\x7f", bytes(32), b"\xff" * 32),
)
"""Counts and values at which something ends."""


def lives(machine: type[RuleBasedStateMachine]) -> list[str]:
    """What goes wrong in a hundred lives of forty steps, the same each time; more, and others, for `make fuzz`."""
    machine.TestCase.settings = settings(
        max_examples=1000 if FUZZ else 100,
        stateful_step_count=40,
        deadline=None,
        derandomize=not FUZZ,
        suppress_health_check=list(HealthCheck),
    )
    result = machine.TestCase("runTest").run()
    assert result is not None
    return [text for _, text in (*result.errors, *result.failures)]


class Instructions:
    """Bytes that are used up as numbers; when there are none left, zeros."""

    def __init__(self, data: bytes) -> None:
        self._data = data

    def below(self, limit: int) -> int:
        """A number below the limit, of two bytes."""
        number = int.from_bytes(self._data[:2], "little")
        self._data = self._data[2:]
        return number * limit >> 16

    def one_of(self, items: Sequence[T]) -> T:
        """One of them."""
        return items[self.below(len(items))]

    def rest(self) -> bytes:
        """All that are left."""
        data, self._data = self._data, b""
        return data


class Changes:
    """What can be done to a payload, given others to take from."""

    def __init__(self, payloads: Sequence[bytes], some: Instructions) -> None:
        self.payloads = payloads
        self.some = some

    def at(self, payload: bytes) -> int:
        """A place in it, as often among the first bytes, where counts are, as anywhere."""
        return self.some.below(min(len(payload), 8) + 1 if self.some.below(2) else len(payload) + 1)

    def cut(self, payload: bytes) -> bytes:
        """Ends sooner."""
        return payload[: self.some.below(len(payload) + 1)]

    def extend(self, payload: bytes) -> bytes:
        """Goes on behind its end."""
        return payload + self.some.one_of(NUMBERS)

    def flip(self, payload: bytes) -> bytes:
        """One bit is another."""
        changed = bytearray(payload or b"\0")
        changed[self.some.below(len(changed))] ^= 1 << self.some.below(8)
        return bytes(changed)

    def renumber(self, payload: bytes) -> bytes:
        """Another number stands in the place of one."""
        at, number = self.at(payload), self.some.one_of(NUMBERS)
        return payload[:at] + number + payload[at + (len(number), 1)[self.some.below(2)] :]

    def splice(self, payload: bytes) -> bytes:
        """Goes on like another one."""
        other = self.some.one_of(self.payloads)
        return payload[: self.at(payload)] + other[self.at(other) :]

    def repeat(self, payload: bytes) -> bytes:
        """A part of it comes twice, or not at all."""
        return payload[: self.at(payload)] + payload[self.at(payload) :]

    def replace(self, payload: bytes) -> bytes:
        """Nothing of it is left but random bytes."""
        return self.some.rest()

    def apply(self, payload: bytes) -> bytes:
        """One to three changes."""
        others = (self.cut, self.splice, self.repeat, self.extend, self.replace)
        ways = (*[self.flip] * 3, *[self.renumber] * 3, *others)
        for _ in range(self.some.one_of((1, 1, 1, 2, 3))):
            payload = self.some.one_of(ways)(payload)[: 2 * SHORT]
        return payload


def corpus(network: str) -> list[bytes]:
    """The frames that are kept for a network, a line of hexadecimal each."""
    return [bytes.fromhex(line) for line in (CORPUS / f"{network}.txt").read_text(encoding="ascii").split()]


def by_command(frames: Iterable[bytes], known: Collection[bytes]) -> list[list[bytes]]:
    """Frames by the twelve bytes of their commands; all commands that no message has are one."""
    found: dict[bytes, list[bytes]] = {}
    for frame in frames:
        command = frame[4:16]
        found.setdefault(command if command in known else b"", []).append(frame)
    return list(found.values())


def spoilt(frame: bytes, some: Instructions) -> bytes:
    """A frame with something wrong around its payload."""
    at, number = some.below(24), some.one_of(NUMBERS)
    return some.one_of(
        (
            frame[:at] + number[:1] + frame[at + 1 :],
            frame[:16] + number.ljust(4, b"\0")[:4] + frame[20:],
            frame[: len(frame) - at],
            frame + number,
            frame[24:],
            some.rest(),
        )
    )


def grown(plain: Any, times: int) -> Any:
    """The fields of a message as JSON, with every list in it so many times as long."""
    if isinstance(plain, dict):
        return {name: grown(value, times) for name, value in plain.items()}
    return plain * times if isinstance(plain, list) else plain


def seconds_whole(codec: Codec, frame: bytes) -> float:
    """How long it takes to read a frame to its last field, in seconds of our own time."""
    began = process_time()
    codec.decode(frame)
    return process_time() - began


def seconds_in_pieces(codec: Codec, frame: bytes) -> float:
    """The same for a frame that comes in pieces of 50 bytes."""
    reader = Reader(codec)
    began = process_time()
    for at in range(0, len(frame), 50):
        for found in reader.feed(frame[at : at + 50]):
            assert isinstance(found, Message)
            found.load()
    return process_time() - began


class HostileCase(SynchronousTestCase):
    """Tries what anybody can send on the codecs and peers of one network.

    :cvar network: whose peers hear them too.
    :cvar codecs: those that frames are read with; the first as often as all others together.
    :cvar frames: whole frames, good and bad.
    :cvar lists: of how many commands at least a longer message can be made by repeating entries.
    :cvar unwritable: how LocalError begins for what may be read and not be written.
    """

    network: ClassVar[Network]
    codecs: ClassVar[Sequence[Codec]]
    frames: ClassVar[Sequence[bytes]]
    lists: ClassVar[int]
    unwritable: ClassVar[str] = "nothing"

    def test_any_frame(self) -> None:
        """Whatever comes is read or malformed: as many frames as it should be, each changed in its own way."""

        @EXAMPLES
        @given(st.binary(min_size=64, max_size=64))
        def try_one(data: bytes) -> None:
            some = Instructions(data)
            codec = some.one_of(self.codecs) if some.below(2) else self.codecs[0]
            cut = some.below(64)
            self.check(codec, self.changed(codec, some), cut)

        try_one()

    def test_corpus(self) -> None:
        """What was found before, with every codec and by a peer."""
        kept = corpus(self.network.name)
        self.assertGreater(len(kept), 10)
        for frame in kept:
            for codec in self.codecs:
                self.check(codec, codec.envelope.magic + frame[4:], 0)
            self.say(frame, inbound=False)

    def test_to_a_peer(self) -> None:
        """Whatever a ready peer hears, and whoever looks at it, it goes on, or the other side is to blame."""

        @settings(EXAMPLES, max_examples=EXAMPLES.max_examples // 5)
        @given(st.binary(min_size=64, max_size=64), st.booleans())
        def try_one(data: bytes, inbound: bool) -> None:
            self.say(self.changed(self.network.codec(), Instructions(data)), inbound=inbound)

        try_one()

    def say(self, frame: bytes, *, inbound: bool) -> None:
        """Send a frame to a ready peer whose listener looks at all."""
        raw = RawPeer(memory_factory(self.network, Recorder(self.looks)), inbound=inbound)
        raw.handshake()
        raw.send(frame)
        ending = raw.peer.ending
        self.assertFalse(ending and ending.reason is Reason.LOCAL_ERROR, frame.hex())
        raw.close()

    @cached_property
    def looks(self) -> dict[str, Callable[..., object]]:
        """What a listener does that looks at all that it hears."""
        return {f"on_{kind.command}": lambda peer, message: message.load() for kind in self.network.messages}

    @cached_property
    def short(self) -> list[list[bytes]]:
        """The frames that are short enough, by their commands."""
        short = (frame for frame in self.frames if 24 <= len(frame) < SHORT)
        return by_command(short, self.codecs[0].table)

    def changed(self, codec: Codec, some: Instructions) -> bytes:
        """One of the frames, as the instructions have changed it."""
        wrong = some.below(8) == 7
        frame = some.one_of(some.one_of(self.short))
        payloads = [other[24:] for other in some.one_of(self.short)]
        right = codec.envelope.wrap(frame[4:16], Changes(payloads, some).apply(frame[24:]))
        return spoilt(right, some) if wrong else right

    def check(self, codec: Codec, frame: bytes, cut: int) -> None:
        """All that is done with a frame; what goes wrong is told with the frame itself."""
        most = SECONDS + SECONDS_A_BYTE * len(frame)
        try:
            while self.seconds(codec, frame, cut) > most:
                most *= 2  # the collector of garbage may have come in between; it does not each time
                self.assertLess(most, 9 * (SECONDS + SECONDS_A_BYTE * len(frame)), "takes too long")
        except Exception as error:
            where = f"{codec.policy.name}, version {codec.pver}, {'' if codec.witness else 'no '}witnesses"
            raise AssertionError(f"{where}, cut at {cut}: {frame.hex()}") from error

    def seconds(self, codec: Codec, frame: bytes, cut: int) -> float:
        """How long it takes, in seconds of our own time."""
        began = process_time()
        self.read(codec, frame, cut)
        return process_time() - began

    def read(self, codec: Codec, frame: bytes, cut: int) -> None:
        """Decode a frame, read it from a stream in two parts, and write what it says again."""
        streamed = self.streamed(codec, frame, cut)
        try:
            found = codec.decode(frame)
        except MalformedMessage as error:
            self.assertTrue(str(error))
            self.assertLessEqual(error.offset, len(frame))
            self.assertLessEqual(0, error.offset)
            self.agree(streamed, error, len(frame) - 24 - int.from_bytes(frame[16:20], "little"))
        else:
            self.assertEqual(streamed, [found])
            self.write(codec, found)

    def agree(self, streamed: Streamed, error: MalformedMessage, behind: int) -> None:
        """The stream has the same fault as the frame, unless more bytes are there than belong to it, or fewer."""
        if behind == 0:
            self.assertEqual(streamed, [type(error)])
        elif behind < 0 and streamed:
            self.assertEqual(streamed, [WrongNetwork if type(error) is Incomplete else type(error)])

    def streamed(self, codec: Codec, frame: bytes, cut: int) -> Streamed:
        """What comes out of a stream, every field looked at; classes of errors, also of what is passed over."""
        reader, found = Reader(codec), Streamed()
        try:
            for part in (frame[:cut], frame[cut:]):
                for some in reader.feed(part):
                    found.append(type(some.error) if isinstance(some, Unread) else some.load())
        except MalformedMessage as error:
            found.append(type(error))
        return found

    def write(self, codec: Codec, message: Message) -> None:
        """What was read can be shown, made again of that, and written in a form that lasts; or that cannot be."""
        message.extra()
        again = type(message).from_fields(message.to_fields())
        self.assertEqual(again, message)
        try:
            frame = codec.encode(again)
        except LocalError as error:
            self.assertRegex(str(error), f"^({self.unwritable})")
        else:
            if self.reads_alike(message):
                self.assertEqual(codec.encode(codec.decode(frame)), frame)

    def reads_alike(self, message: Message) -> bool:
        """Whether what is written of it can be read again."""
        return True

    def test_linear(self) -> None:
        """Eight times as many entries take some eight times as long to read, not sixty-four times."""
        codec, seen = self.codecs[0], set[bytes]()
        for frame in self.frames:
            command = frame[4:16]
            frames = [] if command in seen or len(frame) > SHORT else self.grown(codec, frame)
            if frames:
                seen.add(command)
                # What else the machine does can only make it longer: the best of many tries counts.
                self.assertTrue(any(self.is_linear(codec, *frames) for _ in range(10)), command)
        self.assertGreaterEqual(len(seen), self.lists)

    def grown(self, codec: Codec, frame: bytes) -> list[bytes]:
        """The message of a frame with ten and eighty times as many entries; none where that cannot be."""
        try:
            found = codec.decode(codec.envelope.wrap(frame[4:16], frame[24:]))
            frames = [
                codec.encode(type(found).from_fields(grown(found.to_fields(), times))) for times in (10, 80)
            ]
            for each in frames:
                codec.decode(each)
        except (MalformedMessage, LocalError):
            return []
        return frames if len(frames[1]) > 4 * len(frames[0]) else []

    def is_linear(self, codec: Codec, short: bytes, long: bytes) -> bool:
        """Whether the long frame takes less than three times as long a byte as the short one."""
        return all(
            work(codec, long) / len(long) < 3 * work(codec, short) / len(short)
            for work in (seconds_whole, seconds_in_pieces)
        )
