"""An address of the book as a row of a table, and back: the same values whatever the database."""

from __future__ import annotations

import json
from math import isfinite
from typing import Any

from peerproto.node.entries import About, Entry
from peerproto.node.places import Place

__all__ = ["NONSENSE", "buckets_of", "entry_of", "plain", "row_of"]

NONSENSE = (TypeError, ValueError, OverflowError, RecursionError)
"""What a row may raise that somebody else has written; OverflowError for an infinite count, RecursionError for JSON
that is too deep."""


def row_of(entry: Entry) -> tuple[Any, ...]:
    """Host, port, source, services, seen, tries, fails, counts, last_try, last_success, not_before, tried, buckets,
    and of what the peer said of itself: names, agent, height, version, latency. Lists are JSON.
    """
    told_of = entry.about
    values = (
        *(*entry.place, entry.source, entry.services, entry.seen, entry.tries, entry.fails, entry.counts),
        *(
            entry.last_try,
            entry.last_success,
            entry.not_before,
            entry.is_tried,
            json.dumps(sorted(entry.buckets)),
        ),
        *(json.dumps(told_of.services), told_of.agent, told_of.height, told_of.version, told_of.latency),
    )
    return tuple(map(plain, values))


def plain(value: Any) -> Any:
    """As a database can have it: integers of 64 bits with a sign, text that is Unicode."""
    if isinstance(value, str) and not value.isascii():
        return value.encode("utf-8", "backslashreplace").decode()
    if isinstance(value, int):
        return (value + 2**63) % 2**64 - 2**63
    return value


def entry_of(row: tuple[Any, ...]) -> Entry:
    """What a row says, but for where it stands. Raises one of NONSENSE for one that makes none."""
    host, port, source, services, seen, tries, fails, counts, last_try, last_success, not_before, *_ = row
    names, agent, height, version, latency = row[13:]
    times = [float(value) for value in (seen, last_try, last_success, not_before)]
    if not all(map(isfinite, times)):
        raise ValueError("a time that is none")
    entry = Entry(Place(host, int(port)), str(source), int(services) % 2**64, times[0])
    entry.tries, entry.fails, entry.counts = int(tries), int(fails), int(counts)
    entry.last_try, entry.last_success, entry.not_before = times[1:]
    entry.about = About(tuple(map(str, json.loads(names))), str(agent), height, version, latency)
    return entry


def buckets_of(row: tuple[Any, ...]) -> tuple[bool, list[int]]:
    """Whether it is among the tried, and in which buckets of the new. Raises one of NONSENSE as `entry_of`."""
    return bool(row[11]), [int(number) for number in json.loads(row[12])]
