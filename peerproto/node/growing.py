"""Chains and graphs of our own making, for demonstrations."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import count, cycle, islice

from peerproto import networks
from peerproto.errors import LocalError
from peerproto.network import Network
from peerproto.node.graphstore import GraphStore
from peerproto.node.headerchain import HeaderChain
from peerproto.node.keeping import Chain, kept_in_memory
from peerproto.node.mining import mine

NOW = 2e9
"""The time that who looks at it goes by, in seconds since 1970: late enough for every header that is made."""

SLICE = 20
"""So many are made at once; with a slow proof of work (Litecoin's) each takes a millisecond."""

WIDTHS = (2, 1, 1, 3, 1)
"""How many blocks of a graph stand side by side, over and over; all of those before them are their parents."""


def grow(network: Network, chain: Chain, amount: int) -> Iterator[int]:
    """Add headers or blocks to an empty chain or graph, so many or a few more; yields now and then how many there are.

    The same arguments make the same. Raises LocalError where the work of one would take more than a moment.
    """
    if isinstance(chain, GraphStore):
        return _grow_graph(network, chain, amount)
    return _grow_chain(network, chain, amount)


def _grow_chain(network: Network, chain: HeaderChain, amount: int) -> Iterator[int]:
    headers = mine(network.chain, amount)
    while made := list(islice(headers, SLICE)):
        chain.add(made)
        yield chain.height


def _grow_graph(network: Network, graph: GraphStore, amount: int) -> Iterator[int]:
    """Forks and merges; at the end one block has all others before it."""
    add, numbers, widths, tips = network.graph.grow, count(1), cycle(WIDTHS), [graph.selected]
    while len(graph) <= amount or len(tips) > 1:
        tips = [add(graph, tips, next(numbers)) for _ in range(next(widths))]
        yield len(graph) - 1


def fault_of(network: Network) -> str:
    """Why nothing can be grown on this network; empty if something can."""
    try:
        with kept_in_memory(network, NOW) as chain:
            next(grow(network, chain, 1))
    except LocalError as error:
        return str(error)
    return ""


def nets_that_grow(family: str) -> list[str]:
    """The nets of a family of networks on which something can be grown."""
    of_family = [name for name in networks.names() if name.partition("-")[0] == family]
    return [name for name in of_family if not fault_of(networks.named(name))]
