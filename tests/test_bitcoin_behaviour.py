"""Tests of what a Bitcoin peer does, as data."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from peerproto import errors, networks
from peerproto.errors import (
    BadChecksum,
    DuplicateVerack,
    DuplicateVersion,
    HandshakeTimeout,
    MalformedMessage,
    Oversize,
    OversizeCommand,
    PeerError,
    PeerLost,
    Reason,
    UnexpectedMessage,
    UnknownCommand,
    VersionExpected,
    VersionTooOld,
    WrongNetwork,
)
from peerproto.network import Introduction
from peerproto.networks.bitcoin import (
    MSG_BLOCK,
    MSG_CMPCT_BLOCK,
    MSG_FILTERED_BLOCK,
    MSG_TX,
    MSG_WITNESS_BLOCK,
    MSG_WITNESS_TX,
    MSG_WTX,
    Addr,
    Block,
    BlockHeader,
    CmpctBlock,
    GetBlocks,
    GetData,
    GetHeaders,
    Inv,
    InvVect,
    MerkleBlock,
    NetAddress,
    NotFound,
    Ping,
    Pong,
    Reject,
    SendAddrV2,
    SendHeaders,
    Tx,
    VerAck,
    Version,
    WtxidRelay,
)

BTCD = networks.named("bitcoin-regtest", "btcd")
CORE = networks.named("bitcoin-regtest", "core")
HASH = bytes(range(32))
HEADER = BlockHeader(1, bytes(32), HASH, 2, 3, 4)
OURS = Introduction(70016, 9, 1_700_000_000, 1234, "/us/", 100, False, ("192.0.2.1", 8333))


LIMITS = {
    **dict.fromkeys(
        ("verack", "sendaddrv2", "sendheaders", "getaddr", "mempool", "filterclear", "wtxidrelay"), 0
    ),
    **dict.fromkeys(("ping", "pong", "feefilter"), 8),
    **dict.fromkeys(("inv", "getdata", "notfound"), 1_800_009),
    **dict.fromkeys(("getblocks", "getheaders"), 16_045),
    **dict.fromkeys(("tx", "block", "merkleblock", "reject"), 4_000_000),
    **dict.fromkeys(("cmpctblock", "getblocktxn", "blocktxn", "alert"), 4_000_000),
    **dict.fromkeys(("getcfilters", "getcfheaders"), 37),
    "version": 358,
    "addr": 30_009,
    "addrv2": 531_003,
    "headers": 162_009,
    "filterload": 36_012,
    "filteradd": 523,
    "getcfcheckpt": 33,
    "cfilter": 262_182,
    "cfheaders": 64_074,
    "cfcheckpt": 3_200_038,
    "sendcmpct": 9,
    "sendtxrcncl": 12,
}
"""The longest payload of each command, in bytes (btcd, MaxPayloadLength; of what it does not know by its form)."""

READ_AT_ONCE = {"version", "reject", "ping", "pong", "feefilter", "filterload", "filteradd"} | {
    command for command, most in LIMITS.items() if most <= 37
}
"""What is short is read when it comes; what may be long is read on first use, unless btcd does not know it."""


class MessageTests(SynchronousTestCase):
    """The messages of the network."""

    def test_limits(self) -> None:
        """No message may be longer than btcd lets it be; that is judged by its header."""
        codec = BTCD.codec()
        self.assertEqual({kind.command: kind.limit(70016) for kind in BTCD.messages}, LIMITS)
        for kind in BTCD.messages:
            command, most = BTCD.envelope.command(kind.command), LIMITS[kind.command]
            self.assertIs(codec.entry(BTCD.magic, command, most).kind, kind)
            error = self.assertRaises(MalformedMessage, codec.entry, BTCD.magic, command, most + 1)
            of_command = UnknownCommand if kind.foreign else OversizeCommand
            self.assertIs(type(error), Oversize if most == 4_000_000 else of_command, kind.command)

    def test_older_limits(self) -> None:
        """Older versions have other limits."""
        for kind, pver, most in (
            (Version, 31402, 358),
            (Version, 31401, 350),
            (Ping, 60001, 8),
            (Ping, 60000, 0),
            (Addr, 31402, 30_009),
            (Addr, 31401, 26_009),
            (Addr, 209, 26_009),
            (Addr, 208, 35),
            (Reject, 70002, 4_000_000),
            (Reject, 70001, 0),
        ):
            self.assertEqual(kind.limit(pver), most)

    def test_lazy(self) -> None:
        """What is short is read at once, what may be long on first use."""
        lazy = {kind.command for kind in BTCD.messages if kind.lazy}
        foreign = {kind.command for kind in BTCD.messages if kind.foreign}
        self.assertEqual(lazy, set(LIMITS) - READ_AT_ONCE - foreign)

    def test_services(self) -> None:
        """The bits of the services, and which of them means witnesses."""
        names = (
            "NETWORK",
            "GETUTXO",
            "BLOOM",
            "WITNESS",
            "XTHIN",
            "COMPACT_FILTERS",
            "2X",
            "NETWORK_LIMITED",
            "P2P_V2",
        )
        bits = sum(1 << bit for bit in (0, 1, 2, 3, 4, 6, 7, 10, 11))
        self.assertEqual(BTCD.service_names(bits), list(names))
        self.assertEqual(BTCD.service_names(BTCD.witness_service), ["WITNESS"])


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
        self.assertEqual(BTCD.make_ping(5, 100, 0.0), Ping(5))
        self.assertEqual(BTCD.make_pong(Ping(5), 100, 0.0), Pong(5))
        self.assertIsNone(BTCD.make_pong(Ping(), 100, 0.0))


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
            (VersionExpected("verack"), Reject("version", 1, "a version message must precede all others")),
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


class PolicyTests(SynchronousTestCase):
    """Where btcd and Bitcoin Core differ."""

    def test_tolerated(self) -> None:
        """btcd passes over the unknown; Core whatever does not break the stream."""
        self.assertEqual(BTCD.policy.tolerates, {UnknownCommand})
        kinds = {
            kind
            for kind in vars(errors).values()
            if isinstance(kind, type) and issubclass(kind, MalformedMessage)
        }
        self.assertEqual(kinds - CORE.policy.tolerates, {WrongNetwork, Oversize, errors.Incomplete})
        self.assertTrue({BadChecksum, OversizeCommand} <= CORE.policy.tolerates)

    def test_oldest(self) -> None:
        """The oldest versions that they speak to."""
        self.assertEqual((BTCD.least_protocol_version, CORE.least_protocol_version), (209, 31800))

    def test_late(self) -> None:
        """What comes after the handshake and may not: btcd ends the peer, Core passes over what is harmless."""
        self.assertEqual(
            BTCD.order.late,
            {Version: DuplicateVersion, VerAck: DuplicateVerack, SendAddrV2: UnexpectedMessage},
        )
        self.assertIsNone(CORE.order.late[Version])
        self.assertIs(CORE.order.late[WtxidRelay], UnexpectedMessage)

    def test_between(self) -> None:
        """Between version and verack both take what negotiates, Core a sendheaders too."""
        self.assertEqual(CORE.order.between - BTCD.order.between, {SendHeaders})
        self.assertEqual((BTCD.order.ignores_early, CORE.order.ignores_early), (False, True))
        for network in (BTCD, CORE):
            self.assertLessEqual(set(network.order.negotiation), network.order.between)

    def test_locator(self) -> None:
        """Core ends a peer whose locator has more than 101 hashes; btcd takes what can be read."""
        self.assertEqual(BTCD.order.judged, {})
        for kind in (GetBlocks, GetHeaders):
            CORE.order.judged[kind](kind(70016, [HASH] * 101, HASH))
            error = self.assertRaises(PeerLost, CORE.order.judged[kind], kind(70016, [HASH] * 102, HASH))
            self.assertEqual(error.reason, Reason.MISBEHAVING)
            self.assertEqual(str(error), f"{kind.command} with 102 locator hashes, at most 101 allowed")

    def test_stalls(self) -> None:
        """btcd ends a peer that owes an answer it watches for; Core waits."""
        watched = {kind.command for kind, what in BTCD.expects.items() if what.ends_peer}
        self.assertEqual(watched, {"mempool", "getblocks", "getdata", "getheaders"})
        self.assertFalse(any(what.ends_peer for what in CORE.expects.values()))
        self.assertEqual({what.seconds for what in BTCD.expects.values()}, {30.0, 90.0})
        self.assertEqual([kind for kind, what in BTCD.expects.items() if what.each], [GetData])

    def test_answers_are_messages(self) -> None:
        """Whatever is owed, noted or late is a message of the network."""
        for network in (BTCD, CORE):
            named = {
                *network.order.between,
                *network.order.late,
                *network.order.judged,
                *network.order.greeting,
            }
            for kind, what in network.expects.items():
                named |= {kind, *what.answers}
            self.assertLessEqual(named, set(network.messages))
