"""Tests of messages that are only for those who offer bloom filters, on each network that has such a rule."""

from __future__ import annotations

from typing import Any

from peerproto import networks
from peerproto.errors import Reason, Unoffered
from peerproto.network import Network
from peerproto.networks.bitcoin import MemPool
from peerproto.peer.bloom import watched
from peerproto.testing import RawPeer, Recorder, memory_factory
from peerproto.wire.message import Message
from tests import bitcoin_vectors, kaspa_vectors, soter_vectors
from tests.peer_case import PeerTestCase, regtest

WAYS = (
    ("bitcoin-regtest", "btcd", bitcoin_vectors),
    ("litecoin-regtest", "btcd", bitcoin_vectors),
    ("bitcoin-regtest", "core", bitcoin_vectors),
    ("soter-simnet", "soterd", soter_vectors),
    ("kaspa-simnet", "kaspad", kaspa_vectors),
)
BLOOM = 1 << 2


def payload_of(vectors: Any, command: str) -> bytes:
    """What a reference has written after the header of such a message."""
    entries = (
        entry
        for entry in vectors.golden()
        if entry["command"] == command and entry["pver"] in (1, 70013, 70016)
    )
    entry = next(entries)
    return bytes.fromhex(entry["payload"]) if "payload" in entry else bytes(vectors.frame_of(entry)[24:])


class BloomCase(PeerTestCase):
    """Peers of each network that has the rule."""

    def peer(
        self, network: Network, *, services: int = 0, theirs: int = 1, pver: int | None = None
    ) -> RawPeer:
        """A ready peer: what we offer, what they offer, and the protocol version that they speak."""
        raw = RawPeer(memory_factory(network, Recorder(), clock=self.clock, services=services))
        self._raws.append(raw)
        raw.handshake(services=theirs, protocol_version=pver or network.protocol_version)
        return raw

    def says(self, raw: RawPeer, kind: type[Message], vectors: Any) -> bool:
        """The other side sends such a message, and a ping; whether the listener heard of the message."""
        network = raw.peer.network
        command = str(kind.command)
        frame = network.envelope.wrap(network.envelope.command(command), payload_of(vectors, command))
        raw.send(frame, network.make_ping(5, raw.peer.factory))
        return f"on_{command}" in self.heard(raw).names

    def each(self) -> Any:
        """Network, rule, kind of message, whether it is a question to us, and where to take one from."""
        for name, policy, vectors in WAYS:
            network = networks.named(name, policy)
            rule = network.bloom
            assert rule is not None
            for kind in rule.asking | rule.bringing:
                yield network, rule, kind, kind in rule.asking, vectors


class RuleTests(BloomCase):
    """Ended, not heard, or heard."""

    def test_ended(self) -> None:
        """From the version on that knows the bit, who uses what nobody offers is ended, unheard and untold."""
        for network, rule, kind, asks, vectors in self.each():
            offers = (0, BLOOM | 1) if asks else (BLOOM, 1)
            raw = self.peer(network, services=offers[0], theirs=offers[1], pver=rule.since)
            self.assertFalse(self.says(raw, kind, vectors), (network.name, kind))
            error = self.why(raw)
            self.assertIsInstance(error, Unoffered)
            self.assertEqual(
                (str(error), error.reason),
                (f"{kind.command}, though nobody has offered bloom filters", Reason.MISBEHAVING),
            )
            self.assertEqual([each.command for each in raw.read() if each.command == "reject"], [])
            self.assertEqual(raw.peer.score, 100)

    def test_offered(self) -> None:
        """A question to who offers, or an answer from who does, is heard, at every version."""
        for network, rule, kind, asks, vectors in self.each():
            offers = (BLOOM, 1) if asks else (0, BLOOM | 1)
            for pver in (None, rule.since, max(rule.since - 1, kind.since)):
                raw = self.peer(network, services=offers[0], theirs=offers[1], pver=pver)
                self.assertTrue(self.says(raw, kind, vectors), (network.name, kind))
                self.assertFalse(raw.hung_up)

    def test_old_versions(self) -> None:
        """Before that version it is not heard, and the conversation goes on."""
        seen = 0
        for network, rule, kind, asks, vectors in self.each():
            if not rule.since:
                continue
            offers = (0, BLOOM | 1) if asks else (BLOOM, 1)
            raw = self.peer(network, services=offers[0], theirs=offers[1], pver=rule.since - 1)
            raw.read()
            self.assertFalse(self.says(raw, kind, vectors), (network.name, kind))
            self.assertEqual([each.command for each in raw.read()], ["pong"])
            self.assertFalse(raw.hung_up)
            self.assertEqual(raw.peer.score, 0)
            self.assertEqual(raw.peer.snapshot().received[str(kind.command)]["messages"], 1)
            seen += 1
        self.assertEqual(seen, 15)

    def test_no_rule(self) -> None:
        """Decred has no filters, and its mempool is free; NEO's nodes offer nothing and take all."""
        for name, commands in (("decred-simnet", ["mempool"]), ("neo-privnet", ["filterclear", "mempool"])):
            network = networks.named(name)
            for command in commands:
                raw = self.peer(network)
                raw.send(network.envelope.wrap(network.envelope.command(command), b""))
                self.assertEqual(self.heard(raw).names[-1], f"on_{command}")
            self.assertEqual(watched(network, 0), frozenset())

    def test_duties(self) -> None:
        """Who offers filters has nothing to look at but answers; by the time of a message no service is looked up."""
        network = regtest()
        rule = network.bloom
        assert rule is not None
        self.assertEqual(watched(network, BLOOM), rule.bringing)
        self.assertEqual(watched(network, ~BLOOM), rule.asking | rule.bringing)

    def test_all_else(self) -> None:
        """Old peers are heard in all else."""
        raw = self.ready(says={"protocol_version": 70010})
        raw.send(raw.peer.network.make_ping(5, raw.peer.factory), MemPool())
        self.assertEqual(self.heard(raw).names[-1], "on_ping")
