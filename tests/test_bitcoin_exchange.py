"""Tests of what all peers say, in Bitcoin's spelling."""

from __future__ import annotations

from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from peerproto import networks
from peerproto.errors import (
    DuplicateVerack,
    DuplicateVersion,
    HandshakeTimeout,
    MalformedMessage,
    PeerError,
    PeerLost,
    Reason,
    UnexpectedMessage,
    VersionExpected,
    VersionTooOld,
    WrongNetwork,
)
from peerproto.forms.introduction import Introduction
from peerproto.networks.bitcoin import (
    MSG_BLOCK,
    MSG_CMPCT_BLOCK,
    MSG_FILTERED_BLOCK,
    MSG_TX,
    MSG_WITNESS_BLOCK,
    MSG_WITNESS_TX,
    MSG_WTX,
    Block,
    BlockHeader,
    CmpctBlock,
    GetData,
    GetHeaders,
    Headers,
    Inv,
    InvVect,
    MerkleBlock,
    NetAddress,
    NotFound,
    Ping,
    Pong,
    Reject,
    Tx,
    Version,
)
from peerproto.peer.factory import PeerFactory

BTCD = networks.named("bitcoin-regtest", "btcd")
CORE = networks.named("bitcoin-regtest", "core")
HASH = bytes(range(32))
HEADER = BlockHeader(1, bytes(32), HASH, 2, 3, 4)
OURS = Introduction(70016, 9, 1_700_000_000, 1234, "/us/", 100, False, ("192.0.2.1", 8333))


class VersionTests(SynchronousTestCase):
    """Introductions."""

    def test_inverse(self) -> None:
        """What we say of ourselves is what the other side reads."""
        version = BTCD.make_version(OURS)
        codec = BTCD.codec()
        self.assertEqual(BTCD.read_version(codec.decode(codec.encode(version))), OURS)

    def test_addresses(self) -> None:
        """Of ourselves we tell no address, of the other side the one we see, if we see one."""
        version = BTCD.make_version(OURS)
        assert isinstance(version, Version)
        self.assertEqual(version.addr_you, NetAddress(0, "192.0.2.1", 8333))
        self.assertEqual(version.addr_me, NetAddress(9, "::", 0))
        unseen = BTCD.make_version(Introduction(70016, 0, 0, 1, "/us/", 0))
        assert isinstance(unseen, Version)
        self.assertEqual(unseen.addr_you, NetAddress(0, "::", 0))


class PingTests(SynchronousTestCase):
    """Keep-alive."""

    def test_pong(self) -> None:
        """A pong has its ping's nonce; a ping without one has no pong."""
        us = PeerFactory(BTCD, clock=Clock())
        self.assertEqual(BTCD.make_ping(5, us), Ping(5))
        self.assertEqual(BTCD.make_pong(Ping(5), us), Pong(5))
        self.assertIsNone(BTCD.make_pong(Ping(), us))


class ReplyTests(SynchronousTestCase):
    """What a peer answers of itself."""

    def test_headers(self) -> None:
        """Who asks for headers where nobody serves them hears that there are none."""
        for network in (BTCD, CORE):
            (answer,) = (make(GetHeaders(70016, [HASH], HASH)) for make in network.replies.values())
            self.assertEqual((list(network.replies), answer), ([GetHeaders], Headers([])))


class KeyTests(SynchronousTestCase):
    """How a thing that was asked for and the message that brings it find each other."""

    def test_vectors(self) -> None:
        """A vector asks for a thing of a kind; with its witness it is the same thing."""
        for number, kind in (
            (MSG_TX, "tx"),
            (MSG_WITNESS_TX, "tx"),
            (MSG_WTX, "wtx"),
            (MSG_BLOCK, "block"),
            (MSG_WITNESS_BLOCK, "block"),
            (MSG_FILTERED_BLOCK, "filtered"),
            (MSG_CMPCT_BLOCK, "compact"),
            (0, "type 0"),
            (99, "type 99"),
        ):
            for message in (Inv, GetData, NotFound):
                self.assertEqual(BTCD.item_keys(message([InvVect(number, HASH)])), [(kind, HASH)])

    def test_things(self) -> None:
        """A thing has the keys by which it may have been asked for."""
        tx = Tx(1, [], [], 0)
        for message, keys in (
            (Block(HEADER, []), [("block", HEADER.block_hash)]),
            (tx, [("tx", tx.txid), ("wtx", tx.wtxid)]),
            (MerkleBlock(HEADER, 0, [], b""), [("filtered", HEADER.block_hash)]),
            (CmpctBlock(HEADER, 0, [], []), [("compact", HEADER.block_hash)]),
            (Ping(5), []),
        ):
            self.assertEqual(list(BTCD.item_keys(message)), keys)

    def test_request_blocks(self) -> None:
        """Blocks are asked for with their witnesses where the peer has them."""
        self.assertEqual(BTCD.request_blocks([HASH], True), GetData([InvVect(MSG_WITNESS_BLOCK, HASH)]))
        self.assertEqual(BTCD.request_blocks([HASH] * 2, False), GetData([InvVect(MSG_BLOCK, HASH)] * 2))


class RejectTests(SynchronousTestCase):
    """How a peer is told why it is ended."""

    def test_told(self) -> None:
        """btcd tells of a wrong beginning, of what comes twice, and of what it cannot read."""
        for error, reject in (
            (
                VersionExpected("verack", "verack"),
                Reject("version", 1, "a version message must precede all others"),
            ),
            (DuplicateVersion("again"), Reject("version", 0x12, "duplicate version message")),
            (DuplicateVerack("again"), Reject("verack", 0x12, "duplicate verack message")),
            (VersionTooOld("208, at least 209"), Reject("version", 0x11, "208, at least 209")),
            (MalformedMessage("cut", command="tx"), Reject("malformed", 1, "tx: cut")),
            (WrongNetwork("magic"), Reject("malformed", 1, "magic")),
        ):
            self.assertEqual(BTCD.reject(error), reject)
            BTCD.codec().encode(reject)

    def test_not_too_long(self) -> None:
        """However long the words are, little of them is sent."""
        reject = BTCD.reject(MalformedMessage("x" * 10_000))
        assert isinstance(reject, Reject)
        self.assertEqual(len(reject.reason), 250)

    def test_not_told(self) -> None:
        """Of all else it says nothing, and Bitcoin Core says nothing at all."""
        for error in (
            UnexpectedMessage("tx"),
            HandshakeTimeout("late"),
            PeerLost("gone", Reason.RESET),
            PeerError("any"),
        ):
            self.assertIsNone(BTCD.reject(error))
        for error in (DuplicateVersion("again"), VersionTooOld("208"), MalformedMessage("cut")):
            self.assertIsNone(CORE.reject(error))
