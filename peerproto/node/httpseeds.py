"""Seeds that are asked by HTTPS: `GET https://HOST/api/addrs` gives a node a line, as JSON (dcrd, addrmgr/seed.go).

Needs the packages of the extra `seeds`. What a seed says is hostile: redirects are not followed, nothing is unpacked,
and of an answer that has no end the beginning counts.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from ipaddress import ip_address
from typing import Any, NamedTuple

from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.defer import TimeoutError as TooLate
from twisted.internet.error import ConnectingCancelledError
from twisted.internet.protocol import Protocol, connectionDone
from twisted.python.failure import Failure
from twisted.web.http_headers import Headers
from twisted.web.iweb import IAgent, IBodyProducer, IResponse
from zope.interface import implementer

from peerproto.errors import ConnectFailed, Reason
from peerproto.forms.gossip import Known
from peerproto.node.seeding import MOST, SeedFailed, seen_lately
from peerproto.peer.connecting import host_and_port
from peerproto.peer.ending import why_not_connected

__all__ = ["MOST_BODY", "TIMEOUT", "HttpSeeds", "Told", "read_nodes"]

TIMEOUT = 60.0
"""Seconds for a whole answer."""

MOST_BODY, MOST_LINE = 65_536, 1024
"""Bytes of an answer that are looked at, and of a line in it."""


class Told(NamedTuple):
    """What a line says: a node's address and port, the bits of its services, the protocol version that it speaks."""

    host: str
    port: int
    services: int
    version: int


class HttpSeeds:
    """Asks the seeds of one network.

    :param agent: makes the requests, such as `peerproto.node.webline.web_agent`. :param reactor: for timers.
    :param services: the bit set that nodes shall offer. :param least_version: of the protocol, that they must speak.
    :param now: the wall clock, in seconds since 1970. :param random: gives numbers from 0 to 1.

    Raises ImportError without the packages.
    """

    def __init__(
        self,
        agent: IAgent,
        reactor: Any,
        *,
        services: int,
        least_version: int,
        now: Callable[[], float],
        random: Callable[[], float],
    ) -> None:
        from treq.client import HTTPClient

        self._client = HTTPClient(_Unpacked(agent))
        self._reactor = reactor
        self._services = services
        self._least_version = least_version
        self._now = now
        self._random = random

    def ask(self, where: str) -> Deferred[list[Known]]:
        """The nodes that the seed at `host` or `host:port` knows, at most `MOST`. Fails with SeedFailed."""
        asking = Deferred.fromCoroutine(self._ask(where)).addErrback(_cancelled)
        return asking.addTimeout(TIMEOUT, self._reactor).addErrback(_why)

    async def _ask(self, where: str) -> list[Known]:
        response: Any = await self._client.get(
            f"https://{where}/api/addrs",
            params={"services": str(self._services)},
            allow_redirects=False,
            unbuffered=True,
            reactor=self._reactor,
        )
        if response.code != 200:
            _Body(response).cut()
            raise SeedFailed(f"it answers with status {response.code}, only 200 is good")
        nodes, skipped = read_nodes(await _Body(response).done)
        fit = [told for told in nodes if told.version >= self._least_version]
        if not fit:
            raise SeedFailed(f"it tells of no nodes: {len(nodes)} are too old, {skipped} lines make no sense")
        now = self._now()
        return [
            Known(told.host, told.port, told.services, seen_lately(now, self._random)) for told in fit[:MOST]
        ]


def read_nodes(body: bytes) -> tuple[list[Told], int]:
    """What the lines of an answer say, and how many of them were skipped since they make no sense."""
    lines = [line for line in body.split(b"\n") if line.strip()]
    told = [node for line in lines if (node := _read(line)) is not None]
    return told, len(lines) - len(told)


def _read(line: bytes) -> Told | None:
    try:
        found = json.loads(line if len(line) <= MOST_LINE else b"")
        services, version = found["services"], found["pver"]
        place = host_and_port(found["host"], 0)
        if place is None or not place[1] or {type(services), type(version)} != {int}:
            return None
        fits = 0 <= services < 2**64 and 0 <= version < 2**32
        return Told(str(ip_address(place[0])), place[1], services, version) if fits else None
    except (ValueError, TypeError, KeyError, RecursionError):
        return None


@implementer(IAgent)
class _Unpacked:
    """An agent that takes nothing that is packed: nobody knows how much is in it."""

    def __init__(self, agent: IAgent) -> None:
        self._agent = agent

    def request(
        self,
        method: bytes,
        uri: bytes,
        headers: Headers | None = None,
        bodyProducer: IBodyProducer | None = None,
    ) -> Deferred[IResponse]:
        """See IAgent."""
        asks = Headers() if headers is None else headers.copy()
        asks.setRawHeaders(b"accept-encoding", [b"identity"])
        return self._agent.request(method, uri, asks, bodyProducer).addCallback(_refuse_packed)


def _refuse_packed(response: IResponse) -> IResponse:
    if response.headers.getRawHeaders(b"content-encoding", [b"identity"]) != [b"identity"]:
        _Body(response).cut()
        raise SeedFailed("its answer is packed, and was not asked for so")
    return response


class _Body(Protocol):
    """Gathers the body of an answer. The last line of one that is too long does not count.

    :ivar done: fires with as much of it as is looked at; to cancel it cuts the connection.
    """

    def __init__(self, response: IResponse) -> None:
        self.done: Deferred[bytes] = Deferred(lambda _: self.cut())
        self._data = b""
        response.deliverBody(self)

    def dataReceived(self, data: bytes) -> None:
        """See IProtocol."""
        if len(self._data) <= MOST_BODY:
            self._data += data
            if len(self._data) > MOST_BODY:
                self.cut()

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        """See IProtocol."""
        if self.done.called:
            return
        whole = self._data[:MOST_BODY]
        self.done.callback(whole if len(self._data) <= MOST_BODY else whole[: whole.rfind(b"\n") + 1])

    def cut(self) -> None:
        """There is no use for the rest."""
        transport: Any = self.transport
        transport.loseConnection()


def _cancelled(failure: Failure) -> Any:
    """What Twisted makes of being cancelled, wherever that finds it."""
    causes = (failure, *getattr(failure.value, "reasons", ()))
    if any(cause.check(CancelledError, ConnectingCancelledError) for cause in causes):
        raise CancelledError
    return failure


def _why(failure: Failure) -> Any:
    """Whatever went wrong on the way there, in one line."""
    if failure.check(SeedFailed, CancelledError):
        return failure
    if failure.check(TooLate):
        raise SeedFailed(f"no answer in {TIMEOUT:g} seconds")
    cause, *_ = getattr(failure.value, "reasons", ()) or (failure,)
    found = why_not_connected(cause)
    if cause is failure or found.reason is Reason.TLS:
        raise SeedFailed(str(failure.value if isinstance(failure.value, ConnectFailed) else found))
    raise SeedFailed(f"its answer cannot be read: {type(cause.value).__name__}: {cause.getErrorMessage()}")
