"""IP addresses as the wire has them (16 bytes) and as people write them."""

from __future__ import annotations

import ipaddress
import socket
from functools import lru_cache

_KNOWN = 4096
"""How many conversions are remembered: nodes tell of the same addresses again and again."""
_MAPPED = bytes(10) + b"\xff\xff"


@lru_cache(_KNOWN)
def ip_text(raw: bytes) -> str:
    """The address of 16 bytes as text; an IPv4-mapped one as IPv4.

    The C library writes the obsolete IPv4-compatible addresses with dots; `ipaddress` does not (RFC 5952).
    """
    if raw[:12] == _MAPPED:
        return socket.inet_ntop(socket.AF_INET, raw[12:])
    text = socket.inet_ntop(socket.AF_INET6, raw)
    return str(ipaddress.IPv6Address(raw)) if "." in text else text


@lru_cache(_KNOWN)
def ip_bytes(text: str) -> bytes:
    """The 16 bytes of an IPv4 or IPv6 address; the zone of a link-local one is left out.

    Raises ValueError for any other text.
    """
    try:
        if ":" in text:
            return socket.inet_pton(socket.AF_INET6, text.partition("%")[0])
        return _MAPPED + socket.inet_pton(socket.AF_INET, text)
    except (OSError, TypeError):
        raise ValueError(f"{text!r} is no IP address") from None
