"""The proof of work: BLAKE-256, and since DCP0011 BLAKE3, over the same 180 bytes of a header.

BLAKE3 comes with the package of that name (`pip install peerproto[decred]`). Without it messages are read and
written as ever, but headers cannot be checked, and what derives from their work is not shown.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from importlib import import_module
from typing import Any

from peerproto.errors import LocalError
from peerproto.wire.blake256 import blake256

WorkHash = Callable[[bytes], bytes]


@cache
def _blake3() -> Any:
    try:
        return import_module("blake3").blake3
    except ImportError:
        return None


def has_blake3() -> bool:
    """Whether the package is installed."""
    return _blake3() is not None


def blake3(header: bytes) -> bytes:
    """The work hash of a header by DCP0011: 32 bytes. Raises LocalError without the package."""
    make = _blake3()
    if make is None:
        raise LocalError("Decred's proof of work needs the package blake3: pip install 'peerproto[decred]'")
    digest: bytes = make(header).digest()
    return digest


def since(height: int) -> WorkHash:
    """The work hash of a chain that went over to BLAKE3 with the block at a height."""

    def work_hash(header: bytes) -> bytes:
        newer = blake3(
            header
        )  # taken in any case: who has not the package shall hear it from the first header on
        return newer if int.from_bytes(header[128:132], "little") >= height else blake256(header)

    return work_hash


def either(header: bytes) -> bytes:
    """The better one of both, for a chain of which nobody can know when it went over (dcrd judges it so too)."""
    return min(blake3(header), blake256(header), key=lambda digest: digest[::-1])
