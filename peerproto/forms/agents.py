"""User agents, put together as BIP14 has it: what a program is built on, then its name, version and comments."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

from peerproto.errors import LocalError

__all__ = ["AgentRule", "user_agent_of"]

SEMVER = re.compile(
    r"(?:0|[1-9][0-9]*)(?:\.(?:0|[1-9][0-9]*)){2}(?:-[0-9A-Za-z-]+(?:\.[0-9A-Za-z-]+)*)?(?:\+[0-9A-Za-z.-]+)?"
)
"""A semantic version (semver.org)."""

_RESERVED = re.compile(r"[/:()\0-\x1f\x7f]")


@dataclass(frozen=True)
class AgentRule:
    """What user agents may be on a network.

    :ivar most: bytes of a whole one. :ivar ascii: whether they are ASCII.
    :ivar falls_back: whether, of one that may not be, only the base is said (btcd, dcrd and kaspad
        wire/msgversion.go, AddUserAgent); else it is refused.
    :ivar semver: whether versions must be semantic ones, since peers compare them.
    """

    most: int = 256
    ascii: bool = False
    falls_back: bool = True
    semver: bool = False


def user_agent_of(
    rule: AgentRule, base: str, name: str = "", version: str = "", comments: Iterable[str] = ()
) -> str:
    """The user agent `base` + `name:version(comment; comment)/`; without a name it is the base.

    Raises LocalError for parts that cannot stand there, and for a whole that is too long, unless the network falls
    back to the base then.
    """
    comments = (comments,) if isinstance(comments, str) else tuple(comments)
    _check_size(rule, base)
    if rule.ascii and not (base.isascii() and base.isprintable()):
        raise LocalError(f"user_agent {base!r} is not printable ASCII")
    if not name:
        if version or comments:
            raise LocalError("user_agent_version and user_agent_comments need a user_agent_name")
        return base
    _check_parts(rule, name, version, comments)
    said = f"({'; '.join(comments)})" if comments else ""
    whole = f"{base}{name}:{version}{said}/"
    if rule.falls_back and (_size(whole) > rule.most or (rule.ascii and not whole.isascii())):
        return base
    _check_size(rule, whole)
    return whole


def _check_parts(rule: AgentRule, name: str, version: str, comments: tuple[str, ...]) -> None:
    parts = {"user_agent_name": (name,), "user_agent_version": (version,), "user_agent_comments": comments}
    for part, texts in parts.items():
        for text in texts:
            if _RESERVED.search(text):
                raise LocalError(
                    f"{part} {text!r}: slashes, colons, parentheses and controls cannot stand there"
                )
    if rule.semver and not SEMVER.fullmatch(version):
        raise LocalError(
            f"user_agent_version {version!r} is no semantic version such as 1.2.3, and peers compare them"
        )


def _check_size(rule: AgentRule, agent: str) -> None:
    if _size(agent) > rule.most:
        raise LocalError(f"user_agent has {_size(agent)} bytes, at most {rule.most} allowed")


def _size(text: str) -> int:
    return len(text.encode("utf-8", "surrogatepass"))
