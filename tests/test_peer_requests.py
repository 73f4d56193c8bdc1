"""Tests of asking a peer: what answers, what fails, and when."""

from __future__ import annotations

from typing import Any

from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.error import ConnectionLost

from peerproto.errors import (
    LocalError,
    MalformedMessage,
    PeerLost,
    PeerStalled,
    Reason,
)
from peerproto.networks import bitcoin
from peerproto.networks.bitcoin import (
    MSG_BLOCK,
    MSG_WITNESS_BLOCK,
    Addr,
    Block,
    BlockHeader,
    GetAddr,
    GetData,
    GetHeaders,
    Headers,
    Inv,
    InvVect,
    Pong,
)
from tests.peer_case import HASHES, PeerTestCase

GET_HEADERS = GetHeaders(70016, [], bytes(32))
BLOCKS = [Block(BlockHeader(1, bytes(32), bytes(32), number, 0, 0), []) for number in range(3)]


def block_hashes() -> list[bytes]:
    return [block.block_hash for block in BLOCKS]


class AskingTests(PeerTestCase):
    """Requests, of a peer that is there."""

    def test_headers(self) -> None:
        """A request goes out, and fires with what answers it."""
        raw = self.ready()
        waiting = raw.peer.request(GET_HEADERS)
        self.assertEqual(raw.read(), [GET_HEADERS])
        raw.send(Headers([]))
        self.assertEqual(self.successResultOf(waiting), Headers([]))

    def test_blocks(self) -> None:
        """Blocks are asked for with their witnesses where the peer has them, and come in the order of asking."""
        for services, kind in ((9, MSG_WITNESS_BLOCK), (1, MSG_BLOCK)):
            raw = self.ready(says={"services": services})
            waiting = raw.peer.request_blocks(block_hashes())
            self.assertEqual(raw.read(), [GetData([InvVect(kind, item) for item in block_hashes()])])
            raw.send(BLOCKS[2], BLOCKS[0])
            self.assertNoResult(waiting)
            raw.send(BLOCKS[1])
            found = self.successResultOf(waiting)
            self.assertEqual([block.block_hash for block in found], block_hashes())

    def test_nothing(self) -> None:
        """An empty request has an empty answer."""
        raw = self.ready()
        self.assertEqual(self.successResultOf(raw.peer.request_blocks([])), [])

    def test_no_answer_is_owed(self) -> None:
        """To some messages nothing answers: then asking is a mistake of the caller."""
        raw = self.ready()
        error = self.failureResultOf(raw.peer.request(Inv([])), LocalError).value
        self.assertEqual(str(error), "no answer is owed to inv: use send()")
        self.assertEqual(raw.read(), [])

    def test_cannot_be_written(self) -> None:
        """What cannot be written fails as the caller's mistake, and nobody waits for it."""
        raw = self.ready()
        self.failureResultOf(raw.peer.request(GetHeaders(70016, [b"short"], bytes(32))), LocalError)
        self.assertEqual(len(raw.peer.pending), 0)

    def test_cancelled(self) -> None:
        """Cancelling frees the slot; the late answer is dropped without a word."""
        raw = self.ready()
        for waiting in (
            raw.peer.request(GET_HEADERS),
            raw.peer.request_blocks(block_hashes()),
            raw.peer.ping(),
        ):
            waiting.cancel()
            self.failureResultOf(waiting, CancelledError)
        self.assertEqual(raw.peer.snapshot().open_requests, 0)
        raw.send(Headers([]), *BLOCKS)
        self.assertFalse(raw.hung_up)
        self.assertEqual(len(self.heard(raw).heard("on_block")), 3)

    def test_lost(self) -> None:
        """When the peer ends each request fails once, with the reason."""
        raw = self.ready()
        waiting = [raw.peer.request(GET_HEADERS), raw.peer.request_blocks(block_hashes()), raw.peer.ping()]
        raw.send(BLOCKS[0])
        raw.close(ConnectionLost())
        for each in waiting:
            error = self.failureResultOf(each, PeerLost).value
            self.assertIs(error, raw.peer.ending)
            self.assertIs(error.reason, Reason.RESET)

    def test_after_the_end(self) -> None:
        """Who asks a peer that has ended is told why it has, at once: while it closes, and later."""
        raw = self.ready()
        raw.peer.disconnect()
        for _ in range(2):
            for ask in (
                lambda: raw.peer.request(GET_HEADERS),
                lambda: raw.peer.request_blocks(HASHES),
                raw.peer.ping,
            ):
                self.assertIs(self.failureResultOf(ask(), PeerLost).value, raw.peer.ending)
            if not raw.peer.factory.peers:
                break
            raw.close()

    def test_held_back(self) -> None:
        """A request before the handshake is done has its time from when it goes out."""
        raw = self.raw()
        waiting = raw.peer.request(GetAddr(), timeout=10)
        blocks = raw.peer.request_blocks(HASHES[:1])
        ping = raw.peer.ping()
        self.let_pass(25)
        self.assertEqual([message.command for message in raw.read()], ["version"])
        raw.handshake()
        self.let_pass(9)
        for each in (waiting, blocks, ping):
            self.assertNoResult(each)
        self.let_pass(1.1)
        self.failureResultOf(waiting, PeerStalled)
        raw.close()
        self.failureResultOf(blocks, PeerLost)
        self.failureResultOf(ping, PeerLost)

    def test_held_back_and_cancelled(self) -> None:
        """One that is cancelled while it is held back never goes out."""
        raw = self.raw()
        waiting = raw.peer.request(GetAddr())
        kept = raw.peer.request(GET_HEADERS)
        waiting.cancel()
        self.failureResultOf(waiting, CancelledError)
        written = [message.command for message in raw.handshake()]
        self.assertNotIn("getaddr", written)
        raw.send(Headers([]))
        self.assertEqual(self.successResultOf(kept), Headers([]))

    def test_held_back_and_lost(self) -> None:
        """One that is held back fails with the reason if the handshake is never done."""
        raw = self.raw()
        waiting = [raw.peer.request(GetAddr()), raw.peer.request_blocks(HASHES), raw.peer.ping()]
        raw.close()
        for each in waiting:
            self.assertIs(self.failureResultOf(each, PeerLost).value.reason, Reason.CLOSED_BY_PEER)

    def test_asking_in_an_answer(self) -> None:
        """Who gets an answer may ask on at once; then the next answer is his."""
        raw = self.ready()
        answers: list[Any] = []

        def more(answer: Any) -> Deferred[Any]:
            answers.append(answer)
            return raw.peer.request(GET_HEADERS)

        waiting = raw.peer.request(GET_HEADERS).addCallback(more)
        raw.send(Headers([]))
        self.assertNoResult(waiting)
        raw.send(Headers([BLOCKS[0].header]))
        self.assertEqual(
            [*answers, self.successResultOf(waiting)], [Headers([]), Headers([BLOCKS[0].header])]
        )

    def test_not_found_unasked(self) -> None:
        """Row 46: a notfound for what nobody asked is ignored."""
        raw = self.ready()
        raw.send(bitcoin.NotFound([InvVect(MSG_BLOCK, HASHES[0])]))
        self.assertEqual(self.heard(raw).names[-1], "on_notfound")
        self.assertFalse(raw.hung_up)

    def test_answered_twice(self) -> None:
        """Row 47: a second answer is heard and nothing more."""
        raw = self.ready()
        waiting = raw.peer.request(GetAddr())
        raw.send(Addr([]), Addr([]))
        self.successResultOf(waiting)
        self.assertEqual(len(self.heard(raw).heard("on_addr")), 2)

    def test_a_malformed_answer(self) -> None:
        """An answer is read on first use: who looks finds what is malformed in it."""
        raw = self.ready("core", listener=object())
        waiting = raw.peer.request(GET_HEADERS)
        raw.send(raw.peer.network.envelope.wrap(b"headers".ljust(12, b"\0"), b"\1" + bytes(80) + b"\7"))
        answer = self.successResultOf(waiting)
        with self.assertRaises(MalformedMessage):
            _ = answer.headers


class PingTests(PeerTestCase):
    """Pinging by hand."""

    def test_latency(self) -> None:
        """It fires with the seconds that the pong took."""
        raw = self.ready()
        waiting = raw.peer.ping()
        (ping,) = raw.read()
        self.assertNotEqual(ping.nonce, 0)
        self.clock.advance(0.25)
        raw.send(Pong(ping.nonce))
        self.assertAlmostEqual(self.successResultOf(waiting), 0.25)

    def test_several(self) -> None:
        """Each has its own pong, in any order."""
        raw = self.ready()
        waiting = [raw.peer.ping() for _ in range(2)]
        first, second = raw.read()
        self.clock.advance(1)
        raw.send(Pong(second.nonce))
        self.assertNoResult(waiting[0])
        self.clock.advance(1)
        raw.send(Pong(first.nonce))
        self.assertAlmostEqual(self.successResultOf(waiting[0]), 2)
        self.assertAlmostEqual(self.successResultOf(waiting[1]), 1)

    def test_never(self) -> None:
        """Without a pong it fails after its own time; the peer stays."""
        raw = self.ready()
        waiting = [raw.peer.ping(), raw.peer.ping(timeout=5)]
        self.let_pass(5.1)
        self.assertEqual(
            str(self.failureResultOf(waiting[1], PeerStalled).value), "ping was not answered in time"
        )
        self.let_pass(25)
        self.failureResultOf(waiting[0], PeerStalled)
        self.assertFalse(raw.hung_up)

    def test_no_pongs(self) -> None:
        """A version without pongs cannot be timed: that is said, not waited for."""
        raw = self.ready(says={"protocol_version": 60000})
        error = self.failureResultOf(raw.peer.ping(), LocalError).value
        self.assertEqual(str(error), "protocol version 60000 has no pong")

    def test_held_back(self) -> None:
        """Before the handshake is done it waits, and its time begins when it goes out."""
        raw = self.raw()
        waiting = raw.peer.ping()
        self.clock.advance(20)
        ping = raw.handshake()[-1]
        self.clock.advance(0.5)
        raw.send(Pong(ping.nonce))
        self.assertAlmostEqual(self.successResultOf(waiting), 0.5)
