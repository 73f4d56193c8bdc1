"""What stands in the messages of mixing in a form of its own: rows of values, and an output that may be missing."""

from __future__ import annotations

from typing import Any, NoReturn

from peerproto.errors import LocalError, MalformedMessage
from peerproto.networks.decred.transactions import TxOut
from peerproto.wire.code import all_exact
from peerproto.wire.codec import Codec
from peerproto.wire.fields import Custom, Fixed, ListOf, Plain, VarBytes
from peerproto.wire.layout import record
from peerproto.wire.plain import list_from_plain
from peerproto.wire.varint import read_varint, write_varint

MOST_MESSAGES = 1024
MOST_PEERS = 512
MOST_VALUE = 32
MESSAGE_SIZE = 20
"""Bytes of a mixed message: the hash of a public key."""

Row = tuple[bytes, ...]


def _refuse(text: str, at: int) -> NoReturn:
    raise MalformedMessage(text, offset=at)


def _read_side(buf: bytes, at: int, least: int, most: int, what: str) -> tuple[int, int]:
    """One dimension of a matrix. Raises MalformedMessage (dcrd: ErrInvalidMsg)."""
    count, at = read_varint(buf, at)
    if not least <= count <= most:
        _refuse(f"{count} {what} announced, {least} to {most} allowed", at)
    return count, at


def _read_size(buf: bytes, at: int) -> int:
    """The size of each mixed message, which is always the same."""
    size, at = read_varint(buf, at)
    if size != MESSAGE_SIZE:
        _refuse(f"mixed messages of {size} bytes announced, {MESSAGE_SIZE} allowed", at)
    return at


def _check_rows(rows: list[Row], least: int, most: int) -> int:
    """The length of the rows, which must be the same. Raises LocalError."""
    lengths = set(map(len, rows))
    if not 1 <= len(rows) <= MOST_MESSAGES or len(lengths) > 1 or not least <= min(lengths) <= most:
        raise LocalError(
            f"a matrix of {len(rows)} rows of {sorted(lengths)}: 1 to {MOST_MESSAGES} allowed, all of {least} to {most}"
        )
    return lengths.pop()


def _read_field_values(buf: bytes, at: int, codec: Codec) -> tuple[list[Row], int]:
    rows, at = _read_side(buf, at, 1, MOST_MESSAGES, "mixed messages")
    columns, at = _read_side(buf, at, 1, MOST_PEERS, "peers")
    found = []
    for _ in range(rows):
        row = []
        for _ in range(columns):
            size, at = read_varint(buf, at)
            if size > MOST_VALUE:
                _refuse(f"{size} bytes announced, at most {MOST_VALUE} allowed", at)
            row.append(buf[at : at + size])
            at += size
        found.append(tuple(row))
    return found, at


def _write_field_values(rows: list[Row], codec: Codec) -> bytes:
    parts = [write_varint(len(rows)), write_varint(_check_rows(rows, 1, MOST_PEERS))]
    for row in rows:
        for value in row:
            if len(value) > MOST_VALUE:
                raise LocalError(f"a value of {len(value)} bytes, at most {MOST_VALUE} allowed")
            parts += (write_varint(len(value)), value)
    return b"".join(parts)


def _skim_vectors(buf: bytes, at: int, codec: Codec) -> int:
    rows, at = _read_side(buf, at, 0, MOST_MESSAGES, "rows")
    if not rows:
        return at
    columns, at = _read_side(buf, at, 0, MOST_MESSAGES, "columns")
    return _read_size(buf, at) + rows * columns * MESSAGE_SIZE


def _read_vectors(buf: bytes, at: int, codec: Codec) -> tuple[list[Row], int]:
    end = _skim_vectors(buf, at, codec)
    if end > len(buf):
        raise IndexError
    rows, at = read_varint(buf, at)
    if not rows:
        return [], at
    columns, _ = read_varint(buf, at)
    width = columns * MESSAGE_SIZE
    start = end - rows * width
    return [_cut(buf[start + row * width : start + (row + 1) * width]) for row in range(rows)], end


def _cut(raw: bytes) -> Row:
    return tuple(raw[at : at + MESSAGE_SIZE] for at in range(0, len(raw), MESSAGE_SIZE))


def _write_vectors(rows: list[Row], codec: Codec | None) -> bytes:
    """Without a codec nothing is sent, only hashed: then no rows at all may be written as they were read."""
    if codec is None and not rows:
        return b"\0"
    parts = [
        write_varint(len(rows)),
        write_varint(_check_rows(rows, 0, MOST_MESSAGES)),
        bytes((MESSAGE_SIZE,)),
    ]
    for row in rows:
        all_exact(row, MESSAGE_SIZE)
        parts += row
    return b"".join(parts)


def _skim_messages(buf: bytes, at: int, codec: Codec) -> int:
    count, at = _read_side(buf, at, 0, MOST_MESSAGES, "mixed messages")
    return _read_size(buf, at) + count * MESSAGE_SIZE if count else at


def _read_messages(buf: bytes, at: int, codec: Codec) -> tuple[list[bytes], int]:
    end = _skim_messages(buf, at, codec)
    if end > len(buf):
        raise IndexError
    count, _ = read_varint(buf, at)
    return list(_cut(buf[end - count * MESSAGE_SIZE : end])), end


def _write_messages(messages: list[bytes], codec: Codec) -> bytes:
    if len(messages) > MOST_MESSAGES:
        raise LocalError(f"dcnet_msgs: {len(messages)} entries, at most {MOST_MESSAGES} allowed")
    all_exact(messages, MESSAGE_SIZE)
    size = bytes((MESSAGE_SIZE,)) if messages else b""
    return write_varint(len(messages)) + size + b"".join(messages)


def _read_change(buf: bytes, at: int, codec: Codec) -> tuple[TxOut | None, int]:
    flag = buf[at]
    if flag > 1:
        _refuse(f"flag {flag} for change, 0 and 1 are known", at)
    return output.reader(buf, at + 1, codec) if flag else (None, at + 1)


def _write_change(value: TxOut | None, codec: Codec) -> bytes:
    return b"\0" if value is None else b"\1" + output.writer(value, codec)


def _rows_from_plain(item: VarBytes | Fixed) -> Any:
    def unplain(plain: Plain) -> list[Row]:
        return [
            tuple(row) for row in list_from_plain(lambda row: list_from_plain(item.from_plain, row), plain)
        ]

    return unplain


def _rows_to_plain(rows: list[Row]) -> Plain:
    return [[value.hex() for value in row] for row in rows]


_message = Fixed(f"{MESSAGE_SIZE}s")
_messages = ListOf(_message, MOST_MESSAGES)
output = record(TxOut)
"""The kind of an output of a transaction."""

field_values = Custom(
    _read_field_values,
    _write_field_values,
    plain=_rows_to_plain,
    unplain=_rows_from_plain(VarBytes(MOST_VALUE)),
)
"""A row for each mixed message, with a value for each peer, of at most 32 bytes."""

mixed_vectors = Custom(
    _read_vectors,
    _write_vectors,
    skim=_skim_vectors,
    plain=_rows_to_plain,
    unplain=_rows_from_plain(_message),
)
"""Rows of mixed messages. No rows at all can be read and not be written, as in dcrd."""

mixed_messages = Custom(
    _read_messages,
    _write_messages,
    skim=_skim_messages,
    plain=_messages.to_plain,
    unplain=_messages.from_plain,
)
"""Mixed messages in the open, to find out who has cheated."""

change = Custom(
    _read_change,
    _write_change,
    plain=lambda value: None if value is None else output.to_plain(value),
    unplain=lambda plain: None if plain is None else output.from_plain(plain),
)
"""An output of a transaction, or None."""
