"""Tests of what stands inside Bitcoin's messages: headers, vectors, addresses."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from peerproto import networks
from peerproto.errors import LocalError, MalformedMessage
from peerproto.networks.bitcoin import (
    MSG_BLOCK,
    MSG_CMPCT_BLOCK,
    MSG_FILTERED_BLOCK,
    MSG_TX,
    MSG_WITNESS_BLOCK,
    MSG_WITNESS_TX,
    MSG_WTX,
    AddrV2,
    BlockHeader,
    Headers,
    InvVect,
    NetAddressV2,
    OutPoint,
)
from peerproto.networks.bitcoin.records import (
    address_fault,
    read_addresses_v2,
    read_headers,
    skim_headers,
    write_addresses_v2,
    write_headers,
)
from peerproto.wire.codec import Codec

BTCD = networks.named("bitcoin-mainnet").codec()
CORE = networks.named("bitcoin-mainnet", "core").codec()

GENESIS = networks.named("bitcoin-mainnet").chain.genesis
HEADER = BlockHeader(
    version=1,
    prev_block=bytes(32),
    merkle_root=GENESIS[36:68],
    timestamp=1231006505,
    bits=0x1D00FFFF,
    nonce=2083236893,
)


def of_kind(network_id: int, size: int, first: int = 0x20) -> NetAddressV2:
    """An address of so many bytes."""
    return NetAddressV2(1_700_000_000, 9, network_id, bytes((first,)) * size, 8333)


ALL_KINDS = [
    of_kind(*pair) for pair in ((1, 4), (2, 16), (3, 10), (4, 32), (5, 32), (6, 16), (7, 1), (99, 512))
]


class HeaderTests(SynchronousTestCase):
    """Block headers."""

    def test_genesis(self) -> None:
        """A header is 80 bytes, and its hash is the block's."""
        self.assertEqual(HEADER.pack(), GENESIS)
        self.assertEqual(HEADER.block_hash, networks.named("bitcoin-mainnet").genesis)
        self.assertEqual(HEADER.derived(), {"block_hash": HEADER.block_hash})

    def test_list(self) -> None:
        """In a list each header has a count of no transactions behind it."""
        raw = write_headers([HEADER, HEADER], BTCD)
        self.assertEqual(raw, b"\2" + (GENESIS + b"\0") * 2)
        self.assertEqual(read_headers(b"ab" + raw, 2, BTCD), ([HEADER, HEADER], 2 + len(raw)))
        self.assertEqual(skim_headers(b"ab" + raw, 2, BTCD), 2 + len(raw))
        self.assertEqual(read_headers(b"\0", 0, BTCD), ([], 1))

    def test_transactions_announced(self) -> None:
        """A header that announces transactions is refused, and told which."""
        raw = bytearray(write_headers([HEADER] * 3, BTCD))
        raw[1 + 81 + 80] = 5
        self.assertEqual(skim_headers(bytes(raw), 0, BTCD), len(raw))
        error = self.assertRaises(MalformedMessage, read_headers, bytes(raw), 0, BTCD)
        self.assertEqual((error.text, error.offset), ("a header announces 5 transactions, 0 allowed", 162))

    def test_too_many(self) -> None:
        """Of 2001 headers not one is looked at."""
        for look in (read_headers, skim_headers):
            error = self.assertRaises(MalformedMessage, look, bytes.fromhex("fdd107"), 0, BTCD)
            self.assertEqual(error.text, "2001 entries announced, at most 2000 allowed")
            self.assertRaises(IndexError, look, bytes.fromhex("fdd007"), 0, BTCD)

    def test_exact(self) -> None:
        """A hash of another length is not cut or filled."""
        for wrong in (HEADER._replace(prev_block=bytes(31)), HEADER._replace(merkle_root=bytes(33))):
            self.assertRaises(ValueError, write_headers, [HEADER, wrong], BTCD)
            self.assertRaises(LocalError, BTCD.encode, Headers([wrong]))

    def test_numbers(self) -> None:
        """The kinds of inventory have the numbers that everybody gives them."""
        self.assertEqual([MSG_TX, MSG_BLOCK, MSG_FILTERED_BLOCK, MSG_CMPCT_BLOCK, MSG_WTX], [1, 2, 3, 4, 5])
        self.assertEqual((MSG_WITNESS_TX, MSG_WITNESS_BLOCK), (0x40000001, 0x40000002))

    def test_keys(self) -> None:
        """What serves as a key is a plain value."""
        self.assertEqual(len({InvVect(1, bytes(32)), InvVect(1, bytes(32)), OutPoint(bytes(32), 1)}), 2)


class AddressV2Tests(SynchronousTestCase):
    """Addresses of BIP155."""

    def kept(self, codec: Codec, addresses: list[NetAddressV2]) -> list[int]:
        """The network ids that are kept of what is read."""
        raw = write_addresses_v2(addresses, codec)
        found, at = read_addresses_v2(b"ab" + raw + b"c", 2, codec)
        self.assertEqual(at, 2 + len(raw))
        return [address.network_id for address in found]

    def test_policies(self) -> None:
        """btcd keeps TorV2 and not I2P and CJDNS, Bitcoin Core the other way round; neither keeps the unknown."""
        self.assertEqual(self.kept(BTCD, ALL_KINDS), [1, 2, 3, 4])
        self.assertEqual(self.kept(CORE, ALL_KINDS), [1, 2, 4, 5, 6])

    def test_not_ipv6(self) -> None:
        """What stands under IPv6 and is none is left out: IPv4-mapped addresses and OnionCat's."""
        wrong = [
            of_kind(2, 16)._replace(addr_bytes=bytes(10) + b"\xff\xff" + bytes(4)),
            of_kind(2, 16)._replace(addr_bytes=bytes.fromhex("fd87d87eeb43") + bytes(10)),
        ]
        for codec in (BTCD, CORE):
            self.assertEqual(self.kept(codec, [*wrong, of_kind(2, 16)]), [2])

    def test_sizes(self) -> None:
        """An address of a wrong length is neither read nor written."""
        for network_id, size in ((1, 16), (2, 4), (3, 11), (4, 31), (5, 33), (6, 0), (7, 513)):
            wrong = of_kind(network_id, size)
            text = f"address of {size} bytes for network id {network_id}, "
            self.assertRegex(address_fault(wrong), text + r"(\d+|at most 512) allowed$")
            self.assertRaises(LocalError, write_addresses_v2, [wrong], BTCD)
            raw = b"\1" + bytes(4) + b"\1" + bytes((network_id,))
            raw += (bytes((size,)) if size < 253 else b"\xfd\1\2") + bytes(size + 2)
            error = self.assertRaises(MalformedMessage, read_addresses_v2, raw, 0, BTCD)
            self.assertEqual((error.text, error.offset), (address_fault(wrong), 8 if size < 253 else 10))
        for address in ALL_KINDS:
            self.assertEqual(address_fault(address), "")

    def test_too_many(self) -> None:
        """More than a thousand addresses are neither read nor written."""
        with self.assertRaisesRegex(LocalError, "^addrv2: addr_list: 1001 entries, at most 1000 allowed$"):
            BTCD.encode(AddrV2([of_kind(1, 4)] * 1001))
        raw = bytearray(write_addresses_v2([of_kind(1, 4)] * 1000, BTCD))
        self.assertEqual(len(read_addresses_v2(bytes(raw), 0, BTCD)[0]), 1000)
        raw[1:3] = (1001).to_bytes(2, "little")
        error = self.assertRaises(MalformedMessage, read_addresses_v2, bytes(raw), 0, BTCD)
        self.assertEqual(error.text, "1001 entries announced, at most 1000 allowed")

    def test_cut_anywhere(self) -> None:
        """A list that is cut says so, whether its addresses are kept or left out."""
        raw = write_addresses_v2(ALL_KINDS, BTCD)
        for end in range(len(raw)):
            frame = BTCD.envelope.wrap(BTCD.envelope.command("addrv2"), raw[:end])
            error = self.assertRaises(MalformedMessage, BTCD.decode, frame)
            self.assertEqual(error.text, f"ends inside addr_list: the payload has {end} bytes")
            self.assertLessEqual(error.offset, 24 + end)

    def test_does_not_fit(self) -> None:
        """A value that does not fit its field is not written."""
        for wrong in (
            of_kind(1, 4)._replace(port=65536),
            of_kind(1, 4)._replace(port=-1),
            of_kind(1, 4)._replace(timestamp=1 << 32),
            of_kind(1, 4)._replace(services=1 << 64),
            of_kind(256, 4),
            of_kind(1, 4)._replace(addr_bytes="1.2.3.4"),
        ):
            with self.assertRaisesRegex(LocalError, "^addrv2: .*(cannot be written|does not fit|allowed)"):
                BTCD.encode(AddrV2([wrong]))

    def test_text(self) -> None:
        """Each kind of address is shown as people write it."""
        for address, text in (
            (of_kind(1, 4)._replace(addr_bytes=bytes((192, 0, 2, 1))), "192.0.2.1"),
            (of_kind(2, 16)._replace(addr_bytes=bytes.fromhex("20010db8" + "00" * 11 + "01")), "2001:db8::1"),
            (of_kind(6, 16)._replace(addr_bytes=b"\xfc" + bytes(14) + b"\1"), "fc00::1"),
            (of_kind(3, 10, 0), "aaaaaaaaaaaaaaaa.onion"),
            (of_kind(5, 32, 0), "a" * 52 + ".b32.i2p"),
            (of_kind(9, 3, 0xAB), "ababab"),
        ):
            self.assertEqual(address.addr, text)
        self.assertRegex(of_kind(4, 32).addr, r"^[a-z2-7]{56}\.onion$")
