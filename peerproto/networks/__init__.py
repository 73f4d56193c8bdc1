"""Floor 1.5: the networks, as data. `named("litecoin-regtest")` gives one; nothing else asks by name."""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from functools import lru_cache
from importlib import import_module
from typing import TYPE_CHECKING

from peerproto.errors import LocalError

if TYPE_CHECKING:
    from peerproto.network import Network

_FAMILIES = ("bitcoin", "litecoin", "decred", "soter", "kaspa", "neo")

__all__ = ["named", "names", "nearest", "policies"]


@lru_cache
def names() -> tuple[str, ...]:
    """The names of all networks, NETWORK-NET."""
    return tuple(f"{family}-{net}" for family in _FAMILIES for net in _module(family).NETS)


def named(name: str, policy: str | None = None) -> Network:
    """The network of a name, with the policy of one of its references; the same object each time.

    Only the family that is named is imported. A net may also be named as its reference spells it.

    :param policy: None for the family's first one.

    Raises LocalError for another name or policy, and says which is nearest.
    """
    family, _, net = name.partition("-")
    module = _module(family) if family in _FAMILIES else None
    net = getattr(module, "ALIASES", {}).get(net, net)
    if module is None or net not in module.NETS:
        raise LocalError(f"no network is named {name!r}{nearest(name, names())}")
    return _named(f"{family}-{net}", policy or module.POLICIES[0])


@lru_cache
def _named(name: str, policy: str) -> Network:
    family, _, net = name.partition("-")
    module = _module(family)
    if policy not in module.POLICIES:
        raise LocalError(f"{name} has no policy {policy!r}: {', '.join(module.POLICIES)} are there")
    network: Network = module.network(net, policy)
    return network


def policies(name: str) -> tuple[str, ...]:
    """The policies of a network, the default first. Raises LocalError for another name."""
    found: tuple[str, ...] = _module(named(name).name.partition("-")[0]).POLICIES
    return found


def nearest(word: str, choices: Iterable[str]) -> str:
    """What to say behind a wrong word: the nearest right one, or all of them."""
    choices = list(choices)
    close = difflib.get_close_matches(word, choices, n=1)
    return f": did you mean {close[0]!r}?" if close else f": choose from {', '.join(choices)}"


def _module(family: str):  # type: ignore[no-untyped-def]
    return import_module(f"peerproto.networks.{family}")
