"""IP addresses as the wire has them (16 bytes) and as people write them."""

from __future__ import annotations

import ipaddress
import socket
from collections.abc import Callable
from typing import TypeVar

_MAPPED = bytes(10) + b"\xff\xff"

K = TypeVar("K")
V = TypeVar("V")


class Known(dict[K, V]):
    """Remembers what a function made of an argument, and forgets all when it is too much.

    Nodes tell of the same addresses again and again. This takes half the time of `functools.lru_cache`.
    """

    def __init__(self, make: Callable[[K], V], most: int = 4096) -> None:
        super().__init__()
        self._make = make
        self._most = most

    def __missing__(self, key: K) -> V:
        value = self._make(key)
        if len(self) >= self._most:
            self.clear()
        self[key] = value
        return value


def _text(raw: bytes) -> str:
    if raw[:12] == _MAPPED:
        return socket.inet_ntop(socket.AF_INET, raw[12:])
    text = socket.inet_ntop(socket.AF_INET6, raw)
    return str(ipaddress.IPv6Address(raw)) if "." in text else text


def _bytes(text: str) -> bytes:
    try:
        if ":" in text:
            return socket.inet_pton(socket.AF_INET6, text.partition("%")[0])
        return _MAPPED + socket.inet_pton(socket.AF_INET, text)
    except (OSError, TypeError):
        raise ValueError(f"{text!r} is no IP address") from None


ip_text: Callable[[bytes], str] = Known(_text).__getitem__
"""The address of 16 bytes as text; an IPv4-mapped one as IPv4.

The C library writes the obsolete IPv4-compatible addresses with dots; `ipaddress` does not (RFC 5952).
"""

ip_bytes: Callable[[str], bytes] = Known(_bytes).__getitem__
"""The 16 bytes of an IPv4 or IPv6 address; the zone of a link-local one is left out.

Raises ValueError for any other text.
"""
