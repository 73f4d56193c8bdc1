"""The side of `benchmarks.soak` that comes and goes: many who call, each from an address of its own, and some who are
called.

`python -m benchmarks.soak_crowd PEERS CALLED`: so many who call at a time, and so many places to call.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from dataclasses import replace
from random import Random
from typing import Any

from twisted.internet.defer import gatherResults
from twisted.internet.endpoints import TCP4ClientEndpoint, TCP4ServerEndpoint, connectProtocol
from twisted.internet.protocol import Factory
from twisted.internet.task import LoopingCall

from benchmarks import inputs
from benchmarks.crowd_clients import CODEC, WHO
from benchmarks.crowd_server import obey, tell
from benchmarks.floor import VERACK, Floor
from benchmarks.peers import NETWORK, PVER
from peerproto.networks.bitcoin import Addr, GetAddr, GetHeaders, Inv, InvVect, TimedAddress

AT_ONCE = 32
"""So many connections shake hands at the same time while the crowd gathers."""

KNOWN = 50
"""So many things each announces at first, and then one at a time: what is known of each is to fill up soon."""

TOLD = [
    TimedAddress(inputs.TIME, 1, f"127.0.{number >> 8}.{number & 255}", 18444) for number in range(1, 501)
]
"""The addresses that they tell of: always the same, since a book may grow for long."""

TALK = 20
"""Each second one of so many says something."""

LIFE = 10.0
"""Seconds after which one of those who were called leaves."""

CALLED = 1 << 40
"""What is added to the numbers of those."""


class Member(Floor):
    """One of the crowd.

    :param number: its nonce. :param crowd: hears of it. :param inbound: whether it was called.
    :ivar leaves: whether it has ended the connection.
    """

    leaves = False

    def __init__(self, number: int, crowd: Crowd, *, inbound: bool = False) -> None:
        ready, gone = (crowd.met, crowd.lost) if inbound else (crowd.ready, crowd.gone)
        super().__init__(lambda: ready(self), lambda why: gone(self))
        self.number = number
        self._inbound = inbound
        self._said = 0
        self._version = CODEC.encode(NETWORK.make_version(replace(WHO, nonce=number)))
        self._handlers[b"inv".ljust(12, b"\0")] = lambda payload, checksum: crowd.heard()

    def connectionMade(self) -> None:
        """Who calls speaks first."""
        super().connectionMade()
        if not self._inbound:
            self.write(self._version)

    def greet(self, payload: bytes, checksum: bytes) -> None:
        """The rest of the handshake."""
        self.out += (self._version, VERACK) if self._inbound else (VERACK,)

    def talk(self, random: Random) -> None:
        """What a peer says: what there is, and later what is new, whom it knows, and questions."""
        news = range(self._said, max(KNOWN, self._said + 1))
        self._said = news.stop
        vectors = [InvVect(1, self.number.to_bytes(8, "big") + at.to_bytes(24, "big")) for at in news]
        asked = GetHeaders(PVER, [NETWORK.genesis], bytes(32))
        said = [Inv(vectors), Addr(random.sample(TOLD, 10)), GetAddr(), asked]
        self.write(b"".join(map(CODEC.encode, said)) + inputs.frame("ping"))

    def write(self, data: bytes) -> None:
        """Send it."""
        self.transport.write(data)  # type: ignore[union-attr]

    def leave(self) -> None:
        """End the connection."""
        self.leaves = True
        self.transport.loseConnection()  # type: ignore[union-attr]


class Crowd:
    """All of them.

    :param count: how many call.
    """

    def __init__(self, reactor: Any, count: int) -> None:
        self._reactor = reactor
        self._count = count
        self._random = Random(1)
        self._port = self._numbers = self._under_way = 0
        self._heard, self._to_hear, self._heard_at = 0, -1, 0.0
        self._here: dict[int, Member] = {}
        self._called: dict[int, Member] = {}
        self._counts = {"ready": 0, "refused": 0, "evicted": 0}
        self._loops: list[LoopingCall] = []

    # What is commanded.

    def listen(self, called: int) -> None:
        """Be there to be called at so many places; tells them."""
        factory = Factory.forProtocol(self._accepted)
        factory.noisy = False
        hosts = [f"127.0.9.{number}" for number in range(1, called + 1)]
        ports = [TCP4ServerEndpoint(self._reactor, 0, interface=host).listen(factory) for host in hosts]

        def bound(found: list[Any]) -> None:
            tell({"places": [f"{port.getHost().host}:{port.getHost().port}" for port in found]})

        gatherResults(ports).addCallback(bound)

    def connect(self, port: str) -> None:
        """Gather; tells how many seconds it took until all were here."""
        self._port = int(port)
        begun = time.monotonic()
        self._gather(lambda: tell({"seconds": time.monotonic() - begun}))

    def churn(self, rate: str) -> None:
        """From now on some go and others come, so many a second."""
        self._stay()
        for seconds, work in ((1 / float(rate), self._change), (1.0, self._talk), (LIFE, self._hang_up)):
            self._loops.append(LoopingCall(work))
            self._loops[-1].start(seconds, now=False)

    def rest(self) -> None:
        """Nobody goes any more; tells what there was, once as many are here as at first."""
        self._stay()
        self._gather(lambda: tell(self._counts))

    def await_inv(self, count: str) -> None:
        """Tells when the last was told of things, once it happened so often since the beginning."""
        self._to_hear = int(count)
        self._look_if_heard()

    # Those who call.

    def ready(self, member: Member) -> None:
        """One has shaken hands."""
        self._under_way -= 1
        self._counts["ready"] += 1
        self._here[member.number] = member
        self._reactor.callLater(0, member.talk, self._random)

    def gone(self, member: Member) -> None:
        """One has ended, perhaps before it was ready."""
        if self._here.pop(member.number, None) is None:
            self._not_let_in()
        elif not member.leaves:
            self._counts["evicted"] += 1

    def heard(self) -> None:
        """One of them is told of things."""
        self._heard += 1
        self._heard_at = time.monotonic()
        self._look_if_heard()

    def _look_if_heard(self) -> None:
        if self._heard == self._to_hear:
            tell({"ended": self._heard_at})

    def _gather(self, done: Callable[[], None]) -> None:
        def look() -> None:
            if len(self._here) == self._count and not self._under_way:
                loop.stop()
                done()
            for _ in range(min(AT_ONCE - self._under_way, self._missing)):
                self._call()

        loop = LoopingCall(look)
        loop.start(0.01)

    def _stay(self) -> None:
        while self._loops:
            self._loops.pop().stop()

    @property
    def _missing(self) -> int:
        return self._count - len(self._here) - self._under_way

    def _change(self) -> None:
        """Another comes; every second time somebody has made place for him, and else one is evicted."""
        if self._here and self._random.random() < 0.5:
            self._random.choice(list(self._here.values())).leave()
        for _ in range(max(self._missing, 1)):
            self._call()

    def _call(self) -> None:
        self._numbers += 1
        self._under_way += 1
        number = self._numbers
        host = f"127.{1 + (number >> 16)}.{number >> 8 & 255}.{number & 255}"
        endpoint = TCP4ClientEndpoint(self._reactor, "127.0.0.1", self._port, bindAddress=(host, 0))
        connectProtocol(endpoint, Member(number, self)).addErrback(lambda _: self._not_let_in())

    def _not_let_in(self) -> None:
        self._under_way -= 1
        self._counts["refused"] += 1

    def _talk(self) -> None:
        for member in self._random.sample(list(self._here.values()), len(self._here) // TALK):
            member.talk(self._random)

    # Those who are called.

    def met(self, member: Member) -> None:
        """One has shaken hands who was called."""
        self._called[member.number] = member

    def lost(self, member: Member) -> None:
        """One has ended who was called."""
        self._called.pop(member.number, None)

    def _accepted(self) -> Member:
        self._numbers += 1
        return Member(CALLED + self._numbers, self, inbound=True)

    def _hang_up(self) -> None:
        if self._called:
            self._random.choice(list(self._called.values())).leave()


def main(count: str, called: str) -> None:
    """Do what is commanded."""
    from twisted.internet import reactor

    crowd = Crowd(reactor, int(count))
    commands: dict[str, Callable[..., Any]] = {
        "connect": crowd.connect,
        "churn": crowd.churn,
        "rest": crowd.rest,
        "await inv": crowd.await_inv,
    }
    crowd.listen(int(called))
    obey(reactor, commands)


if __name__ == "__main__":
    main(*sys.argv[1:])
