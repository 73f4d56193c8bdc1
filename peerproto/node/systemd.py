"""What the service manager of a machine is told: that we are up, and that we end (sd_notify(3), `Type=notify`)."""

from __future__ import annotations

import os
import socket
from collections.abc import Mapping
from contextlib import suppress

__all__ = ["READY", "STOPPING", "notify"]

READY, STOPPING = "READY=1", "STOPPING=1"


def notify(state: str, environment: Mapping[str, str] | None = None) -> bool:
    """Tell it a state, if it has said where it listens; whether it could be told. Nothing depends on it.

    :param environment: of the process, if no other is given.
    """
    where = (os.environ if environment is None else environment).get("NOTIFY_SOCKET", "")
    if where[:1] not in ("/", "@"):
        return False
    with suppress(OSError), socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sender:
        sender.setblocking(False)
        sender.sendto(state.encode(), where.replace("@", "\0", 1) if where[0] == "@" else where)
        return True
    return False
