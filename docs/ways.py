"""The columns of the tables that show all networks side by side."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import cache

from tables import table

from peerproto import networks
from peerproto.network import Network

Way = tuple[str, Network]
"""The heading of a column, and a network whose ways it tells."""


@cache
def ways() -> list[Way]:
    """One network for each family and policy; families that do the same in all share a column."""
    found: list[tuple[list[str], Network]] = []
    for network in _each():
        family = network.name.partition("-")[0]
        same = next((heads for heads, other in found if _alike(network, other)), None)
        if same is None:
            found.append(([family], network))
        else:
            same.append(family)
    return [(f"{', '.join(heads)} ({network.policy.name})", network) for heads, network in found]


def _each() -> Iterator[Network]:
    """The first net of each family, with each policy."""
    seen = set()
    for name in networks.names():
        family = name.partition("-")[0]
        if family not in seen:
            seen.add(family)
            yield from (networks.named(name, policy) for policy in networks.policies(name))


def _alike(one: Network, other: Network) -> bool:
    """Whether all that these tables show is the same data."""
    names = (
        "policy",
        "order",
        "timing",
        "messages",
        "expects",
        "reject",
        "judge_version",
        "replies",
        "gossip",
        "bloom",
        "scoring",
        "backlog",
    )
    return all(getattr(one, name) == getattr(other, name) for name in names)


Rows = dict[str, Callable[[Network], str]]


def side_by_side(rows: Rows) -> str:
    """A column for each way."""
    lines = [[what, *(told(network) for _, network in ways())] for what, told in rows.items()]
    width = 76 // len(ways())
    return table(["", *(head for head, _ in ways())], lines, f"24{f' {width}' * len(ways())}", "ways")
