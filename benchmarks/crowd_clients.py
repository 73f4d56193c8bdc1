"""The side of `benchmarks.crowd` that calls: many connections that say what was prepared."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from twisted.internet.endpoints import TCP4ClientEndpoint, connectProtocol
from twisted.internet.protocol import Protocol

from benchmarks import inputs
from benchmarks.crowd_server import obey, tell
from benchmarks.peers import NETWORK, PVER
from peerproto.forms.introduction import Introduction
from peerproto.networks.bitcoin import Inv, InvVect

CODEC = NETWORK.codec(PVER)
WHO = Introduction(PVER, 9, inputs.TIME, 1, "/crowd:1/", 0)
VERACK = inputs.wrap("verack", b"")
KNOWN = 1000
PINGS = 1000
AT_ONCE = 100
"""So many connections shake hands at the same time."""


class Client(Protocol):
    """One who calls.

    :param ready: called when the other side's verack is here. :param heard: called with what comes after it.
    """

    def __init__(self, number: int, ready: Callable[[], None]) -> None:
        self._number = number
        self._ready = ready
        self._begun = b""
        self.heard: Callable[[bytes], None] | None = None

    def connectionMade(self) -> None:
        """Introduce ourselves, each with a nonce of its own."""
        self.write(CODEC.encode(NETWORK.make_version(replace(WHO, nonce=self._number + 1))))

    def dataReceived(self, data: bytes) -> None:
        """Look for the verack, then hand on."""
        if self._begun is not None and b"verack" in (begun := self._begun + data):
            self.write(VERACK)
            self._begun, self.dataReceived = begun, self._hand_on  # type: ignore[method-assign]
            self._ready()
        else:
            self._begun += data

    def _hand_on(self, data: bytes) -> None:
        if self.heard is not None:
            self.heard(data)

    def write(self, data: bytes) -> None:
        """Send it."""
        self.transport.write(data)  # type: ignore[union-attr]

    def resumeProducing(self) -> None:
        """A flood: more whenever all is out."""
        self.write(inputs.frame("tx250") * 400)

    def stopProducing(self) -> None:
        """See IPullProducer."""


class Crowd:
    """All who call."""

    def __init__(self, reactor: Any, port: int, count: int) -> None:
        self.clients: list[Client] = []
        self._endpoint = TCP4ClientEndpoint(reactor, "127.0.0.1", port)
        self._count = count
        self._ready = 0
        self._begun = 0.0

    def connect(self) -> None:
        """All, some at a time; tells how many seconds it took until the last was ready."""
        self._begun = time.monotonic()
        for _ in range(min(AT_ONCE, self._count)):
            self._call()

    def _call(self) -> None:
        client = Client(len(self.clients), self._one_more)
        self.clients.append(client)
        connectProtocol(self._endpoint, client)

    def _one_more(self) -> None:
        self._ready += 1
        if len(self.clients) < self._count:
            self._call()
        elif self._ready == self._count:
            tell({"seconds": time.monotonic() - self._begun})

    def announce(self) -> None:
        """Each announces as much as can be known of it; a pong tells that it is heard."""
        left = set(range(len(self.clients)))

        def heard(number: int) -> Callable[[bytes], None]:
            def look(data: bytes) -> None:
                if b"pong" in data and number in left:
                    left.remove(number)
                    if not left:
                        tell({})

            return look

        for number, client in enumerate(self.clients):
            client.heard = heard(number)
            vectors = [InvVect(1, number.to_bytes(8, "big") + at.to_bytes(24, "big")) for at in range(KNOWN)]
            client.write(CODEC.encode(Inv(vectors)) + inputs.frame("ping"))

    def await_inv(self) -> None:
        """Tells when the last has heard an announcement."""
        left = len(self.clients)

        def heard(data: bytes) -> None:
            nonlocal left
            left -= data.count(b"inv\0")
            if not left:
                tell({"ended": time.monotonic()})

        for client in self.clients:
            client.heard = heard

    def ping_beside_a_flood(self) -> None:
        """One sends all it can; another pings, one after the other; tells what 99 of 100 pings took at most."""
        loud, quiet = self.clients[:2]
        times: list[float] = []
        loud.transport.registerProducer(loud, False)  # type: ignore[union-attr]

        def heard(data: bytes) -> None:
            if b"pong" in data:
                times.append(time.monotonic() - self._begun)
                ping()

        def ping() -> None:
            if len(times) == PINGS:
                loud.transport.unregisterProducer()  # type: ignore[union-attr]
                tell({"seconds": sorted(times)[PINGS * 99 // 100]})
                return
            self._begun = time.monotonic()
            quiet.write(inputs.frame("ping"))

        quiet.heard = heard
        ping()


def main(port: str, count: str) -> None:
    """Do what is commanded."""
    from twisted.internet import reactor

    crowd = Crowd(reactor, int(port), int(count))
    commands: dict[str, Callable[[], Any]] = {
        "connect": crowd.connect,
        "announce": crowd.announce,
        "await inv": crowd.await_inv,
        "ping beside a flood": crowd.ping_beside_a_flood,
    }
    obey(reactor, commands)


if __name__ == "__main__":
    main(*sys.argv[1:])
