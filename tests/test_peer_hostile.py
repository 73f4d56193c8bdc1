"""Tests of hostile bytes and faults, row by row of the list that a peer must survive.

In every row: no exception escapes, no other peer is hurt, no timer is left. What references differ in is told by
both policies. Rows about time, listeners and requests stand in the tests of those.
"""

from __future__ import annotations

import tracemalloc
from hashlib import sha256

from peerproto.errors import InvalidHeaders, MalformedMessage, Reason
from peerproto.networks.bitcoin import (
    BlockHeader,
    GetHeaders,
    Headers,
    Inv,
    InvVect,
    Ping,
    Pong,
    Reject,
    VerAck,
)
from peerproto.peer.handshake import State
from peerproto.testing import Pair, RawPeer, Recorder
from tests.peer_case import HASHES, POLICIES, PeerTestCase, regtest, unknown_frame

MAGIC = bytes.fromhex("fabfb5da")


def header(command: bytes, size: int, *, magic: bytes = MAGIC, checksum: bytes = b"\0" * 4) -> bytes:
    """The 24 bytes that begin a frame."""
    return magic + command.ljust(12, b"\0") + size.to_bytes(4, "little") + checksum


def frame(command: bytes, payload: bytes) -> bytes:
    """A frame with a right checksum, whatever its payload is."""
    checksum = sha256(sha256(payload).digest()).digest()[:4]
    return header(command, len(payload), checksum=checksum) + payload


class HostileTestCase(PeerTestCase):
    """A peer that is attacked, and another that must not notice."""

    def setUp(self) -> None:
        super().setUp()
        self.other = self.ready()

    def tearDown(self) -> None:
        self.other.send(Ping(99))
        self.assertEqual(self.other.read()[-1], Pong(99))
        self.assertEqual(self.flushLoggedErrors(), [])
        super().tearDown()

    def ends(self, policy: str, *things: bytes, reason: Reason, told: bool | None = None) -> RawPeer:
        """A ready peer is ended by this, for this reason; btcd's tells why unless `told` says otherwise."""
        raw = self.ready(policy)
        raw.send(*things)
        self.assertEqual((policy, self.why(raw).reason), (policy, reason))
        rejects = [message for message in raw.read() if isinstance(message, Reject)]
        self.assertEqual(len(rejects), int(policy == "btcd" if told is None else told))
        raw.send(Ping(1))
        self.assertEqual(raw.read(), [])
        return raw

    def stays(self, policy: str, *things: bytes) -> RawPeer:
        """A ready peer passes this over and goes on."""
        raw = self.ready(policy)
        raw.send(*things, raw.frame(Ping(1)))
        self.assertEqual((policy, raw.peer.ending, raw.hung_up), (policy, None, False))
        self.assertEqual(raw.read(), [Pong(1)])
        return raw


class EnvelopeTests(HostileTestCase):
    """Rows 1 to 7, and 17: what is wrong before the payload."""

    def test_row_01_wrong_magic(self) -> None:
        """Another network's magic ends the peer before the payload is there, whatever the command."""
        for policy in POLICIES:
            for magic in (bytes.fromhex("f9beb4d9"), MAGIC[::-1], b"\0\0\0\0", b"HTTP"):
                self.ends(policy, header(b"ping", 8, magic=magic), reason=Reason.WRONG_NETWORK)

    def test_row_01_wrong_magic_first(self) -> None:
        """As the first bytes too, and then nothing is told."""
        for policy in POLICIES:
            for inbound in (False, True):
                raw = self.raw(policy, inbound=inbound)
                raw.read()
                raw.send(header(b"version", 100, magic=bytes.fromhex("f9beb4d9")))
                self.assertIs(self.why(raw).reason, Reason.WRONG_NETWORK)
                self.assertEqual(raw.read(), [])

    def test_row_02_wrong_checksum(self) -> None:
        """btcd's policy ends the peer, Core's skips the message."""
        bad_ping = header(b"ping", 8, checksum=b"\1\2\3\4") + bytes(8)
        self.ends("btcd", bad_ping, reason=Reason.BAD_CHECKSUM)
        self.stays("core", bad_ping)

    def test_row_03_header_byte_by_byte(self) -> None:
        """A header in 24 pieces is the same as a whole one."""
        raw = self.ready()
        for byte in raw.frame(Ping(5)):
            raw.send(bytes([byte]))
        self.assertEqual(raw.read(), [Pong(5)])

    def test_row_04_three_and_a_half(self) -> None:
        """Of three and a half messages three are answered, in order; the half is kept until the rest comes."""
        raw = self.ready()
        stream = b"".join(raw.frame(Ping(nonce)) for nonce in (1, 2, 3, 4))
        raw.send(stream[:-16])
        self.assertEqual(raw.read(), [Pong(1), Pong(2), Pong(3)])
        raw.send(stream[-16:])
        self.assertEqual(raw.read(), [Pong(4)])

    def test_row_05_length_all_ones(self) -> None:
        """A length of four gigabytes ends the peer at the header; nothing is allocated for it."""
        for policy in POLICIES:
            for size in (0xFFFFFFFF, 4_000_001):
                self.ends(policy, header(b"block", size), reason=Reason.OVERSIZE)

    def test_row_06_one_more_than_the_command_may_have(self) -> None:
        """By btcd's policy the header is enough; by Core's the message is skipped when it is there."""
        self.ends("btcd", header(b"ping", 9), reason=Reason.OVERSIZE)
        self.ends("btcd", header(b"verack", 1), reason=Reason.OVERSIZE)
        self.stays("core", frame(b"ping", bytes(9)))
        self.stays("core", frame(b"inv", bytes(9 + 50_001 * 36)))

    def test_row_07_most_and_then_silence(self) -> None:
        """The longest announced payload takes no memory before its bytes come."""
        for policy in POLICIES:
            raw = self.ready(policy)
            tracemalloc.start()
            raw.send(header(b"block", 4_000_000))
            raw.send(b"\0" * 1000)
            _, peak = tracemalloc.get_traced_memory()
            tracemalloc.stop()
            self.assertLess(peak, 300_000)
            self.assertFalse(raw.hung_up)

    def test_row_17_commands_that_are_none(self) -> None:
        """Bytes behind the padding make an unknown command; bytes that are no text end the peer by btcd's policy."""
        for policy in POLICIES:
            for command in (b"ping\0x", b"", b"PING", b"pi ng", b"a" * 12, b"\x01\x02"):
                raw = self.stays(policy, frame(command, b"123"))
                self.assertEqual(self.heard(raw).names[-2:], ["on_message", "on_ping"])
        for command in (b"\xff\xfeping", b"ping\xff", b"\x80" * 12):
            self.ends("btcd", frame(command, b""), reason=Reason.MALFORMED)
            self.stays("core", frame(command, b""))


class HandshakeTests(HostileTestCase):
    """Rows 12 to 16, 18, 21, 23 and 24: what is wrong with the beginning."""

    def test_row_12_verack_before_version(self) -> None:
        """btcd's policy ends it and says so; Core's ignores it, and it must be sent again."""
        raw = self.raw()
        raw.send(VerAck())
        self.assertIs(self.why(raw).reason, Reason.UNEXPECTED_MESSAGE)
        self.assertEqual(raw.read()[1:], [Reject("version", 1, "a version message must precede all others")])
        raw = self.raw("core")
        raw.send(VerAck(), raw.version())
        self.assertIs(raw.peer.state, State.AWAITING_VERACK)
        raw.send(VerAck())
        self.assertIs(raw.peer.state, State.READY)

    def test_rows_13_and_14_twice(self) -> None:
        """A second version or verack ends a peer by btcd's policy; Core's ignores it, and what it says too."""
        for thing, reason in (("version", Reason.DUPLICATE_VERSION), ("verack", Reason.DUPLICATE_VERACK)):
            for policy in POLICIES:
                raw = self.ready(policy)
                again = raw.version(user_agent="/other/", services=0) if thing == "version" else VerAck()
                if policy == "btcd":
                    self.ends(policy, raw.frame(again), reason=reason)
                else:
                    raw.send(again, Ping(1))
                    self.assertEqual(raw.read(), [Pong(1)])
                    self.assertEqual(raw.peer.theirs and raw.peer.theirs.user_agent, "/raw:1/")

    def test_rows_15_and_16_unknown_commands(self) -> None:
        """They are skipped in the handshake and after it, however many; their checksum is nobody's business."""
        for policy in POLICIES:
            raw = self.raw(policy)
            raw.send(raw.version(), *[unknown_frame(raw.peer.network)] * 50, VerAck())
            self.assertIs(raw.peer.state, State.READY)
            self.stays(policy, *[header(b"protoconf", 3) + b"123"] * 50)

    def test_row_18_inventory_before_ready(self) -> None:
        """An announcement before the handshake is done reaches nobody and is answered by nothing."""
        for policy in POLICIES:
            raw = self.raw(policy)
            raw.send(raw.version(), Inv([InvVect(2, HASHES[0])] * 10))
            self.assertEqual(self.heard(raw).names, ["on_version"])
            self.assertEqual(raw.hung_up, policy == "btcd")

    def test_row_21_too_old(self) -> None:
        """Zero and below zero are old, too."""
        for policy in POLICIES:
            for pver in (0, -1, -(2**31), 208):
                raw = self.raw(policy, inbound=True)
                raw.send(raw.version(protocol_version=pver))
                self.assertIs(self.why(raw).reason, Reason.OBSOLETE)
                self.assertEqual(raw.transport.take(), b"")

    def test_row_23_times(self) -> None:
        """Whatever time it says it is: the peer is accepted, the offset stays in bounds."""
        for policy in POLICIES:
            for timestamp in (-(2**63), -1, 0, 2**32, 2**63 - 1):
                raw = self.ready(policy, says={"timestamp": timestamp})
                self.assertIs(raw.peer.state, State.READY)
                self.assertLess(abs(raw.peer.snapshot().time_offset or 0), 2**32)

    def test_row_24_user_agents(self) -> None:
        """256 bytes are accepted. One more ends the peer by btcd's policy; by Core's the version is skipped."""
        for policy in POLICIES:
            self.assertIs(self.ready(policy, says={"user_agent": "x" * 256}).peer.state, State.READY)
            raw = self.raw(policy)
            whole = raw.frame(raw.version(user_agent="x" * 250))[24:]
            payload = whole.replace(b"\xfa" + b"x" * 250, b"\xfd\x01\x01" + b"x" * 257)
            raw.send(frame(b"version", payload))
            self.assertIs(raw.peer.state, State.CLOSED if policy == "btcd" else State.AWAITING_VERSION)

    def test_row_25_text(self) -> None:
        """Escape codes, line ends, markup and bytes that are no text are kept as they came, and shown escaped."""
        agent = "/\x1b[31m\n<script>\udcff\udcfe/"
        for policy in POLICIES:
            raw = self.ready(policy, says={"user_agent": agent})
            self.assertEqual(raw.peer.snapshot().user_agent, agent)

    def test_short_versions(self) -> None:
        """A version may end behind the receiver's address; what is missing is nothing, and relay is on."""
        for policy in POLICIES:
            raw = self.raw(policy)
            raw.send(frame(b"version", raw.frame(raw.version())[24:70]), VerAck())
            self.assertIs(raw.peer.state, State.READY)
            assert raw.peer.theirs is not None
            self.assertEqual((raw.peer.theirs.user_agent, raw.peer.theirs.relay), ("", True))


class PayloadTests(HostileTestCase):
    """Rows 26 to 30, 41 and 43: what is wrong inside."""

    def differs(self, *things: bytes, reason: Reason = Reason.MALFORMED) -> None:
        """btcd's policy ends the peer, Core's skips the message."""
        for thing in things:
            self.ends("btcd", thing, reason=reason)
            self.stays("core", thing)

    def test_row_26_nothing_where_something_is_due(self) -> None:
        """An empty payload."""
        self.differs(
            *(frame(command, b"") for command in (b"ping", b"inv", b"feefilter", b"headers", b"reject"))
        )

    def test_row_27_cut_short(self) -> None:
        """A payload that ends inside a field, with the place where it does."""
        for size in (1, 7):
            self.differs(frame(b"ping", bytes(size)))
        self.differs(frame(b"inv", b"\2" + bytes(36)), frame(b"getheaders", b"\0\0\0\0\1" + bytes(32)))
        raw = self.ready()
        raw.send(frame(b"inv", b"\2" + bytes(50)))
        error = self.why(raw)
        assert isinstance(error, MalformedMessage)
        self.assertEqual((error.command, error.offset), ("inv", 24 + 51))

    def test_row_28_trailing_bytes(self) -> None:
        """Bytes behind the last field end the peer by btcd's policy; Core's does not mind them."""
        thing = frame(b"inv", b"\0" + b"x")
        self.ends("btcd", thing, reason=Reason.MALFORMED)
        raw = self.stays("core", thing)
        self.assertEqual(self.heard(raw).names[-2:], ["on_inv", "on_ping"])

    def test_row_29_long_varints(self) -> None:
        """Numbers that are not in their shortest form."""
        for count in (b"\xfd\0\0", b"\xfd\xfc\0", b"\xfe\1\0\0\0", b"\xff\1" + bytes(7)):
            self.differs(frame(b"inv", count + bytes(36)))

    def test_row_30_endless_counts(self) -> None:
        """A count of 2^64-1 in a payload of 20 bytes is refused without a loop."""
        for command in (b"inv", b"getdata", b"notfound", b"addr", b"headers"):
            self.differs(frame(command, b"\xff" * 9 + bytes(11)))

    def test_row_30_endless_counts_read_later(self) -> None:
        """In what is read on first use the same is found by who looks."""
        look = Recorder(
            {f"on_{name}": lambda _, message: message.load() for name in ("tx", "block", "addrv2")}
        )
        endless = b"\xff" * 9
        for policy in POLICIES:
            for command, payload in (
                (b"tx", bytes(4) + endless),
                (b"block", bytes(80) + endless),
                (b"addrv2", endless),
            ):
                raw = self.ready(policy, listener=look)
                raw.send(frame(command, payload + bytes(7)))
                self.assertEqual(raw.hung_up, policy == "btcd")

    def test_row_41_too_many_headers(self) -> None:
        """2001 headers are too many by both; Core's policy skips them, as the older line of Core does."""
        self.ends("btcd", frame(b"headers", b"\xfd\xd1\x07" + bytes(81) * 1000), reason=Reason.MALFORMED)
        self.stays("core", frame(b"headers", b"\xfd\xd1\x07" + bytes(81) * 2001))

    def test_row_41_headers_that_do_not_connect(self) -> None:
        """Whether headers make a chain is for who follows it to say: its verdict ends the peer as misbehaving."""

        def judge(_: object, message: Headers) -> None:
            for before, after in zip(message.headers, message.headers[1:], strict=False):
                if after.prev_block != before.block_hash:
                    raise InvalidHeaders("a header does not follow the one before")

        loose = Headers([BlockHeader(1, bytes(32), bytes(32), number, 0, 0) for number in range(2)])
        for policy in POLICIES:
            raw = self.ready(policy, listener=Recorder({"on_headers": judge}))
            raw.send(loose)
            self.assertIs(self.why(raw).reason, Reason.MISBEHAVING)

    def test_row_43_long_locators(self) -> None:
        """Of more than 500 hashes by btcd's policy, of more than 101 by Core's."""
        hashes = [HASHES[0]] * 501
        raw = self.ready()
        self.ends("btcd", frame(b"getheaders", bytes(4) + b"\xfd\xf5\x01" + b"".join(hashes) + bytes(32)),
                  reason=Reason.OVERSIZE)  # fmt: skip
        long = raw.frame(GetHeaders(70016, hashes[:102], bytes(32)))
        self.stays("btcd", long)
        self.ends("core", long, reason=Reason.MISBEHAVING)


class BothAtOnceTests(PeerTestCase):
    """Faults of a connection between two real peers."""

    def test_garbage_to_both(self) -> None:
        """Each side ends for itself, and both are rid of everything."""
        for policy in POLICIES:
            pair = Pair(regtest(policy))
            pair.deliver()
            pair.outbound.dataReceived(b"\xff" * 24)
            pair.inbound.dataReceived(b"\xff" * 24)
            pair.deliver()
            for peer in (pair.outbound, pair.inbound):
                self.assertIs(peer.ending and peer.ending.reason, Reason.OVERSIZE)
                self.assertEqual(peer.factory.peers, {})
            self.assertEqual(pair.clock.getDelayedCalls(), [])
