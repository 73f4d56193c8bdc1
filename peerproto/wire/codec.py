"""One network's messages at one protocol version and in one encoding: what is spoken with one peer."""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import NamedTuple

from peerproto.errors import (
    BadChecksum,
    Incomplete,
    LocalError,
    MalformedMessage,
    Oversize,
    OversizeCommand,
    UnknownCommand,
    WrongNetwork,
)
from peerproto.wire.envelope import Envelope
from peerproto.wire.message import Message


class Unread(NamedTuple):
    """A frame that was not understood and does not end the conversation.

    :ivar command: as text, what is not ASCII escaped.
    """

    command: str
    payload: bytes
    error: MalformedMessage


class Entry(NamedTuple):
    """What a codec knows of one command."""

    kind: type[Message]
    most: int
    read: Callable[[bytes, Codec], Message]
    read_whole: Callable[[bytes, Codec], Message]


@dataclass(frozen=True)
class Policy:
    """Where the references of a network differ in what they put up with.

    :ivar tolerates: exactly these classes of errors leave the connection open; the frame is passed over.
    :ivar trailing: whether bytes behind the last field are accepted.
    :ivar address_ids: the address networks of `addrv2` (BIP155) that are kept; others are read and left out.
    """

    name: str
    tolerates: frozenset[type[MalformedMessage]] = frozenset()
    trailing: bool = False
    address_ids: frozenset[int] = frozenset()


class Codec:
    """Encodes and decodes frames, and holds the table by which `Reader` does so on a stream.

    :ivar pver: the protocol version that is spoken.
    :ivar witness: whether transactions carry witnesses (BIP144).
    """

    def __init__(
        self,
        messages: Iterable[type[Message]],
        envelope: Envelope,
        policy: Policy,
        pver: int,
        witness: bool,
    ) -> None:
        self.envelope = envelope
        self.policy = policy
        self.pver = pver
        self.witness = witness
        self.kinds = {kind.command: kind for kind in messages}
        self._magic, self._checksum = envelope.magic, envelope.checksum
        self.table: dict[bytes, Entry] = {}
        self._rows: dict[type[Message], tuple[bytes, int]] = {}
        for kind in self.kinds.values():
            command, most, there = envelope.command(kind.command), kind.limit(pver), kind.exists_at(pver)
            readers = (kind.read, kind.read_whole) if there else (_absent(kind), _absent(kind))
            self.table[command] = Entry(kind, min(most, envelope.most), *readers)
            if there:
                self._rows[kind] = command, most

    def reads_like(self, other: Codec) -> bool:
        """Whether a payload that `other` has read says the same to this codec."""
        return self is other or (self.pver == other.pver and self.witness == other.witness)

    def encode(self, message: Message) -> bytes:
        """The whole frame of a message.

        Raises LocalError if the message is none of this network and protocol version, if a value does not fit
        its field, or if it is longer than a peer would take; MalformedMessage if it came from the network, is
        written anew, and only now turns out to be malformed inside.
        """
        kind = type(message)
        row = self._rows.get(kind)
        if row is None:
            raise self._unknown(kind)
        command, most = row
        try:
            payload = message.write(self)
        except LocalError as error:
            raise LocalError(f"{kind.command}: {error}") from error
        except (struct.error, ValueError, TypeError, AttributeError, OverflowError) as error:
            raise LocalError(f"{kind.command}: cannot be written: {error}") from error
        if len(payload) > most:
            raise LocalError(f"{kind.command}: payload of {len(payload)} bytes, at most {most} allowed")
        return self.envelope.wrap(command, payload)

    def _unknown(self, kind: type[Message]) -> LocalError:
        if kind in self.kinds.values():
            return LocalError(f"{kind.command} {kind.when(self.pver)}")
        return LocalError(f"{kind.__name__} is no message of this network")

    def decode(self, frame: bytes, *, strict: bool = True) -> Message:
        """The message of one whole frame; `strict` looks at every field now.

        Raises MalformedMessage: UnknownCommand for a command of no message, Incomplete if the frame is cut.
        """
        header = magic, command, size, checksum = self.envelope.header(frame)
        entry = self.entry(magic, command, size)
        if len(frame) < self.envelope.size + size:
            raise Incomplete(
                f"{len(frame) - self.envelope.size} of {size} bytes of payload are there",
                command=entry.kind.command,
                offset=len(frame),
            )
        if len(frame) > self.envelope.size + size:
            end = self.envelope.size + size
            raise MalformedMessage(
                f"{len(frame) - end} bytes behind the frame", command=entry.kind.command, offset=end
            )
        payload = frame[self.envelope.size :]
        return self._read_whole(entry, payload, checksum) if strict else self.take(header, payload)

    def entry(self, magic: bytes, command: bytes, size: int) -> Entry:
        """Check a header in the reference's order (btcd wire/message.go, ReadMessageWithEncodingN)."""
        envelope = self.envelope
        if size > envelope.most and (magic == envelope.magic or not envelope.magic_first):
            raise Oversize(self._oversize(magic, size), command=show_command(command), offset=16)
        if magic != envelope.magic:
            raise self.foreign_magic(magic)
        entry = self.table.get(command)
        if entry is None:
            entry = self._known_as(command)
        if size > entry.most:
            if entry.kind.foreign:
                raise _other_form(entry.kind)
            raise OversizeCommand(
                f"payload of {size} bytes announced, at most {entry.most} allowed",
                command=entry.kind.command,
                offset=16,
            )
        return entry

    def _oversize(self, magic: bytes, size: int) -> str:
        text = f"payload of {size} bytes announced, at most {self.envelope.most} allowed"
        if magic != self.envelope.magic:
            text += f"; magic {magic!r} is not {self.envelope.magic.hex()}: does it speak another protocol?"
        return text

    def foreign_magic(self, magic: bytes) -> WrongNetwork:
        """The error for a frame that begins with `magic`."""
        return WrongNetwork(f"magic {magic.hex()} is another network's, not {self.envelope.magic.hex()}")

    def _known_as(self, command: bytes) -> Entry:
        """The entry of a command that does not stand in the table as it is. Raises MalformedMessage."""
        fault = self.envelope.command_fault(command)
        if fault:
            raise MalformedMessage(f"command {command!r} {fault}", command=show_command(command), offset=4)
        if self.envelope.cuts_at_nul:
            entry = self.table.get(command.split(b"\0", 1)[0].ljust(12, b"\0"))
            if entry is not None:
                return entry
        raise UnknownCommand("this network has no such command", command=show_command(command), offset=4)

    def take(self, header: tuple[bytes, bytes, int, bytes], payload: bytes) -> Message:
        """The message of a header and its payload, not looked into. Raises MalformedMessage.

        This is done for each message that comes: what is right is found so at once, what is not is judged by `entry`.
        """
        magic, command, size, checksum = header
        entry = self.table.get(command)
        if entry is None or size > entry.most or magic != self._magic:
            entry = self.entry(magic, command, size)
        seen = self._checksum(payload)
        try:
            if seen != checksum:
                raise self._bad_checksum(seen, checksum)
            return entry.read(payload, self)
        except MalformedMessage as error:
            raise self.located(error, entry.kind) from None

    def _read_whole(self, entry: Entry, payload: bytes, checksum: bytes) -> Message:
        """As `take`, with a look at every field."""
        seen = self._checksum(payload)
        try:
            if seen != checksum:
                raise self._bad_checksum(seen, checksum)
            return entry.read_whole(payload, self)
        except MalformedMessage as error:
            raise self.located(error, entry.kind) from None

    def read_pieces(self, entry: Entry, pieces: Iterable[bytes], checksum: bytes) -> Message:
        """As `take`, of a payload in pieces, which are joined only when the checksum has been found right."""
        try:
            seen = self.envelope.checksum_of_pieces(pieces)
            if seen != checksum:
                raise self._bad_checksum(seen, checksum)
            return entry.read(b"".join(pieces), self)
        except MalformedMessage as error:
            raise self.located(error, entry.kind) from None

    def _bad_checksum(self, seen: bytes, announced: bytes) -> BadChecksum:
        text = f"checksum {seen.hex()}, the header announces {announced.hex()}"
        return BadChecksum(text, offset=20 - self.envelope.size)

    def located(self, error: MalformedMessage, kind: type[Message]) -> MalformedMessage:
        """An error of a payload as one of its frame: with the command, and the offset from the header on."""
        if kind.foreign:
            return _other_form(kind)
        error.command = kind.command
        error.offset += self.envelope.size
        return error

    def check_end(self, payload: bytes, at: int) -> None:
        """Whether reading ended where the payload does. Raises MalformedMessage."""
        if at > len(payload):
            raise MalformedMessage(
                f"ends too soon: {len(payload)} of {at} bytes are there", offset=len(payload)
            )
        if at < len(payload) and not self.policy.trailing:
            raise MalformedMessage(f"{len(payload) - at} bytes behind the last field", offset=at)


def _absent(kind: type[Message]) -> Callable[[bytes, Codec], Message]:
    """Reads a message that the codec's protocol version does not have."""

    def read(payload: bytes, codec: Codec) -> Message:
        raise MalformedMessage(kind.when(codec.pver))

    return read


def _other_form(kind: type[Message]) -> UnknownCommand:
    return UnknownCommand("this command is not known in this form", command=kind.command, offset=4)


def show_command(command: bytes) -> str:
    """A command as text: trailing NULs cut, what is not printable ASCII escaped."""
    return command.rstrip(b"\0").decode("latin-1").encode("unicode_escape").decode()
