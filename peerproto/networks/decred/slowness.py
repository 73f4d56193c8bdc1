"""A node that runs without the C file says so, once: Decred's checksum decides how many messages it can take."""

from __future__ import annotations

from functools import cache

from peerproto.wire.blake256 import COMPILED


@cache
def tell_once() -> None:
    """Log it, the first time in this process. Called when a node says its first word; decoding alone says nothing."""
    if not COMPILED:
        from twisted.logger import Logger

        Logger().warn(
            "BLAKE-256, the checksum of every message of Decred, is done in Python, some hundred times slower than in"
            " C: install peerproto where there is a C compiler and python3-dev"
        )
