"""Two halves of a network that can be parted: by the cable between two network namespaces, or by who forwards."""

from __future__ import annotations

import shutil
from typing import Any

from twisted.internet.defer import maybeDeferred
from twisted.internet.endpoints import TCP4ServerEndpoint
from twisted.protocols.portforward import ProxyFactory, ProxyServer

from .litecoind import free_ports
from .ours import Ours
from .processes import Process
from .waiting import SECONDS, until, within

PORT = 18444
LEFT, RIGHT = {"first": "10.77.1.1", "second": "10.77.1.2"}, {"third": "10.77.2.1"}
"""Who lives in which half, and at which address if that can be chosen."""

INTO = ("nsenter", "--preserve-credentials", "--user", "--net", "--target")


class NotAllowed(Exception):
    """There can be no namespaces here; why, in the system's words."""


class Namespaces:
    """Each half is a network namespace, with a cable between them; to cut it is to lose every packet.

    Needs no rights but to make namespaces: all is in a user namespace where we are root.
    """

    def __init__(self, ours: Ours) -> None:
        self._ours = ours
        self._holders: list[Process] = []

    async def start(self) -> None:
        """Lay the cable. Raises NotAllowed."""
        for program in ("unshare", "nsenter", "ip"):
            if shutil.which(program) is None:
                raise NotAllowed(f"no {program} on PATH")
        left = await self._hold("unshare", "--user", "--map-root-user", "--net")
        right = await self._hold(*INTO, str(left), "unshare", "--net")
        await self._in(left, f"ip link add cable type veth peer name cable netns {right}")
        for pid, hosts in ((left, LEFT), (right, RIGHT)):
            own = "; ".join(f"ip address add {host}/32 dev lo" for host in hosts.values())
            await self._in(pid, f"ip link set lo up; {own}")
        await self.heal()

    def place(self, name: str, seen_by: str) -> str:
        """Where somebody is, as host:port."""
        return f"{(LEFT | RIGHT)[name]}:{PORT}"

    def endpoint(self, name: str) -> str:
        """Where somebody listens, as an endpoint string."""
        return f"tcp:{PORT}:interface={(LEFT | RIGHT)[name]}"

    def program(self, name: str, *arguments: str) -> Process:
        """Run a Python where somebody lives."""
        return self._ours.program(*arguments, inside=self._into(self._pids()[name in RIGHT]))

    async def cut(self) -> None:
        """No packet goes through."""
        for pid in self._pids():
            await self._in(pid, "ip link set cable down")

    async def heal(self) -> None:
        """They go through again."""
        for pid in self._pids():
            await self._in(pid, "ip link set cable up")
        for pid, ours, theirs in zip(self._pids(), (LEFT, RIGHT), (RIGHT, LEFT), strict=True):
            own = next(iter(ours.values()))
            routes = [f"ip route replace {host}/32 dev cable src {own}" for host in theirs.values()]
            await self._in(pid, "; ".join(routes))

    async def close(self) -> None:
        """The namespaces go with the last process in them."""

    def _pids(self) -> list[int]:
        return [process.transport.pid for process in self._holders]  # type: ignore[union-attr]

    def _into(self, pid: int) -> tuple[str, ...]:
        return (*INTO, str(pid))

    async def _hold(self, *command: str) -> int:
        """A process that keeps a namespace there, by doing nothing in it; its number."""
        process = self._ours.run(*command, "sh", "-c", "echo here; exec sleep 1000")
        await until(lambda: process.out == b"here\n" or process.ended, "a namespace")
        if process.ended is not None:
            raise NotAllowed(f"{' '.join(command)}: {process.text().strip() or process.ended}")
        self._holders.append(process)
        return process.transport.pid  # type: ignore[union-attr,no-any-return]

    async def _in(self, pid: int, script: str) -> None:
        process = self._ours.run(*self._into(pid), "sh", "-ec", script)
        await within(process.when_ended(), SECONDS, script)
        if process.code:
            raise NotAllowed(f"{script}: {process.text().strip()}")


class _Link(ProxyServer):
    """One connection through a forwarder."""

    factory: _Forwarder

    def connectionMade(self) -> None:
        super().connectionMade()
        self.factory.links.append(self)


class _Forwarder(ProxyFactory):
    """Hands on what comes to it, unless it is cut."""

    noisy = False
    protocol = _Link

    def __init__(self, port: int) -> None:
        super().__init__("127.0.0.1", port)
        self.links: list[_Link] = []
        self.listening: Any = None

    def ends(self) -> list[Any]:
        """The transports of all connections, both sides of each."""
        found = [end.transport for link in self.links for end in (link, link.peer) if end is not None]
        return [transport for transport in found if transport.connected]

    def cut(self) -> None:
        """Take nothing from anybody; who calls waits."""
        self.listening.stopReading()
        for transport in self.ends():
            transport.stopReading()

    def heal(self) -> None:
        """Go on."""
        self.listening.startReading()
        for transport in self.ends():
            transport.startReading()


class Forwarders:
    """All live on loopback, and know those of the other half only by forwarders, which can stand still."""

    def __init__(self, ours: Ours) -> None:
        self._ours = ours
        self._ports = dict(zip([*LEFT, *RIGHT], free_ports(3), strict=True))
        self._forwarders = {name: _Forwarder(port) for name, port in self._ports.items()}

    async def start(self) -> None:
        """Let the forwarders listen."""
        for forwarder in self._forwarders.values():
            endpoint = TCP4ServerEndpoint(self._ours.reactor, 0, interface="127.0.0.1")
            forwarder.listening = await endpoint.listen(forwarder)

    def place(self, name: str, seen_by: str) -> str:
        """Where somebody is, as host:port."""
        beyond = (name in LEFT) != (seen_by in LEFT)
        port = self._forwarders[name].listening.getHost().port if beyond else self._ports[name]
        return f"127.0.0.1:{port}"

    def endpoint(self, name: str) -> str:
        """Where somebody listens, as an endpoint string."""
        return f"tcp:{self._ports[name]}:interface=127.0.0.1"

    def program(self, name: str, *arguments: str) -> Process:
        """Run a Python where somebody lives."""
        return self._ours.program(*arguments)

    async def cut(self) -> None:
        """No byte goes through."""
        for forwarder in self._forwarders.values():
            forwarder.cut()

    async def heal(self) -> None:
        """They go through again."""
        for forwarder in self._forwarders.values():
            forwarder.heal()

    async def close(self) -> None:
        """Forward no more."""
        for forwarder in self._forwarders.values():
            if forwarder.listening is not None:
                await within(maybeDeferred(forwarder.listening.stopListening), SECONDS)
            for transport in forwarder.ends():
                transport.abortConnection()


Halves = Namespaces | Forwarders
