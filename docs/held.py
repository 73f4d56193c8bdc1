"""Tables of what is held against peers, of all networks side by side."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from tables import code, codes
from ways import Rows, side_by_side, ways

from peerproto.forms.conduct import AT_ONCE, Points
from peerproto.network import Network
from peerproto.wire.message import Message


def bloom_table() -> str:
    """Which messages are only for those who offer bloom filters."""
    rows: Rows = {
        "may come only if we offer them": _kinds(lambda rule: rule.asking),
        "may come only if they do": _kinds(lambda rule: rule.bringing),
        "ends a peer from version": lambda network: str(network.bloom.since) if network.bloom else "",
    }
    return side_by_side(rows)


def _kinds(pick: Callable[..., Iterable[type[Message]]]) -> Callable[[Network], str]:
    return lambda network: (
        codes(sorted(kind.command for kind in pick(network.bloom))) if network.bloom else ""
    )


def score_table() -> str:
    """How many points for what; and which of them are forgotten again."""
    tables = [network.scoring for _, network in ways()]
    offences = sorted({str(offence) for table in tables for offence in table.offences})
    things = sorted({thing for table in tables for thing in table.unasked})
    rows: Rows = {code(offence): _offence(offence) for offence in offences}
    rows |= {f"a missing {thing} that was not asked for": _unasked(thing) for thing in things}
    return side_by_side({**rows, "messages that cost something": _costs})


def _offence(offence: str) -> Callable[[Network], str]:
    return lambda network: _told(network.scoring.offences.get(offence))


def _unasked(thing: str) -> Callable[[Network], str]:
    return lambda network: _told(network.scoring.unasked.get(thing))


def _costs(network: Network) -> str:
    costs = network.scoring.costs
    return codes(sorted(kind.command for kind in costs)) if costs else ""


def _told(points: Points | None) -> str:
    if points is None:
        return ""
    if points == AT_ONCE:
        return "at once"
    return str(points.persistent) if points.persistent else f"{points.transient}, forgotten"
