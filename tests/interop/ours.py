"""What a test makes of the library: peers, listening factories, services, programs; all of it ends with the test."""

from __future__ import annotations

import os
import signal
import sys
from collections import defaultdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from twisted.internet.defer import Deferred, DeferredList, gatherResults, maybeDeferred
from twisted.logger import ILogObserver, LogEvent, formatEvent, globalLogPublisher
from zope.interface import implementer

from peerproto import PeerError, PeerFactory, PeerProtocol, connect, listen, networks
from peerproto.chain.rules import display
from peerproto.network import Network
from peerproto.node.headerchain import HeaderChain
from peerproto.node.service import PeerNodeService

from .litecoind import Litecoind
from .processes import Process
from .waiting import SECONDS, until, within

if TYPE_CHECKING:
    from twisted.internet.interfaces import IListeningPort
    from twisted.internet.posixbase import PosixReactorBase

ROOT = Path(__file__).resolve().parents[2]
POLICIES = ["btcd", "core"]
# As the script of that name does it, wherever that may be.
TWISTD = ("-c", "from twisted.scripts.twistd import run; run()", "-n", "--pidfile=", "peernode")


def litecoin(policy: str = "btcd") -> Network:
    """The network of the nodes here."""
    return networks.named("litecoin-regtest", policy)


def wire(shown: str) -> bytes:
    """A hash as RPC prints it, in wire order."""
    return bytes.fromhex(shown)[::-1]


class Recorder:
    """A listener that remembers what it hears.

    @ivar ready: the peers that were. @ivar lost: those that ended, with why.
    @ivar heard: the messages, by command.
    """

    def __init__(self) -> None:
        self.ready: list[PeerProtocol] = []
        self.lost: list[tuple[PeerProtocol, PeerError]] = []
        self.heard: defaultdict[str, list[Any]] = defaultdict(list)

    def on_ready(self, peer: PeerProtocol) -> None:
        self.ready.append(peer)

    def on_lost(self, peer: PeerProtocol, error: PeerError) -> None:
        self.lost.append((peer, error))

    def __getattr__(self, name: str) -> Any:
        if not name.startswith("on_") or name in ("on_read", "on_write"):
            raise AttributeError(name)
        return lambda _peer, message: self.heard[message.command].append(message)


@implementer(ILogObserver)
class Mistakes:
    """What has been logged as a mistake of our own code, by whatever part of it."""

    def __init__(self) -> None:
        self.seen: list[str] = []

    def __call__(self, event: LogEvent) -> None:
        if "log_failure" in event:
            self.seen.append(f"{formatEvent(event)}\n{event['log_failure'].getTraceback()}")


class Ours:
    """Makes things that it ends again in C{close}."""

    def __init__(self, reactor: PosixReactorBase, folder: Path) -> None:
        self.reactor = reactor
        self.folder = folder
        self._factories: set[PeerFactory] = set()
        self._ports: list[IListeningPort] = []
        self._services: list[PeerNodeService] = []
        self._programs: list[Process] = []
        self._mistakes = Mistakes()
        globalLogPublisher.addObserver(self._mistakes)

    def factory(
        self, policy: str = "btcd", listener: object = None, *, network: Network | None = None, **options: Any
    ) -> PeerFactory:
        """A factory for litecoind's network, or another."""
        factory = PeerFactory(network or litecoin(policy), listener, clock=self.reactor, **options)
        self._factories.add(factory)
        return factory

    async def dial(
        self, where: str, policy: str = "btcd", listener: object = None, **options: Any
    ) -> PeerProtocol:
        """A peer that is ready."""
        return await self.dial_with(self.factory(policy, listener, **options), where)

    async def dial_with(self, factory: PeerFactory, where: str) -> PeerProtocol:
        """One that this factory makes."""
        peer = await within(connect(self.reactor, where, factory), SECONDS, f"a connection to {where}")
        return await within(peer.when_ready(), SECONDS, f"a handshake with {where}")

    async def accept(self, factory: PeerFactory) -> str:
        """Listen on a free port of loopback; where it is."""
        self._factories.add(factory)
        port = await within(listen(self.reactor, "tcp:0:interface=127.0.0.1", factory), SECONDS)
        self._ports.append(port)
        return where(port)

    def service(
        self, *connect: str, policy: str = "btcd", network: Network | None = None, **options: Any
    ) -> PeerNodeService:
        """A node that runs, on litecoind's network or another."""
        service = PeerNodeService(self.reactor, network or litecoin(policy), connect=connect, **options)
        self._services.append(service)
        service.startService()
        return service

    async def stop(self, service: PeerNodeService) -> None:
        """Stop a node in good order."""
        self._services.remove(service)
        await within(service.stopService(), SECONDS, "the end of a service")

    def program(self, *arguments: str, inside: tuple[str, ...] = ()) -> Process:
        """A Python that runs, in the test's own folder; by way of a command that runs it somewhere else."""
        return self.run(*inside, sys.executable, *arguments)

    def run(self, program: str, *arguments: str) -> Process:
        """Any program, found on PATH."""
        environment = {**os.environ, "PYTHONPATH": str(ROOT), "PYTHONUNBUFFERED": "1"}
        process = Process()
        self.reactor.spawnProcess(process, program, [program, *arguments], environment, path=str(self.folder))
        self._programs.append(process)
        return process

    def commands(self, *commands: tuple[str, ...]) -> Deferred[list[Process]]:
        """C{peerproto} with these words, each in a process, all at once; fires when all have ended."""
        processes = [self.program("-m", "peerproto", *words) for words in commands]
        return gatherResults([each.when_ended() for each in processes]).addCallback(lambda _: processes)

    async def close(self) -> None:
        """End everything, whatever state the test has left it in. Nothing may have been logged as our own mistake."""
        ending: list[Any] = [service.stopService() for service in self._services]
        ending += [maybeDeferred(port.stopListening) for port in self._ports]
        for process in self._programs:
            process.send_signal(signal.SIGKILL)
            ending.append(process.when_ended())
        for peer in [peer for factory in self._factories for peer in factory.peers.values()]:
            ending.append(peer.when_disconnected())
            peer.disconnect()
        await within(
            DeferredList(ending, consumeErrors=True), SECONDS, "the end of all that the test has made"
        )
        globalLogPublisher.removeObserver(self._mistakes)
        assert not self._mistakes.seen, "\n".join(self._mistakes.seen)


def where(port: IListeningPort) -> str:
    """Where a port is, as host:port."""
    return f"127.0.0.1:{port.getHost().port}"  # type: ignore[attr-defined]


async def info(node: Litecoind, peer: PeerProtocol, key: str = "addr") -> dict[str, Any]:
    """What the node says of its end of a connection, once that has this key."""
    transport: Any = peer.transport
    address = f"127.0.0.1:{transport.getHost().port}"

    async def find() -> Any:
        return [each for each in await node.rpc("getpeerinfo") if each["addr"] == address and key in each]

    found: list[dict[str, Any]] = await until(find, f"the node's {key} of its peer {address}")
    return found[0]


def peers_of(service: PeerNodeService) -> list[PeerProtocol]:
    """The peers that a service has now; none once it has stopped."""
    return list(service.node.factory.peers.values()) if service.node else []


def chain_of(service: PeerNodeService) -> HeaderChain:
    """The chain of a service that runs."""
    assert service.node is not None
    return service.node.chain


async def synced(service: PeerNodeService, node: Litecoind) -> HeaderChain:
    """The chain of a service, once it is the node's."""
    best = await within(node.rpc("getbestblockhash"), SECONDS)
    chain = chain_of(service)
    await until(lambda: display(chain.tip) == best, f"the tip {best}", SECONDS / 2)
    assert chain.height == await within(node.rpc("getblockcount"), SECONDS)
    return chain
