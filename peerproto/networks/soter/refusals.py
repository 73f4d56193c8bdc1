"""Whom a soter peer refuses, and what it tells those that it ends (soterd peer/peer.go)."""

from __future__ import annotations

import re

from peerproto.chain.rules import display
from peerproto.errors import (
    DuplicateVersion,
    MalformedMessage,
    PeerError,
    Reason,
    Refused,
    VersionExpected,
    VersionTooOld,
)
from peerproto.forms.introduction import Introduction
from peerproto.networks.soter.messages import Reject, Version
from peerproto.text import printable

_PART = re.compile(
    r"(?P<name>[^:]*):"
    r"(?P<version>(?P<major>0|[1-9][0-9]*)\.(?:0|[1-9][0-9]*)\.(?:0|[1-9][0-9]*)"
    r"(?:-[0-9A-Za-z.-]+)?(?:\+[0-9A-Za-z.-]+)?)"
    r"(?:\(.*)?",
    re.DOTALL,
)


def agents(user_agent: str) -> dict[str, tuple[str, str]]:
    """The programs that a user agent names, in its order, with their versions, whole and the major part.

    It has them between slashes as `name:version(comments)`; what has no semantic version is left out.
    """
    found = filter(None, map(_PART.fullmatch, user_agent.split("/")))
    return {part["name"]: (part["version"], part["major"]) for part in found}


def judge_version(
    genesis: bytes, ours: Introduction, theirs: Introduction, version: Version, inbound: bool
) -> PeerError | None:
    """Whether they are of another graph, or run another major version of the program that we run.

    Our program is the last one that our user agent names (BIP14: what stands before it is what it is built on).
    """
    if version.genesis_hash != genesis:
        hashes = f"{display(version.genesis_hash)} != {display(genesis)}"
        return Refused(f"peer genesis block hash different from ours ({hashes})", Reason.WRONG_NETWORK)
    for name, (mine, major) in [*agents(ours.user_agent).items()][-1:]:
        version_of_theirs, their_major = agents(theirs.user_agent).get(name, (mine, major))
        if their_major != major:
            text = f"peer version {version_of_theirs} is incompatible with our version {mine}"
            return Refused(text, Reason.OBSOLETE)
    return None


REJECT_MALFORMED, REJECT_INVALID, REJECT_OBSOLETE, REJECT_DUPLICATE, REJECT_NONSTANDARD = (
    0x01,
    0x10,
    0x11,
    0x12,
    0x40,
)
_OURS = (Reason.SERVICES, Reason.REFUSED_BY_LISTENER)


def reject(error: PeerError) -> Reject | None:
    """How soterd tells a peer why it is ended; None where it says nothing, as of a second verack."""
    if isinstance(error, VersionExpected):
        came = str(error).partition(" ")[0]
        return Reject(came, REJECT_MALFORMED, "a version message must precede all others")
    if isinstance(error, DuplicateVersion):
        return Reject("version", REJECT_DUPLICATE, "duplicate version message")
    if isinstance(error, Refused) and error.reason in _OURS:
        return Reject("version", REJECT_NONSTANDARD, printable(str(error))[:250])
    if isinstance(error, Refused):
        return Reject("version", REJECT_INVALID, str(error))
    if isinstance(error, VersionTooOld):
        return Reject("version", REJECT_OBSOLETE, str(error))
    if isinstance(error, MalformedMessage):
        return Reject("malformed", REJECT_MALFORMED, f"Can't read message: {error}"[:250])
    return None
