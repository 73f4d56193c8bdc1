"""Merkle roots: one hash that stands for a list of them."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from peerproto.chain.rules import sha256d

__all__ = ["merkle_root"]


def merkle_root(hashes: Sequence[bytes], of: Callable[[bytes], bytes] = sha256d) -> bytes | None:
    """The Merkle root of hashes, made pair by pair; an odd last one stands for two.

    None if there is none that they alone have: no hashes, or two of a pair alike, which says the same as an odd one
    (CVE-2012-2459).

    :param of: the hash of a pair; double SHA-256 if not given.
    """
    level = list(hashes)
    while len(level) > 1:
        if any(left == right for left, right in zip(level[::2], level[1::2], strict=False)):
            return None
        if len(level) % 2:
            level.append(level[-1])
        level = [of(left + right) for left, right in zip(level[::2], level[1::2], strict=True)]
    return level[0] if level else None
