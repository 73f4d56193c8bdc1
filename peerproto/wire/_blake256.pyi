"""The C file beside this one; `peerproto.wire.blake256` stands in for it where it is not compiled."""

from collections.abc import Iterable

def blake256(data: bytes, /) -> bytes:
    """The 32 bytes of BLAKE-256 of any contiguous buffer."""

def blake256_pieces(pieces: Iterable[bytes], /) -> bytes:
    """The same of buffers one behind the other."""
