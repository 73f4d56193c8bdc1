"""Public keys as transactions have them: points of secp256r1 (the C# node's Cryptography/ECC/ECPoint.cs).

An uncompressed key counts, and is hashed and written, as the compressed one that it is.
"""

from __future__ import annotations

from functools import lru_cache

from peerproto.errors import LocalError, MalformedMessage
from peerproto.wire.codec import Codec
from peerproto.wire.fields import Custom
from peerproto.wire.plain import hex_bytes

INFINITY = b"\0"
"""The point that is no key: on the wire one byte."""

P = 2**256 - 2**224 + 2**192 + 2**96 - 1
_B = 0x5AC635D8AA3A93E7B3EBBD55769886BC651D06B0CC53B0F63BCE3C3E27D2604B
_SIZES = {0: 1, 2: 33, 3: 33, 4: 65}


@lru_cache(maxsize=1024)  # one key costs 100 us, and a network's validators are few
def fault_of(key: bytes) -> str:
    """What is wrong with an encoded point; empty if nothing is."""
    size = _SIZES.get(key[0]) if key else None
    if size is None:
        return f"a public key begins with {key[:1].hex() or 'nothing'}, 00, 02, 03 or 04 allowed"
    if len(key) != size:
        return f"a public key has {len(key)} bytes, {size} allowed"
    if size == 1:
        return ""
    x, y = int.from_bytes(key[1:33]), int.from_bytes(key[33:])
    fits = x < P and (y < P if size == 65 else _has_root(pow(x, 3, P) - 3 * x + _B))
    return "" if fits else "a public key is no point of the curve"


def _has_root(square: int) -> bool:
    """Whether a number is a square modulo P (Euler)."""
    return pow(square % P, (P - 1) // 2, P) in (0, 1)


def compressed(key: bytes) -> bytes:
    """The same point in its short form."""
    return bytes((2 + key[64] % 2,)) + key[1:33] if len(key) == 65 else key


def read_key(buf: bytes, at: int, codec: Codec) -> tuple[bytes, int]:
    """The point at `at`, compressed, and the offset behind it. Raises MalformedMessage, or IndexError if it is cut."""
    end = at + _SIZES.get(buf[at], 1)
    if end > len(buf):
        raise IndexError
    key = buf[at:end]
    fault = fault_of(key)
    if fault:
        raise MalformedMessage(fault, offset=at)
    return compressed(key), end


def write_key(key: bytes, codec: Codec) -> bytes:
    """The inverse of `read_key`. Raises LocalError for what is no point."""
    fault = fault_of(key)
    if fault:
        raise LocalError(fault)
    return compressed(key)


key_kind = Custom(read_key, write_key, unplain=hex_bytes())
