"""Tests of whom a peer refuses in the handshake: who offers too little, speaks too old, is here already, or is not
liked; and of what becomes of a handshake that our own side cannot make.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from twisted.internet.address import IPv4Address
from twisted.internet.task import deferLater
from twisted.logger import formatEvent, globalLogPublisher

from peerproto import networks
from peerproto.errors import (
    DuplicateConnection,
    ListenerFailed,
    LocalError,
    MalformedMessage,
    PeerError,
    Reason,
    Refused,
    VersionTooOld,
)
from peerproto.network import Network
from peerproto.networks.bitcoin import Reject
from peerproto.peer.factory import Nonces
from peerproto.peer.handshake import State, host_of
from peerproto.peer.logs import set_log_level
from peerproto.testing import RawPeer, Recorder, memory_factory
from tests.peer_case import PeerTestCase, regtest
from tests.test_peer_logs import keep_levels

TOLD = {
    "bitcoin-regtest": ("btcd",),
    "decred-simnet": ("dcrd1",),
    "soter-simnet": ("soterd",),
}
"""Where who is refused is told so, by network and policy."""

SILENT = {
    "bitcoin-regtest": ("core",),
    "decred-simnet": ("dcrd",),
    "kaspa-simnet": ("kaspad",),
    "neo-privnet": ("neo-cli",),
}
"""Where nothing is said."""


def told_in(ways: dict[str, tuple[str, ...]]) -> list[Network]:
    """The networks of a table above."""
    return [networks.named(name, policy) for name, policies in ways.items() for policy in policies]


class RefusingCase(PeerTestCase):
    """Peers of any network."""

    def other(self, network: Network, *, inbound: bool = False, **options: Any) -> RawPeer:
        """The other side of a new peer of a network."""
        options = {"clock": self.clock, "listener": Recorder(), **options}
        raw = RawPeer(memory_factory(network, **options), inbound=inbound)
        self._raws.append(raw)
        return raw

    def refused(self, raw: RawPeer, kind: type[PeerError], reason: Reason) -> list[Any]:
        """The peer must have ended so; returns the rejects that it has told."""
        error = self.why(raw)
        self.assertIs(type(error), kind)
        self.assertEqual(error.reason, reason)
        return [message for message in raw.read() if message.command == "reject"]


class ServicesTests(RefusingCase):
    """Row 22: services wanted of those that we call."""

    def test_row_22_missing(self) -> None:
        """Who was called and does not offer all is ended; where rejects are sent he is told what is missing."""
        for network in told_in(TOLD) + told_in(SILENT):
            raw = self.other(network, services_wanted=1 | 1 << 40)
            raw.read()
            raw.send(raw.version(services=1))
            rejects = self.refused(raw, Refused, Reason.SERVICES)
            text = "required services 0x10000000000 not offered: bit 40"
            self.assertEqual(str(raw.peer.ending), text)
            said = [(reject.cmd, reject.code, reject.reason) for reject in rejects]
            self.assertEqual(said, [("version", 0x40, text)] if network in told_in(TOLD) else [])

    def test_names(self) -> None:
        """What is missing is told by name."""
        raw = self.raw(services_wanted=9)
        raw.send(raw.version(services=0))
        self.assertEqual(str(self.why(raw)), "required services 0x9 not offered: NETWORK, WITNESS")

    def test_enough(self) -> None:
        """Who offers them, or more, is welcome."""
        for services in (9, 13):
            raw = self.ready(services_wanted=9, says={"services": services})
            self.assertIs(raw.peer.state, State.READY)

    def test_who_calls(self) -> None:
        """Nothing is wanted of those that call us."""
        raw = self.ready(inbound=True, services_wanted=9, says={"services": 0})
        self.assertIs(raw.peer.state, State.READY)

    def test_before_the_version(self) -> None:
        """An old peer without them hears no reject, which it would not know."""
        raw = self.raw(services_wanted=9)
        raw.send(raw.version(services=0, protocol_version=70001))
        self.assertEqual(self.refused(raw, Refused, Reason.SERVICES), [])


class LeastVersionTests(RefusingCase):
    """Row 21: the lowest protocol version that is accepted."""

    def test_raised(self) -> None:
        """A node may ask for more than its network does; just enough is enough."""
        for inbound in (False, True):
            raw = self.raw(inbound=inbound, least_protocol_version=70012)
            raw.send(raw.version(protocol_version=70011))
            (reject,) = self.refused(raw, VersionTooOld, Reason.OBSOLETE)
            self.assertEqual((reject.code, reject.reason), (0x11, str(raw.peer.ending)))
            self.assertEqual(str(raw.peer.ending), "protocol version 70011, 70012 or greater is asked")
            raw = self.ready(inbound=inbound, least_protocol_version=70012, says={"protocol_version": 70012})
            self.assertIs(raw.peer.state, State.READY)

    def test_words(self) -> None:
        """dcrd's words name what is asked for, by whomever."""
        raw = self.other(networks.named("decred-simnet", "dcrd1"), least_protocol_version=6)
        raw.send(raw.version(protocol_version=5))
        (reject,) = self.refused(raw, VersionTooOld, Reason.OBSOLETE)
        self.assertEqual((reject.code, reject.reason), (0x11, "protocol version must be 6 or greater"))

    def test_each_network(self) -> None:
        """One below each network's own least is refused, its least is not."""
        for network in (*told_in(TOLD), *told_in(SILENT)):
            least = network.least_protocol_version
            if least > 0:
                raw = self.other(network)
                raw.send(raw.version(protocol_version=least - 1))
                self.refused(raw, VersionTooOld, Reason.OBSOLETE)
            raw = self.other(network)
            raw.handshake(protocol_version=least)
            self.assertIs(raw.peer.state, State.READY)

    def test_wrong(self) -> None:
        """It cannot be below the network's own, nor above what we speak."""
        for least in (208, 70017):
            with self.assertRaisesRegex(
                LocalError, f"^least_protocol_version {least}, 209 to 70016 are allowed$"
            ):
                memory_factory(regtest(), least_protocol_version=least)
        with self.assertRaisesRegex(LocalError, "209 to 70002"):
            memory_factory(regtest(), least_protocol_version=70012, protocol_version=70002)


class DuplicateTests(RefusingCase):
    """Row 20: the same nonce as another live peer."""

    neo = networks.named("neo-privnet")

    def connected(self, factory: Any, host: str, nonce: int) -> RawPeer:
        """A peer that calls from a host and has said its version."""
        raw = RawPeer(factory, inbound=True)
        raw.peer.handshake._other = IPv4Address("TCP", host, 5)
        self._raws.append(raw)
        raw.handshake(nonce=nonce)
        return raw

    def test_row_20_neo(self) -> None:
        """The younger one from the same host is ended, silently; the elder stays, and others are welcome."""
        factory = memory_factory(self.neo, clock=self.clock)
        elder = self.connected(factory, "192.0.2.7", 9)
        younger = self.connected(factory, "192.0.2.7", 9)
        self.assertEqual(self.refused(younger, DuplicateConnection, Reason.DUPLICATE), [])
        for host, nonce in (("192.0.2.8", 9), ("192.0.2.7", 10)):
            self.assertIs(self.connected(factory, host, nonce).peer.state, State.READY)
        self.assertIs(elder.peer.state, State.READY)

    def test_other_factories(self) -> None:
        """All factories of a process that share their nonces know each other's peers, of the same network."""
        nonces = Nonces()
        one = memory_factory(self.neo, clock=self.clock, nonces=nonces)
        other = memory_factory(self.neo, clock=self.clock, nonces=nonces)
        elsewhere = memory_factory(networks.named("neo-testnet"), clock=self.clock, nonces=nonces)
        self.connected(one, "192.0.2.7", 9)
        self.refused(self.connected(other, "192.0.2.7", 9), DuplicateConnection, Reason.DUPLICATE)
        self.assertIs(self.connected(elsewhere, "192.0.2.7", 9).peer.state, State.READY)

    def test_again(self) -> None:
        """Who has ended may come again, though its connection is not closed yet; so may a duplicate."""
        factory = memory_factory(self.neo, clock=self.clock)
        first = self.connected(factory, "192.0.2.7", 9)
        second = self.connected(factory, "192.0.2.7", 9)
        first.peer.disconnect()
        third = self.connected(factory, "192.0.2.7", 9)
        self.assertEqual([raw.hung_up for raw in (first, second, third)], [True, True, False])
        third.close()
        self.assertFalse(self.connected(factory, "192.0.2.7", 9).hung_up)

    def test_other_networks(self) -> None:
        """Elsewhere it is no matter, unless the node asks for it."""
        for network in (*told_in(TOLD), *told_in(SILENT)):
            if network.name == self.neo.name:
                continue
            factory = memory_factory(network, clock=self.clock)
            self.connected(factory, "192.0.2.7", 9)
            self.assertFalse(self.connected(factory, "192.0.2.7", 9).hung_up)
            factory = memory_factory(network, clock=self.clock, one_per_nonce=True)
            self.connected(factory, "192.0.2.7", 9)
            raw = self.connected(factory, "192.0.2.7", 9)
            self.assertEqual(self.refused(raw, DuplicateConnection, Reason.DUPLICATE), [])

    def test_neo_may_allow(self) -> None:
        """A node of NEO's may let them in."""
        factory = memory_factory(self.neo, clock=self.clock, one_per_nonce=False)
        for _ in range(2):
            self.assertFalse(self.connected(factory, "192.0.2.7", 9).hung_up)

    def test_hosts(self) -> None:
        """A host is told by its address without the port; what is no IP address by what it shows."""
        self.assertEqual(host_of(IPv4Address("TCP", "192.0.2.7", 5)), "192.0.2.7")
        self.assertEqual(host_of("pipe"), "pipe")


class OnVersionTests(RefusingCase):
    """A listener that refuses."""

    def test_refused(self) -> None:
        """Raising Refused in on_version ends the peer; it is told by a reject where the network has them."""
        for network in (*told_in(TOLD), *told_in(SILENT)):
            for inbound in (False, True):
                raw = self.other(
                    network, inbound=inbound, listener=Recorder({"on_version": refuse("not\nyou")})
                )
                raw.send(raw.version())
                said = raw.read()
                error = self.why(raw)
                self.assertEqual((type(error), error.reason), (Refused, Reason.REFUSED_BY_LISTENER))
                rejects = [message for message in said if message.command == "reject"]
                words = [(reject.cmd, reject.code, reject.reason) for reject in rejects]
                self.assertEqual(
                    words, [("version", 0x40, "not\\nyou")] if network in told_in(TOLD) else [], network.name
                )
                self.assertNotIn("verack", [message.command for message in said])

    def test_any_error(self) -> None:
        """Any PeerError does, with its own reason; what has no words is not told."""
        raw = self.raw(listener=Recorder({"on_version": self.misbehaves}))
        raw.read()
        raw.send(raw.version())
        self.assertEqual(self.why(raw).reason, Reason.MALFORMED)
        self.assertEqual(raw.read(), [])

    def misbehaves(self, *_: Any) -> None:
        """Find a version wrong."""
        raise MalformedMessage("I do not read that")

    def test_later(self) -> None:
        """A coroutine may refuse as well; the handshake goes on meanwhile, and then ends with a reject."""
        clock: Any = self.clock

        async def think(*_: Any) -> None:
            await deferLater(clock, 2)
            raise Refused("on second thoughts")

        class Listener:
            on_version = staticmethod(think)

        raw = self.raw(listener=Listener())
        raw.send(raw.version())
        self.assertFalse(raw.hung_up)
        raw.read()
        self.clock.advance(2)
        self.assertEqual(self.why(raw).reason, Reason.REFUSED_BY_LISTENER)
        self.assertEqual(raw.read(), [Reject("version", 0x40, "on second thoughts")])

    def test_unwritable_words(self) -> None:
        """Words that no message can hold are told escaped, and not beyond 250 characters."""
        raw = self.raw(listener=Recorder({"on_version": refuse("\udcff" + "x" * 300)}))
        raw.send(raw.version())
        (reject,) = (message for message in raw.read() if isinstance(message, Reject))
        self.assertEqual(reject.reason, "\\udcff" + "x" * 244)


def refuse(text: str) -> Callable[..., None]:
    """A listener's method that refuses whomever it hears of."""

    def method(*_: Any) -> None:
        raise Refused(text)

    return method


class OurOwnFaultTests(RefusingCase):
    """What our version is made of may not be had."""

    def test_fails(self) -> None:
        """If a function fails that our version needs, the handshake ends and the log says why; nothing is sent."""
        for option in ("height", "tip"):
            for inbound in (False, True):
                raw = self.raw(inbound=inbound, **{option: self.fails})
                if inbound:
                    raw.send(raw.version())
                self.assertIsInstance(self.why(raw), ListenerFailed)
                self.assertEqual(self.why(raw).reason, Reason.LOCAL_ERROR)
                self.assertEqual(raw.read(), [])
                self.assertEqual(len(self.flushLoggedErrors(ZeroDivisionError)), 1)
                raw.close()
                self.failureResultOf(raw.peer.when_ready(), ListenerFailed)

    def fails(self) -> Any:
        """No height, no tip."""
        return 1 // 0

    def test_nonsense(self) -> None:
        """So does what cannot stand in a version."""
        raw = self.raw(height=lambda: "high")
        self.assertEqual(self.why(raw).reason, Reason.LOCAL_ERROR)
        self.assertEqual(len(self.flushLoggedErrors(LocalError)), 1)

    def test_nothing_is_held_against_them(self) -> None:
        """It is not the peer's fault."""
        raw = self.raw(inbound=True, height=self.fails)
        raw.send(raw.version())
        self.flushLoggedErrors(ZeroDivisionError)
        self.assertEqual(raw.peer.score, 0)


class StateLogTests(RefusingCase):
    """The state in the log."""

    def test_by_name(self) -> None:
        """Who wants to sees each state by its name."""
        keep_levels(self)
        set_log_level("peerproto.peer.inbox", "debug")
        lines: list[str] = []

        def observe(event: Any) -> None:
            lines.append(formatEvent(event))

        globalLogPublisher.addObserver(observe)
        self.addCleanup(globalLogPublisher.removeObserver, observe)
        self.ready()
        where = "192.0.2.2:8333 (outbound) is"
        self.assertEqual(
            lines[:3], [f"{where} awaiting version", f"{where} awaiting verack", f"{where} ready"]
        )
