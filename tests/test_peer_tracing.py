"""Tests of messages in the log: one line each, or all of them; and nothing that it costs while it is off."""

from __future__ import annotations

from typing import Any

from twisted.logger import formatEvent, globalLogPublisher
from twisted.trial.unittest import SynchronousTestCase

from peerproto.errors import LocalError, Reason
from peerproto.networks.bitcoin import Addr, Inv, InvVect, Ping, Tx, TxIn, TxOut
from peerproto.networks.bitcoin.records import OutPoint
from peerproto.peer import logs
from peerproto.peer.logs import MESSAGES, TRACE, set_log_level
from peerproto.peer.tracing import MOST, fields, hexdump, to_look_at
from peerproto.testing import RawPeer, Recorder
from tests.peer_case import HASHES, PeerTestCase, regtest, unknown_frame

PEER = "192.0.2.2:8333 (outbound)"


class TracedCase(PeerTestCase):
    """A log that is looked at, and levels of the test's own."""

    def setUp(self) -> None:
        super().setUp()
        self.patch(logs, "_levels", logs.default_levels())
        self.events: list[dict[str, Any]] = []
        globalLogPublisher.addObserver(self.events.append)
        self.addCleanup(globalLogPublisher.removeObserver, self.events.append)

    def said(self, namespace: str) -> list[str]:
        """What went into the log in a namespace since the last time."""
        found = [formatEvent(event) for event in self.events if event["log_namespace"] == namespace]
        self.events.clear()
        return found

    def traced(self, namespace: str, **options: Any) -> RawPeer:
        """A ready peer, made when a namespace was at level debug."""
        set_log_level(namespace, "debug")
        raw = self.ready(**options)
        return raw


class OffTests(TracedCase):
    """By default."""

    def test_free(self) -> None:
        """Nothing is put in the way of a message, neither of a new peer's nor, later, of one that is there."""
        raw = self.ready()
        set_log_level("peerproto", "debug")
        raw.send(Ping(1))
        audience = raw.peer.audience
        self.assertEqual((audience.on_read, audience.on_write, raw.peer.outbox.on_write), (None, None, None))
        self.assertIs(audience.handlers, raw.peer.factory.handlers)
        self.assertEqual((self.said(MESSAGES), self.said(TRACE)), ([], []))

    def test_no_traces_beside_lines(self) -> None:
        """Who asks for lines gets no traces."""
        raw = self.traced("peerproto")
        raw.send(Ping(1))
        self.assertEqual([event for event in self.events if event["log_namespace"] == TRACE], [])
        self.assertNotEqual(self.said(MESSAGES), [])


class LineTests(TracedCase):
    """One line for each message."""

    def test_handshake(self) -> None:
        """From the first message on, in both directions."""
        self.traced(
            MESSAGES, protocol_version=70011, user_agent="/us/", says={"height": 7, "user_agent": "/x\n/"}
        )
        self.assertEqual(
            self.said(MESSAGES),
            [
                f"sent version to {PEER}, 114 bytes: agent /us/, pver 70011, block 0",
                f"received version from {PEER}, 114 bytes: agent /x\\n/, pver 70016, block 7",
                f"sent verack to {PEER}, 24 bytes",
                f"received verack from {PEER}, 24 bytes",
            ],
        )

    def test_messages(self) -> None:
        """With what the network has to say of it."""
        raw = self.traced(MESSAGES)
        self.said(MESSAGES)
        raw.send(Inv([InvVect(2, HASHES[0])]), Ping(1))
        self.assertEqual(
            self.said(MESSAGES),
            [
                f"received inv from {PEER}, 61 bytes: block {'01' * 32}",
                f"received ping from {PEER}, 32 bytes",
                f"sent pong to {PEER}, 32 bytes",
            ],
        )

    def test_faults(self) -> None:
        """What was passed over, what ended the peer, and what could not be sent."""
        raw = self.traced(MESSAGES)
        self.said(MESSAGES)
        raw.send(unknown_frame(raw.peer.network, b"a\x1b[2J"))
        self.assertRaises(LocalError, raw.peer.send, Addr([None]))  # type: ignore[list-item]
        raw.send(b"\x1b[2J" + bytes(20))
        passed, unsent, ended = self.said(MESSAGES)[:3]
        self.assertRegex(
            passed, r"^received a\\x1b\[2J from .*, 24 bytes, passed over: a\\+x1b\[2J: this network"
        )
        self.assertRegex(unsent, r"^cannot send addr to .*: addr: cannot be written")
        self.assertRegex(ended, r"^received from .* what ends it: .*magic 1b5b324a is another network's")
        self.assertEqual(self.why(raw).reason, Reason.WRONG_NETWORK)

    def test_beside_others(self) -> None:
        """The listeners of a node hear as ever, and messages stay as they came."""
        seen: list[Any] = []

        class Node:
            def on_read(self, peer: Any, size: int, message: Any, error: Any) -> None:
                seen.append(message)

            def on_inv(self, peer: Any, message: Any) -> None:
                seen.append(message.is_untouched())

        raw = self.traced(MESSAGES, listener=Node())
        raw.send(Inv([InvVect(2, HASHES[0])]))
        self.assertEqual(seen[-2].inv_list, [InvVect(2, HASHES[0])])
        self.assertIs(seen[-1], raw.peer.codec)

    def test_malformed_inside(self) -> None:
        """What is malformed where nobody looks ends no peer because of the log."""
        raw = self.traced(MESSAGES, listener=Recorder())
        self.said(MESSAGES)
        raw.send(raw.peer.network.envelope.wrap(b"tx".ljust(12, b"\0"), bytes(5)))
        self.assertIsNone(raw.peer.ending)
        (line,) = self.said(MESSAGES)
        self.assertRegex(
            line, rf"^received tx from {PEER.replace('(', '.').replace(')', '.')}, 29 bytes: malformed: "
        )


class DumpTests(TracedCase):
    """The whole of each message."""

    def test_both_directions(self) -> None:
        """The line, the fields, and the bytes of the payload."""
        raw = self.traced(TRACE)
        self.said(TRACE)
        raw.send(Ping(0x4142434445464748))
        self.assertEqual(
            self.said(TRACE),
            [
                f"{line}\n"
                '{"nonce": 4702394921427289928}\n'
                "00000000  48 47 46 45 44 43 42 41                           |HGFEDCBA|"
                for line in (f"received ping from {PEER}, 32 bytes", f"sent pong to {PEER}, 32 bytes")
            ],
        )

    def test_no_message(self) -> None:
        """Of what was passed over there are bytes; of what ended the peer, or could not be sent, there is a line."""
        raw = self.traced(TRACE)
        self.said(TRACE)
        raw.send(unknown_frame(raw.peer.network, payload=b"\x1b[2J"))
        self.assertRaises(LocalError, raw.peer.send, Addr([None]))  # type: ignore[list-item]
        raw.send(bytes(24))
        passed, unsent, ended = self.said(TRACE)[:3]
        self.assertEqual(passed.splitlines()[1:], [f"00000000  1b 5b 32 4a{' ' * 39}|.[2J|"])
        self.assertEqual([len(unsent.splitlines()), len(ended.splitlines())], [1, 1])

    def test_witnesses(self) -> None:
        """Of what goes out those bytes are shown that go out, with witnesses or without."""
        tx = Tx(1, [TxIn(OutPoint(HASHES[0], 0), b"", 1, [b"W" * 40])], [TxOut(1, b"")], 0)
        raw = self.traced(TRACE, says={"services": 9})
        for witness, shown in ((None, True), (False, False), (True, True)):
            self.said(TRACE)
            raw.peer.send(tx, witness=witness)
            (dump,) = self.said(TRACE)
            size = len(raw.peer.network.codec(witness=shown).encode(tx)) - 24
            self.assertEqual("|WWWWWWWWWWWWWWWW|" in dump, shown)
            self.assertIn(f", {size + 24} bytes: hash ", dump)
            self.assertEqual(len(dump.splitlines()), 2 + (size + 15) // 16)


class PartTests(SynchronousTestCase):
    """What a dump is made of."""

    def test_hexdump(self) -> None:
        """As hexdump -C has it."""
        self.assertEqual(list(hexdump(b"")), [])
        self.assertEqual(
            list(hexdump(bytes(range(40, 58)))),
            [
                "00000000  28 29 2a 2b 2c 2d 2e 2f  30 31 32 33 34 35 36 37  |()*+,-./01234567|",
                "00000010  38 39                                             |89|",
            ],
        )

    def test_long(self) -> None:
        """What is very long is cut, and so is told."""
        lines = list(hexdump(bytes(MOST + 5)))
        self.assertEqual((len(lines), lines[-1]), (MOST // 16 + 1, "... 5 more bytes"))
        shown, rest = fields(Inv([InvVect(1, HASHES[0])] * 1000))
        self.assertEqual(len(shown), MOST)
        self.assertRegex(rest, r"^\.\.\. \d+ more characters$")

    def test_malformed(self) -> None:
        """What is malformed has no fields, but a fault."""
        codec = regtest().codec()
        (line,) = fields(codec.kinds["tx"].read(bytes(5), codec))
        self.assertRegex(line, "^malformed: ")

    def test_to_look_at(self) -> None:
        """Only what came from the network and was not looked at needs another to look at."""
        codec = regtest().codec()
        ours = Inv([])
        self.assertIs(to_look_at(ours), ours)
        theirs = codec.decode(codec.encode(ours), strict=False)
        self.assertIsNot(to_look_at(theirs), theirs)
        self.assertEqual(to_look_at(theirs), ours)
        theirs.load()
        self.assertIs(to_look_at(theirs), theirs)
