"""Lists of places to begin with: a file of the user's, or the one that comes with a network."""

from __future__ import annotations

import os
from collections.abc import Iterable
from importlib.resources import files
from ipaddress import ip_address
from typing import NamedTuple

from peerproto.errors import LocalError
from peerproto.forms.gossip import Known
from peerproto.network import Network
from peerproto.node.addressbook import AddressBook
from peerproto.node.places import Place
from peerproto.peer.connecting import host_and_port

__all__ = ["Listed", "fill", "read_peers", "shipped_peers"]


class Listed(NamedTuple):
    """What a file lists: addresses, and names of hosts that are still to be looked up, each with a port."""

    places: list[Place]
    names: list[tuple[str, int]]


def read_peers(path: str | os.PathLike[str], network: Network) -> Listed:
    """Read a file of one HOST:PORT a line; without a port it is the network's own. What is behind a # is for people.

    Raises LocalError, in one line that names the file and the number of the line.
    """
    try:
        with open(path, encoding="utf-8", errors="replace") as file:
            return _read(os.fspath(path), file, network.port)
    except OSError as error:
        raise LocalError(f"{os.fspath(path)}: {error.strerror}") from None


def shipped_peers(network: Network) -> Listed:
    """The fixed addresses that come with a network; most have none, and are found by their seeds."""
    file = files("peerproto.node").joinpath("peers", f"{network.name}.txt")
    return (
        _read(file.name, file.read_text("utf-8").splitlines(), network.port)
        if file.is_file()
        else Listed([], [])
    )


def fill(book: AddressBook, listed: Listed, now: float, source: str = "peers-file") -> int:
    """Put what is listed into the book if that is empty; how many addresses it took.

    :param now: seconds since 1970. :param source: any word for the list, which counts as a group of its own.
    """
    if len(book):
        return 0
    return book.add([Known(*place, 0, int(now)) for place in listed.places], source)


def _read(name: str, lines: Iterable[str], port: int) -> Listed:
    listed = Listed([], [])
    for number, line in enumerate(lines, 1):
        where = line.partition("#")[0].strip()
        if where:
            _add(listed, f"{name}, line {number}", where, port)
    return listed


def _add(listed: Listed, line: str, where: str, port: int) -> None:
    try:
        found = host_and_port(where, port)
    except ValueError as error:
        raise LocalError(f"{line}: {where!r} is no HOST:PORT: {error}") from None
    if found is None:
        raise LocalError(f"{line}: {where!r} is no HOST:PORT")
    try:
        listed.places.append(Place(str(ip_address(found[0])), found[1]))
    except ValueError:
        listed.names.append(found)
