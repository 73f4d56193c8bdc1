"""Tests of what the peers of one node share."""

from __future__ import annotations

import sys
from typing import Any
from unittest import mock

from twisted.internet.address import IPv4Address
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from peerproto import PeerFactory, __version__
from peerproto.errors import ListenerFailed, LocalError
from peerproto.networks.bitcoin import Headers, Inv, VerAck, Version
from peerproto.peer.factory import Nonces
from peerproto.testing import RawPeer, Recorder, memory_factory
from peerproto.wire.codec import Unread
from tests.peer_case import SHORT, PeerTestCase, regtest


class NoncesTests(SynchronousTestCase):
    """What we have said of ourselves lately."""

    def test_most(self) -> None:
        """The oldest over the limit goes."""
        nonces = Nonces(most=2)
        for nonce in (1, 2, 3):
            nonces.add(nonce)
        self.assertEqual([nonce in nonces for nonce in (1, 2, 3)], [False, True, True])

    def test_again(self) -> None:
        """One that is added again is one, and the newest."""
        nonces = Nonces(most=2)
        for nonce in (1, 2, 1, 3):
            nonces.add(nonce)
        self.assertEqual([nonce in nonces for nonce in (1, 2, 3)], [True, False, True])

    def test_none(self) -> None:
        """With a limit of none nothing is remembered."""
        nonces = Nonces(most=0)
        nonces.add(1)
        self.assertNotIn(1, nonces)

    def test_of_the_process(self) -> None:
        """All factories of a process know each other's nonces, unless they are given their own."""
        one, other = PeerFactory(regtest(), clock=Clock()), PeerFactory(regtest(), clock=Clock())
        nonce = one.introduce(None).nonce
        self.assertTrue(other.is_own_nonce(nonce))
        self.assertFalse(memory_factory(regtest()).is_own_nonce(nonce))


class IntroductionTests(SynchronousTestCase):
    """What we say of ourselves."""

    def test_defaults(self) -> None:
        """A library that serves nothing says so."""
        said = PeerFactory(regtest(), clock=Clock(), now=lambda: 12.9).introduce(None)
        self.assertEqual((said.user_agent, said.services), (f"/peerproto:{__version__}/", 0))
        self.assertEqual((said.height, said.relay, said.timestamp), (0, True, 12))
        self.assertEqual((said.protocol_version, said.other), (70016, None))

    def test_options(self) -> None:
        """All of it can be given."""
        factory = memory_factory(
            regtest(), user_agent="/a:1/", services=1033, height=9, relay=False, protocol_version=70002
        )
        said = factory.introduce(IPv4Address("TCP", "192.0.2.9", 1))
        self.assertEqual((said.user_agent, said.services, said.height), ("/a:1/", 1033, 9))
        self.assertEqual((said.relay, said.protocol_version, said.other), (False, 70002, ("192.0.2.9", 1)))

    def test_height_of_the_moment(self) -> None:
        """A height may be a function, which is asked each time."""
        heights = iter((5, 6))
        factory = memory_factory(regtest(), height=lambda: next(heights))
        self.assertEqual([factory.introduce(None).height for _ in range(2)], [5, 6])

    def test_tip(self) -> None:
        """So may the hash of the best block; without one none is told."""
        tips = iter((b"a" * 32, b"b" * 32))
        factory = memory_factory(regtest(), tip=lambda: next(tips))
        self.assertEqual([factory.introduce(None).tip for _ in range(2)], [b"a" * 32, b"b" * 32])
        self.assertEqual(memory_factory(regtest(), tip=b"c" * 32).introduce(None).tip, b"c" * 32)
        self.assertIsNone(memory_factory(regtest()).introduce(None).tip)

    def test_nonce(self) -> None:
        """Nonces come from the source of randomness that is given, 64 bits each, and are never zero."""
        asked: list[int] = []
        factory = memory_factory(regtest(), random=lambda bits: asked.append(bits) or 0)
        self.assertEqual(factory.introduce(None).nonce, 1)
        self.assertEqual(asked, [64])


class OptionsTests(SynchronousTestCase):
    """What cannot stand in a version is refused when the factory is made."""

    def test_user_agent(self) -> None:
        """Row 24: 256 bytes are the most, as UTF-8."""
        for agent in ("x" * 256, "é" * 128):
            memory_factory(regtest(), user_agent=agent)
        for agent in ("x" * 257, "é" * 129, "\ud800" * 100):
            with self.assertRaisesRegex(LocalError, "user_agent has .* bytes, at most 256 allowed"):
                memory_factory(regtest(), user_agent=agent)

    def test_what_does_not_fit(self) -> None:
        """Services of more than 64 bits, versions of more than 32, text that is none."""
        for options in (
            {"services": -1},
            {"services": 1 << 64},
            {"protocol_version": 1 << 31},
            {"user_agent": "\ud800"},
        ):
            with self.assertRaisesRegex(LocalError, "^version: "):
                memory_factory(regtest(), **options)

    def test_network_decides(self) -> None:
        """Version and times are the network's unless given."""
        network = regtest()
        factory = memory_factory(network)
        self.assertEqual(
            (factory.protocol_version, factory.timing), (network.protocol_version, network.timing)
        )
        self.assertIs(memory_factory(network, timing=SHORT).timing, SHORT)


class ClockTests(SynchronousTestCase):
    """By what the timers go."""

    def test_given(self) -> None:
        """The clock that is given stays."""
        clock = Clock()
        factory = PeerFactory(regtest(), clock=clock)
        factory.use_clock(Clock())
        self.assertIs(factory.get_clock(), clock)

    def test_of_the_first_connection(self) -> None:
        """Without one it is the reactor of the first connection."""
        clock, factory = Clock(), PeerFactory(regtest())
        factory.use_clock(clock)
        factory.use_clock(Clock())
        self.assertIs(factory.get_clock(), clock)

    def test_installed(self) -> None:
        """Without any it is the reactor that Twisted has installed."""
        clock = Clock()
        factory = PeerFactory(regtest())
        with (
            mock.patch.dict(sys.modules, {"twisted.internet.reactor": clock}),
            mock.patch("twisted.internet.reactor", clock, create=True),
        ):
            self.assertIs(factory.get_clock(), clock)


class PeersTests(PeerTestCase):
    """Which peers there are."""

    def test_connected(self) -> None:
        """A factory has the peers that have a connection: not before, not after."""
        factory = memory_factory(regtest(), Recorder(), clock=self.clock)
        outbound, inbound = factory.buildProtocol(None), factory.inbound().buildProtocol(None)
        self.assertEqual(factory.peers, {})
        self.assertEqual((outbound.inbound, inbound.inbound), (False, True))
        raws = [RawPeer(factory), RawPeer(factory, inbound=True)]
        self.assertEqual(factory.peers, {raw.peer.id: raw.peer for raw in raws})
        raws[0].close()
        self.assertEqual(list(factory.peers.values()), [raws[1].peer])
        raws[1].close()
        self.assertEqual(factory.peers, {})
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_ids(self) -> None:
        """Each peer of the process has a number of its own."""
        factories = [memory_factory(regtest()) for _ in range(2)]
        ids = [factory.build(inbound=False).id for factory in factories * 2]
        self.assertEqual(len(set(ids)), 4)

    def test_handlers(self) -> None:
        """Who made the factory may set who hears what of a ready peer."""
        raw = self.raw()
        heard: list[Any] = []
        raw.peer.factory.handlers[Headers] = lambda peer, message: heard.append(message)
        raw.handshake()
        raw.send(Headers([]), Inv([]))
        self.assertEqual(heard, [Headers([])])
        self.assertEqual(self.heard(raw).names[-1], "on_inv")

    def test_early_and_late(self) -> None:
        """The handshake's messages are heard in it, and not again if they are passed over later."""
        factory = self.raw().peer.factory
        self.assertLessEqual({Version, VerAck, Inv}, set(factory.early_handlers))
        self.assertFalse({Version, VerAck} & set(factory.handlers))
        self.assertIn(Unread, factory.handlers)

    def test_height_fails(self) -> None:
        """btcd's own test: if our own height cannot be told, the handshake fails and the peer is ended."""

        def fail() -> int:
            raise OSError("the store is gone")

        for inbound in (False, True):
            raw = self.raw(inbound=inbound, height=fail)
            if inbound:
                raw.send(raw.version())
            self.assertIsInstance(self.why(raw), ListenerFailed)
            self.assertEqual(raw.read(), [])
            (failure,) = self.flushLoggedErrors(OSError)
            self.assertEqual(failure.getErrorMessage(), "the store is gone")
