"""Names of hosts, looked up by the system, for a program that must end when it is told to.

Twisted's own resolver uses the threads of the reactor, and that waits for them at its end: for half a minute where no
DNS server answers. Nobody waits for these, and what else needs threads does not wait for names.
"""

from __future__ import annotations

import socket
from collections.abc import Callable, Sequence
from threading import Thread
from typing import Any

from twisted.internet.address import IPv4Address, IPv6Address
from twisted.internet.interfaces import IAddress, IHostnameResolver, IHostResolution, IResolutionReceiver
from zope.interface import implementer

__all__ = ["ThreadResolver", "use_threads_for_names"]

_KINDS: dict[int, type[Any]] = {socket.AF_INET: IPv4Address, socket.AF_INET6: IPv6Address}
_SOCKETS = {"TCP": socket.SOCK_STREAM, "UDP": socket.SOCK_DGRAM}


@implementer(IHostResolution)
class _Resolution:
    """One name that is being looked up."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.is_wanted = True

    def cancel(self) -> None:
        """See IHostResolution. The thread goes on, but nobody hears of it."""
        self.is_wanted = False


@implementer(IHostnameResolver)
class ThreadResolver:
    """Looks each name up in a thread of its own.

    :param getaddrinfo: asks the system, and waits; as that of `socket`.
    """

    def __init__(self, reactor: Any, getaddrinfo: Callable[..., Any] = socket.getaddrinfo) -> None:
        self._reactor = reactor
        self._getaddrinfo = getaddrinfo

    def resolveHostName(
        self,
        resolutionReceiver: IResolutionReceiver,
        hostName: str,
        portNumber: int = 0,
        addressTypes: Sequence[type[IAddress]] | None = None,
        transportSemantics: str = "TCP",
    ) -> IHostResolution:
        """See IHostnameResolver. A name that there is not has no addresses."""
        resolution = _Resolution(hostName)
        kinds = [family for family, kind in _KINDS.items() if addressTypes is None or kind in addressTypes]

        def found(addresses: list[Any]) -> None:
            if resolution.is_wanted:
                for address in addresses:
                    resolutionReceiver.addressResolved(address)
                resolutionReceiver.resolutionComplete()

        def look_up() -> None:
            addresses = self._look_up(hostName, portNumber, kinds, transportSemantics)
            self._reactor.callFromThread(found, addresses)

        resolutionReceiver.resolutionBegan(resolution)
        Thread(target=look_up, name=f"look up {hostName}", daemon=True).start()
        return resolution

    def _look_up(self, name: str, port: int, families: list[int], semantics: str) -> list[Any]:
        """In the thread."""
        family = families[0] if len(families) == 1 else socket.AF_UNSPEC
        try:
            rows = self._getaddrinfo(name, port, family, _SOCKETS[semantics]) if families else []
        except (OSError, UnicodeError):  # there is no such host, or it cannot be one
            rows = []
        return [_KINDS[row[0]](semantics, *row[4]) for row in rows if row[0] in families]


def use_threads_for_names(reactor: Any) -> None:
    """Have all names of a program looked up so."""
    reactor.installNameResolver(ThreadResolver(reactor))
