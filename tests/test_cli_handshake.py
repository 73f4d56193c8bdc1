"""Tests of `peerproto handshake`, against peers on loopback."""

from __future__ import annotations

import io
import json
import sys
from argparse import Namespace
from collections.abc import Callable
from typing import Any
from unittest.mock import Mock, patch

from twisted.internet.defer import Deferred, inlineCallbacks
from twisted.internet.interfaces import IListeningPort
from twisted.internet.protocol import Factory, Protocol
from twisted.internet.task import LoopingCall
from twisted.internet.threads import deferToThread
from twisted.trial.unittest import TestCase

from peerproto import networks
from peerproto.cli import handshake, parse
from peerproto.cli.handshake import shake_hands, table
from peerproto.errors import LocalError, PeerError
from peerproto.networks.bitcoin import Ping, VerAck, Version
from peerproto.peer.factory import Nonces, PeerFactory
from tests.commands import python, run

NETWORK = networks.named("litecoin-regtest")
CODEC = NETWORK.codec()
AGENT = "/evil\x1b[31m:1/\u202e"


class Talker(Protocol):
    """A peer that does what its test says when it is called, and when it is spoken to."""

    def __init__(self, first: Callable[[Any], object], then: Callable[[Any, bytes], object]) -> None:
        self.first = first
        self.then = then

    def connectionMade(self) -> None:
        self.first(self.transport)

    def dataReceived(self, data: bytes) -> None:
        self.then(self.transport, data)


def nothing(*_: object) -> None:
    """Do nothing."""


def version(**changed: Any) -> bytes:
    """The frame of a version."""
    factory = PeerFactory(NETWORK, user_agent=AGENT, nonces=Nonces())
    message: Any = NETWORK.make_version(factory.introduce(None))
    for name, value in changed.items():
        setattr(message, name, value)
    return CODEC.encode(message)


class Case(TestCase):
    """A port on loopback."""

    timeout = 30

    def setUp(self) -> None:
        from twisted.internet import reactor

        self.reactor: Any = reactor

    def listen(self, factory: Any) -> str:
        port: IListeningPort = self.reactor.listenTCP(0, factory, interface="127.0.0.1")
        self.addCleanup(port.stopListening)
        return f"127.0.0.1:{port.getHost().port}"  # type: ignore[union-attr]

    def talk(
        self, first: Callable[[Any], object] = nothing, then: Callable[[Any, bytes], object] = nothing
    ) -> str:
        """Where a talker listens; what is left of its connections is cut at the end."""

        def build() -> Talker:
            talker = Talker(first, then)
            self.addCleanup(lambda: talker.transport.abortConnection())  # noqa: PLW0108  # there is none as yet
            return talker

        return self.listen(Factory.forProtocol(build))  # type: ignore[arg-type]

    def shake(self, where: str, *more: str) -> Deferred[dict[str, Any]]:
        options: Namespace = parse(["handshake", where, "--network", NETWORK.name, *more])
        return Deferred.fromCoroutine(shake_hands(self.reactor, options))

    @inlineCallbacks
    def fails(self, where: str, reason: str, text: str, *more: str) -> Any:
        """The handshake fails for this reason, in one line of these words."""
        error = yield self.assertFailure(self.shake(where, "--timeout", "5", *more), PeerError)
        self.assertEqual(error.reason, reason, str(error))
        self.assertIn(text, str(error))
        self.assertNotIn("\n", str(error))


class ShakeHandsTests(Case):
    """A peer that answers."""

    def node(self, **settings: Any) -> str:
        return self.listen(
            PeerFactory(NETWORK, user_agent=AGENT, height=431, nonces=Nonces(), **settings).inbound()
        )

    @inlineCallbacks
    def test_answer(self) -> Any:
        """What the other side is comes out, and all is closed behind it."""
        where = self.node(services=0x409, now=lambda: 1_000_000_000.0)
        found = yield self.shake(where)
        ping, offset = found.pop("ping"), found.pop("time_offset")
        self.assertTrue(0 < ping < 5000)
        self.assertLess(offset, -100_000_000)
        self.assertEqual(
            found,
            {
                "address": where,
                "network": "litecoin-regtest",
                "agent": AGENT,
                "services": ["NETWORK", "WITNESS", "NETWORK_LIMITED"],
                "service_bits": 0x409,
                "version": 70016,
                "negotiated": 70016,
                "height": 431,
                "relay": True,
            },
        )

    @inlineCallbacks
    def test_table(self) -> Any:
        """For people, a line each; the peer's text is escaped."""
        found = yield self.shake(self.node())
        lines = dict(
            line.split(None, 1) for line in table(found).replace("time offset", "offset").splitlines()
        )
        self.assertEqual(lines["agent"], "/evil\\x1b[31m:1/\\u202e")
        self.assertEqual(lines["services"], "none (0x0)")
        self.assertEqual(lines["version"], "70016, spoken: 70016")
        self.assertRegex(lines["offset"], r"^[+-]\d s$")
        self.assertRegex(lines["ping"], r"^\d+\.\d{3} ms$")

    @inlineCallbacks
    def test_old_version(self) -> Any:
        """A version without pongs is spoken when it is asked for; then there is no ping."""
        found = yield self.shake(self.node(), "--pver", "60000")
        self.assertEqual((found["version"], found["negotiated"], found["ping"]), (70016, 60000, None))
        self.assertRegex(table(found), "ping +not asked")

    @inlineCallbacks
    def test_no_ping(self) -> Any:
        """Where not every node answers a ping none is sent."""
        neo = networks.named("neo-privnet")
        where = self.listen(PeerFactory(neo, height=9, nonces=Nonces()).inbound())
        found = yield self.shake(where, "--network", neo.name)
        self.assertEqual((found["network"], found["height"], found["ping"]), (neo.name, 9, None))

    @inlineCallbacks
    def test_endpoint(self) -> Any:
        """A peer may be given as an endpoint string."""
        host, port = self.node().split(":")
        found = yield self.shake(f"tcp:{host}:{port}")
        self.assertEqual(found["height"], 431)


class FailureTests(Case):
    """A peer that does not: one line with its reason, no time lost, nothing left behind."""

    def test_closed_port(self) -> Any:
        """Nothing listens there."""
        port = self.reactor.listenTCP(0, Factory(), interface="127.0.0.1")
        where = f"127.0.0.1:{port.getHost().port}"
        stopped = port.stopListening()
        return stopped.addCallback(lambda _: self.fails(where, "connection-refused", f"{where}: refused"))

    def test_no_place(self) -> Any:
        """What is no place at all is the caller's mistake."""
        return self.assertFailure(self.shake("host:port"), LocalError)

    def test_other_magic(self) -> Any:
        """A peer of another network that speaks first."""
        foreign = networks.named("litecoin-mainnet").codec().encode(VerAck())
        return self.fails(self.talk(lambda they: they.write(foreign)), "wrong-network", "another network's")

    def test_other_network(self) -> Any:
        """A peer of another network that closes when it is spoken to."""
        where = self.listen(PeerFactory(networks.named("litecoin-mainnet")).inbound())
        return self.fails(
            where,
            "closed-by-peer",
            "while awaiting version; a node that speaks another network or version does that",
        )

    def test_http(self) -> Any:
        """A web server."""
        answer = b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n"
        where = self.talk(then=lambda they, _: they.write(answer))
        return self.fails(where, "oversize", "does it speak another protocol?")

    def test_silent(self) -> Any:
        """A peer that says nothing."""
        return self.fails(
            self.talk(), "handshake-timeout", "still awaiting version after 0.1 seconds", "--timeout", "0.1"
        )

    def test_no_verack(self) -> Any:
        """A peer that says half of what it should."""
        where = self.talk(lambda they: they.write(version()))
        return self.fails(where, "handshake-timeout", "still awaiting verack after 0.5", "--timeout", "0.5")

    def test_slow(self) -> Any:
        """A peer that sends byte for byte prolongs nothing."""

        def begin(they: Any) -> None:
            rest = iter(version())
            dripping = LoopingCall(lambda: they.write(bytes([next(rest)])))
            dripping.start(0.01)
            self.addCleanup(dripping.stop)

        where = self.talk(begin)
        return self.fails(where, "handshake-timeout", "after 0.2 seconds", "--timeout", "0.2")

    def test_no_pong(self) -> Any:
        """A peer that shakes hands and then says nothing."""
        where = self.talk(lambda they: they.write(version() + CODEC.encode(VerAck())))
        return self.fails(
            where, "stalled", "it shook hands, but the ping was not answered", "--timeout", "0.5"
        )

    def test_closes_at_once(self) -> Any:
        """A peer that hangs up."""
        return self.fails(self.talk(lambda they: they.loseConnection()), "closed-by-peer", "awaiting version")

    def test_closes_in_the_middle(self) -> Any:
        """A peer that closes in the middle of a message."""

        def half(they: Any) -> None:
            they.write(version()[:50])
            they.loseConnection()

        return self.fails(self.talk(half), "eof-in-message", "in the middle of a message")

    def test_closes_later(self) -> Any:
        """A peer that closes once it has introduced itself is not taken for one of another network."""

        def leave(they: Any, _: bytes) -> None:
            they.write(version())
            they.loseConnection()

        failing = self.assertFailure(self.shake(self.talk(then=leave)), PeerError)
        return failing.addCallback(lambda error: self.assertNotIn("does that", str(error)))

    def test_resets(self) -> Any:
        """A peer that cuts the connection."""
        return self.fails(self.talk(then=lambda they, _: they.abortConnection()), "reset", "awaiting version")

    def test_self(self) -> Any:
        """An echo is ourselves."""
        return self.fails(self.talk(then=lambda they, data: they.write(data)), "self", "our own nonce")

    def test_obsolete(self) -> Any:
        """A peer that is too old."""
        return self.fails(
            self.talk(lambda they: they.write(version(protocol_version=208))), "obsolete", "208"
        )

    def test_something_else_first(self) -> Any:
        """A peer that does not begin with its version."""
        where = self.talk(lambda they: they.write(CODEC.encode(Ping(1))))
        return self.fails(where, "unexpected-message", "ping while awaiting version")

    def test_malformed(self) -> Any:
        """A peer whose version is none."""
        frame = NETWORK.envelope.wrap(NETWORK.envelope.command(Version.command), b"123")
        return self.fails(self.talk(lambda they: they.write(frame)), "malformed", "version: ends inside")

    def test_nobody_answers(self) -> Any:
        """An endpoint with more patience than ours is not waited for."""
        never: Deferred[Any] = Deferred()
        with patch("peerproto.peer.connecting.clientFromString", return_value=Mock(connect=lambda _: never)):
            return self.fails(
                "tor:far.onion:1", "connect-timeout", "timed out after 0.1 s", "--timeout", "0.1"
            )


class RunTests(Case):
    """From options to what is printed, in the reactor that runs already."""

    @inlineCallbacks
    def printed(self, *options: str) -> Any:
        where = self.listen(PeerFactory(NETWORK, nonces=Nonces()).inbound())
        with patch("peerproto.cli.running.run_reactor", return_value=7) as run_reactor:
            code = handshake.run(parse(["handshake", where, "--network", NETWORK.name, *options]))
        (name, work), more = run_reactor.call_args
        self.assertEqual((code, name, more), (7, "peerproto handshake", {"as_json": "--json" in options}))
        out = io.StringIO()
        with patch.object(sys, "stdout", out):
            code = yield Deferred.fromCoroutine(work(self.reactor))
        self.assertEqual(code, 0)
        return out.getvalue()

    @inlineCallbacks
    def test_table(self) -> Any:
        """A table."""
        text = yield self.printed()
        self.assertTrue(text.startswith("address      127.0.0.1:"))

    @inlineCallbacks
    def test_json(self) -> Any:
        """One JSON object."""
        text = yield self.printed("--json")
        self.assertEqual(json.loads(text)["network"], NETWORK.name)


class ProcessTests(Case):
    """The command as a process: what a user sees."""

    def command(self, *arguments: str) -> Any:
        return deferToThread(python, "-m", "peerproto", "handshake", *arguments, "--network", NETWORK.name)

    @inlineCallbacks
    def test_answer(self) -> Any:
        """A table, or JSON; exit code 0."""
        where = self.listen(PeerFactory(NETWORK, height=7).inbound())
        ran = yield self.command(where)
        self.assertEqual((ran.returncode, ran.stderr), (0, ""))
        self.assertIn("height       7\n", ran.stdout)
        ran = yield self.command(where, "--json")
        self.assertEqual((ran.returncode, ran.stderr, json.loads(ran.stdout)["height"]), (0, "", 7))

    @inlineCallbacks
    def test_failure(self) -> Any:
        """One line on standard error, or JSON on standard output; exit code 1."""
        where = self.talk(lambda they: they.loseConnection())
        text = "closed by the peer while awaiting version; a node that speaks another network or version does that"
        ran = yield self.command(where)
        self.assertEqual(
            (ran.returncode, ran.stdout, ran.stderr),
            (1, "", f"peerproto handshake: closed-by-peer: {text}\n"),
        )
        ran = yield self.command(where, "--json")
        self.assertEqual((ran.returncode, ran.stderr), (1, ""))
        self.assertEqual(json.loads(ran.stdout), {"error": "closed-by-peer", "reason": text})

    @inlineCallbacks
    def test_mistake(self) -> Any:
        """A place that is none: one line, exit code 2."""
        ran = yield self.command("host:port")
        self.assertEqual((ran.returncode, ran.stdout, ran.stderr.count("\n")), (2, "", 1))
        self.assertIn("peerproto handshake: 'host:port' is no HOST:PORT", ran.stderr)

    def test_proxy(self) -> None:
        """A proxy that is none is one line, and shows no password."""
        ran = run(["handshake", "host", "--network", NETWORK.name, "--proxy", "me:hush@host"])
        line = "peerproto handshake: --proxy: the proxy is no socks5://[USER:PASSWORD@]HOST[:PORT]: "
        self.assertEqual((ran.code, ran.err.count("\n"), ran.err[: len(line)]), (2, 1, line))
        self.assertNotIn("hush", ran.err)
