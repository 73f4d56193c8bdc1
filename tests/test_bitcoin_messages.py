"""Tests of Bitcoin's messages: older protocol versions, limits, headers as bytes."""

from __future__ import annotations

from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from peerproto import networks
from peerproto.errors import LocalError, MalformedMessage, OversizeCommand
from peerproto.networks.bitcoin import (
    Addr,
    AddrV2,
    BlockHeader,
    FeeFilter,
    GetHeaders,
    Headers,
    Inv,
    InvVect,
    MemPool,
    NetAddress,
    NetAddressV2,
    Ping,
    Pong,
    Reject,
    SendAddrV2,
    SendHeaders,
    TimedAddress,
    VerAck,
    Version,
)
from peerproto.wire.message import Message
from tests.bitcoin_vectors import by_label, codec_of, frame_of

NETWORK = networks.named("bitcoin-mainnet")
CORE = networks.named("bitcoin-mainnet", "core")

VERSION = Version(
    protocol_version=70016,
    services=9,
    timestamp=1_700_000_000,
    addr_you=NetAddress(1, "192.0.2.1", 8333),
    addr_me=NetAddress(9, "2001:db8::1", 8334),
    nonce=1234,
    user_agent="/peerproto/",
    last_block=800_000,
    disable_relay_tx=True,
)


def payload_of(message: Message, pver: int = 70016) -> bytes:
    """The payload of a message at a protocol version."""
    return NETWORK.codec(pver).encode(message)[24:]


def frame_with(command: str, payload: bytes) -> bytes:
    """A frame with any payload."""
    return NETWORK.envelope.wrap(NETWORK.envelope.command(command), payload)


def again(message: Message, pver: int = 70016) -> Any:
    """What a peer at this protocol version reads of it."""
    codec = NETWORK.codec(pver)
    return codec.decode(codec.encode(message))


class VersionTests(SynchronousTestCase):
    """Introductions of old and new peers."""

    def test_relay_byte(self) -> None:
        """The relay byte is written from 70001 on, and holds the flag the other way round."""
        self.assertEqual(len(payload_of(VERSION, 70000)) + 1, len(payload_of(VERSION, 70001)))
        self.assertEqual(payload_of(VERSION)[-1], 0)
        self.assertEqual(again(VERSION), VERSION)

    def test_no_relay_byte(self) -> None:
        """Without a relay byte relay is on, and any other than 0 means so too."""
        self.assertFalse(again(VERSION, 70000).disable_relay_tx)
        raw = payload_of(VERSION)
        for byte in (1, 2, 255):
            found = NETWORK.codec().decode(frame_with("version", raw[:-1] + bytes((byte,))))
            assert isinstance(found, Version)
            self.assertFalse(found.disable_relay_tx)

    def test_oldest(self) -> None:
        """All behind the address of the other side may be missing."""
        found = NETWORK.codec(106).decode(frame_with("version", payload_of(VERSION)[:46]))
        expected = Version(70016, 9, 1_700_000_000, VERSION.addr_you, NetAddress(0, "::", 0), 0, "", 0, False)
        self.assertEqual(found, expected)

    def test_user_agent(self) -> None:
        """A user agent of 256 bytes is the longest; older peers take no version as long as that."""
        longest = Version.from_fields({**VERSION.to_fields(), "user_agent": "x" * 256})
        self.assertEqual(again(longest), longest)
        longest.user_agent += "x"
        with self.assertRaisesRegex(LocalError, "^version: user_agent: 257 bytes, at most 256 allowed$"):
            payload_of(longest)
        self.assertEqual((Version.limit(31402), Version.limit(31401)), (358, 350))

    def test_user_agent_that_is_no_text(self) -> None:
        """A user agent of any bytes is read, and written as it came."""
        raw = payload_of(VERSION).replace(b"/peerproto/", b"\xff\0\xfeerproto\n")
        found = NETWORK.codec().decode(frame_with("version", raw))
        assert isinstance(found, Version)
        self.assertEqual(found.user_agent, "\udcff\0\udcfeerproto\n")
        self.assertEqual(payload_of(found), raw)

    def test_no_host_names(self) -> None:
        """A version has addresses, no names."""
        named = Version.from_fields(VERSION.to_fields())
        named.addr_you = NetAddress(0, "node.example.org", 8333)
        self.assertRaises(LocalError, payload_of, named)


class SinceTests(SynchronousTestCase):
    """Messages by protocol version."""

    def test_first_version(self) -> None:
        """A message is sent and taken from its version on, not before."""
        for message, since in (
            (Pong(1), 60001),
            (MemPool(), 60002),
            (Reject("x", 1, "y"), 70002),
            (SendHeaders(), 70012),
            (FeeFilter(1), 70013),
            (SendAddrV2(), 70016),
            (AddrV2([]), 70016),
        ):
            self.assertEqual(again(message, since), message)
            self.assertRaises(LocalError, payload_of, message, since - 1)
            frame = frame_with(message.command, payload_of(message))
            self.assertRaises(MalformedMessage, NETWORK.codec(since - 1).decode, frame)

    def test_ping(self) -> None:
        """A ping has a nonce from 60001 on."""
        self.assertEqual(payload_of(Ping(258), 60001).hex(), "0201000000000000")
        self.assertEqual(payload_of(Ping(258), 60000), b"")
        self.assertEqual(again(Ping(258), 60000), Ping())
        self.assertRaises(LocalError, payload_of, Ping(), 60001)
        self.assertRaises(OversizeCommand, NETWORK.codec(60000).decode, frame_with("ping", bytes(8)))

    def test_addr(self) -> None:
        """Addresses have a time from 31402 on, and are one at most below 209."""
        new = Addr([TimedAddress(5, 1, "192.0.2.1", 8333)] * 1000)
        old = Addr([new.addr_list[0]._replace(timestamp=None)] * 1000)  # type: ignore[arg-type]
        self.assertEqual(again(new), new)
        self.assertEqual(again(new, 31401), old)
        self.assertEqual(again(old, 31401), old)
        self.assertRaises(LocalError, payload_of, old)
        self.assertEqual([Addr.limit(pver) for pver in (31402, 31401, 208)], [30_009, 26_009, 35])
        self.assertRaises(LocalError, payload_of, new, 208)
        self.assertEqual(len(again(Addr(new.addr_list[:1]), 208).addr_list), 1)

    def test_reject(self) -> None:
        """A reject has a hash if it is of a transaction or a block."""
        for cmd, found in (("tx", bytes(range(32))), ("block", bytes(32)), ("version", None)):
            reject = Reject(cmd, 0x10, "no", found)
            self.assertEqual(again(reject), reject)
        self.assertRaises(LocalError, payload_of, Reject("tx", 0x10, "no"))
        self.assertRaises(LocalError, payload_of, Reject("tx", 0x10, "no", bytes(31)))
        self.assertEqual(payload_of(Reject("x", 0x10, "no", bytes(32))).hex(), "017810026e6f")


class LimitTests(SynchronousTestCase):
    """As many as may be, and one more."""

    def test_most(self) -> None:
        """Messages are written and read up to their limits and no further."""
        vector, header = InvVect(1, bytes(32)), BlockHeader(1, bytes(32), bytes(32), 2, 3, 4)
        for kind, item, most in (
            (Inv, vector, 50_000),
            (Headers, header, 2000),
            (lambda items: GetHeaders(1, items, bytes(32)), bytes(32), 500),
        ):
            self.assertEqual(again(kind([item] * most)), kind([item] * most))
            self.assertRaises(LocalError, payload_of, kind([item] * (most + 1)))

    def test_addresses(self) -> None:
        """More than a thousand addresses are refused by their count, with times and without."""
        payload = bytes.fromhex("fde903")
        for pver in (70016, 31401):
            error = self.assertRaises(
                MalformedMessage, NETWORK.codec(pver).decode, frame_with("addr", payload)
            )
            self.assertEqual(error.text, "1001 entries announced, at most 1000 allowed")

    def test_empty(self) -> None:
        """A message without fields has no payload, and one with a payload is none."""
        self.assertEqual(payload_of(VerAck()), b"")
        self.assertRaises(OversizeCommand, NETWORK.codec().decode, frame_with("verack", b"\0"))


class AddressTests(SynchronousTestCase):
    """Addresses of BIP155 as JSON."""

    def test_plain(self) -> None:
        """An address is shown with its text, which need not be given."""
        found = AddrV2([NetAddressV2(5, 9, 1, bytes((192, 0, 2, 1)), 8333)])
        plain = found.to_fields()
        self.assertEqual(
            plain["addr_list"],
            [
                {
                    "timestamp": 5,
                    "services": 9,
                    "network_id": 1,
                    "addr_bytes": "c0000201",
                    "port": 8333,
                    "addr": "192.0.2.1",
                }
            ],
        )
        del plain["addr_list"][0]["addr"]
        self.assertEqual(AddrV2.from_fields(plain), found)

    def test_misfit(self) -> None:
        """An address whose length does not fit its network is named."""
        plain = AddrV2([NetAddressV2(5, 9, 1, bytes(5), 8333)]).to_fields()
        with self.assertRaisesRegex(
            LocalError, r"^addrv2: addr_list\[0\].addr_bytes: address of 5 bytes for network id 1, 4 allowed$"
        ):
            AddrV2.from_fields(plain)

    def test_left_out(self) -> None:
        """What the policy leaves out is sent on all the same while nobody has looked."""
        entry = by_label("addrv2-core-all")
        codec, frame = codec_of(entry, "btcd"), frame_of(entry)
        found = codec.decode(frame, strict=False)
        self.assertEqual(codec.encode(found), frame)
        found.load()
        self.assertLess(len(codec.encode(found)), len(frame))


class SerializedTests(SynchronousTestCase):
    """Headers as bytes, without objects."""

    headers = Headers([BlockHeader(number, bytes(32), bytes(32), 2, 3, 4) for number in range(300)])
    expected = [header.pack() for header in headers.headers]

    def came(self, payload: bytes, policy: str = "btcd") -> Headers:
        """Headers that came, unread."""
        codec = networks.named("bitcoin-mainnet", policy).codec()
        found = codec.decode(frame_with("headers", payload), strict=False)
        assert isinstance(found, Headers)
        return found

    def test_unread(self) -> None:
        """The bytes are taken as they came; nothing is read for it."""
        for message in (self.headers, Headers(self.headers.headers[:1]), Headers([])):
            found = self.came(payload_of(message))
            self.assertEqual(found.serialized(), self.expected[: len(message.headers)])
            self.assertIsNotNone(found.is_untouched())

    def test_read_or_made(self) -> None:
        """Of headers that were read, or made here, the bytes are made."""
        self.assertEqual(self.headers.serialized(), self.expected)
        found = self.came(payload_of(self.headers))
        found.headers.pop()
        self.assertEqual(found.serialized(), self.expected[:-1])

    def test_announces_transactions(self) -> None:
        """A header that announces transactions is refused here as well, by its place in the frame."""
        raw = bytearray(payload_of(self.headers))
        raw[3 + 81 * 5 + 80] = 1
        for _ in range(2):
            error = self.assertRaises(MalformedMessage, self.came(bytes(raw)).serialized)
            self.assertEqual(str(error), "headers: a header announces 1 transactions, 0 allowed")
            self.assertEqual(error.offset, 24 + 3 + 81 * 5 + 80)

    def test_trailing(self) -> None:
        """Bytes behind the last header, which Bitcoin Core does not mind, are no header."""
        for trailing in (b"\0", b"\1", b"\1" * 81, b"\1" * 200):
            found = self.came(payload_of(self.headers) + trailing, "core")
            self.assertEqual(found.serialized(), self.expected)
        self.assertRaises(MalformedMessage, self.came, payload_of(self.headers) + b"\0")
