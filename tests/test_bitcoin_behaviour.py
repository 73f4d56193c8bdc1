"""Tests of what a Bitcoin peer does, as data."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from peerproto import errors, networks
from peerproto.errors import (
    BadChecksum,
    DuplicateVerack,
    DuplicateVersion,
    MalformedMessage,
    Oversize,
    OversizeCommand,
    PeerLost,
    Reason,
    UnexpectedMessage,
    UnknownCommand,
    WrongNetwork,
)
from peerproto.networks.bitcoin import (
    Addr,
    GetBlocks,
    GetData,
    GetHeaders,
    Ping,
    Reject,
    SendAddrV2,
    SendHeaders,
    VerAck,
    Version,
    WtxidRelay,
)

BTCD = networks.named("bitcoin-regtest", "btcd")
CORE = networks.named("bitcoin-regtest", "core")
HASH = bytes(range(32))

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
