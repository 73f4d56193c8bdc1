"""The references' tests of single values, of names and of the envelope, row by row, on each network that has them."""

from __future__ import annotations

from importlib import import_module
from typing import Annotated, Any

from twisted.trial.unittest import SynchronousTestCase

from peerproto import networks
from peerproto.errors import (
    BadChecksum,
    Incomplete,
    LocalError,
    MalformedMessage,
    Oversize,
    OversizeCommand,
    UnknownCommand,
    WrongNetwork,
)
from peerproto.network import Network
from peerproto.networks import kaspa
from peerproto.networks.kaspa import NATIVE, REGISTRY
from peerproto.wire.codec import Codec
from peerproto.wire.fields import VarText, uint8
from peerproto.wire.message import Message, message
from tests.everywhere import module_of
from tests.test_varint import BOUNDS

MAINS = {
    "btcd": networks.named("bitcoin-mainnet", "btcd"),
    "dcrd": networks.named("decred-mainnet", "dcrd"),
    "soterd": networks.named("soter-mainnet"),
    "kaspad": networks.named("kaspa-mainnet"),
}
"""The references test with these nets."""

FAMILIES = {"btcd": "bitcoin", "dcrd": "decred", "soterd": "soter", "kaspad": "kaspa"}


class NumberRows(SynchronousTestCase):
    """What stands in messages."""

    def test_var_int_non_canonical(self) -> None:
        """TestVarIntNonCanonical: the six forms of it."""
        forms = ("fd0000", "fdfc00", "fe00000000", "feffff0000", "ff" + "00" * 8, "ffffffffff00000000")
        for net in MAINS.values():
            codec = net.codec()
            for form in forms:
                frame = codec.envelope.wrap(codec.envelope.command("inv"), bytes.fromhex(form))
                error = self.assertRaises(MalformedMessage, codec.decode, frame)
                self.assertIn("not in its shortest form", str(error))

    def test_var_int_serialize_size(self) -> None:
        """TestVarIntSerializeSize: one byte up to 0xfc, then three, five and nine."""
        sizes = [len(bytes.fromhex(raw)) for raw in BOUNDS.values()]
        self.assertEqual(sizes, [1, 1, 1, 3, 3, 5, 5, 9, 9])

    def test_overflow(self) -> None:
        """TestVarStringOverflowErrors, TestVarBytesOverflowErrors, TestAsciiVarStringOverflowErrors: lengths that
        cannot be, in front of text and of bytes.
        """
        for length in ("ff" * 9, "ff0000000000000080", "feffffffff"):
            for way, command in (
                ("btcd", "reject"),
                ("kaspad", "reject"),
                ("btcd", "filteradd"),
                ("dcrd", "getinitstate"),
            ):
                codec = MAINS[way].codec()
                before = "01" if way == "dcrd" else ""
                payload = bytes.fromhex(before + length) + bytes(9)
                frame = codec.envelope.wrap(codec.envelope.command(command), payload)
                self.assertRaises(MalformedMessage, codec.decode, frame)

    def test_version_optional_fields(self) -> None:
        """TestVersionOptionalFields: it may end behind each field from the other side's address on, not within one."""
        for way in ("btcd", "dcrd", "soterd"):
            codec = MAINS[way].codec()
            vectors: Any = import_module(f"tests.{FAMILIES[way]}_vectors")
            entry = next(
                each
                for each in vectors.golden()
                if each["command"] == "version"
                and each["pver"] == max(other["pver"] for other in vectors.golden())
            )
            payload = vectors.frame_of(entry)[24:]
            whole = [
                end for end in range(len(payload) + 1) if self.is_read(vectors.codec_of(entry), payload[:end])
            ]
            agent = 1 + payload[80]
            ends = [46, 72, 80, 80 + agent, *([80 + agent + 32] if way == "soterd" else [])]
            last = ends[-1] + 4
            self.assertEqual(whole, [*ends, last, last + 1], way)
            self.assertEqual(codec.envelope.size, 24)

    def is_read(self, codec: Codec, payload: bytes) -> bool:
        """Whether a payload of a version is taken."""
        try:
            codec.decode(codec.envelope.wrap(codec.envelope.command("version"), payload))
        except MalformedMessage:
            return False
        return True

    def test_witness_overflow(self) -> None:
        """TestTxWitnessOverflowPanic: witness items that are longer together than anything that came."""
        codec = MAINS["btcd"].codec(witness=True)
        items = b"".join(b"\xfe" + size.to_bytes(4, "little") for size in (3_000_000, 2_000_000))
        tx = bytes.fromhex("01000000000101") + bytes(36) + b"\0" + bytes(4) + b"\0" + b"\2" + items
        frame = codec.envelope.wrap(codec.envelope.command("tx"), tx)
        self.assertRaises(MalformedMessage, codec.decode, frame)


class NameRows(SynchronousTestCase):
    """How numbers are called."""

    def test_inv_type_stringer(self) -> None:
        """TestInvTypeStringer: the types of inventory that are asked for by name; others by their number."""
        for way, names in (
            ("btcd", {1: "tx", 2: "block"}),
            ("dcrd", {1: "tx", 2: "block", 4: "mix"}),
            ("soterd", {1: "tx", 2: "block"}),
            ("kaspad", {1: "tx", 2: "block"}),
        ):
            kinds = module_of(MAINS[way])
            for number in range(16):
                vector = (
                    kinds.InvVect(number, 0, bytes(32))
                    if way == "soterd"
                    else kinds.InvVect(number, bytes(32))
                )
                ((name, _),) = MAINS[way].item_keys(kinds.Inv([vector]))
                self.assertEqual(name, names.get(number, name), (way, number))
                if number == 15:
                    self.assertIn("15", name)

    def test_reject_code_stringer(self) -> None:
        """TestRejectCodeStringer: what the codes are called; one that nobody knows is said to be so."""
        common = {
            0x01: "malformed", 0x10: "invalid", 0x11: "obsolete", 0x12: "duplicate", 0x40: "nonstandard", 0x41: "dust",
            0x42: "insufficient fee", 0x43: "checkpoint", 0xFF: "unknown",
        }  # fmt: skip
        own = {**common, 0x13: "not requested", 0x43: "finality", 0x44: "difficulty"}
        for way, names in (("btcd", common), ("dcrd", common), ("soterd", common), ("kaspad", own)):
            reject = module_of(MAINS[way]).Reject
            for code, name in names.items():
                said = MAINS[way].summaries[reject](reject("version", code, "why", None))
                self.assertEqual(said, f"cmd version, code {code:#04x} {name}, reason why")

    def test_service_flags(self) -> None:
        """TestServiceFlagStringer, TestHasFlag: bits by name, and what is not named by its place."""
        for net, bits, names in (
            ("btcd", 1 | 8 | 1024, ["NETWORK", "WITNESS", "NETWORK_LIMITED"]),
            ("dcrd", 1 | 4, ["NETWORK", "COMMITTED_FILTERS"]),
            ("soterd", 1 | 4, ["NETWORK", "BLOOM"]),
            ("kaspad", 37, ["NETWORK", "BLOOM", "CF"]),
        ):
            self.assertEqual(MAINS[net].service_names(bits)[: len(names)], names, net)
            self.assertEqual(MAINS[net].service_names(0), [])
            self.assertEqual(len(MAINS[net].service_names((1 << 64) - 1)), 64)

    def test_net_stringers(self) -> None:
        """TestBitcoinNetStringer, TestCurrencyNetStringer, TestSoterNetStringer, TestKaspaNetStringer: nets by name."""
        for family, nets in (
            ("bitcoin", "mainnet testnet3 regtest simnet"),
            ("decred", "mainnet testnet simnet regnet"),
            ("soter", "mainnet testnet regtest simnet"),
            ("kaspa", "mainnet testnet regtest simnet devnet"),
        ):
            for net in nets.split():
                name = f"{family}-{net}"
                self.assertIn(name, networks.names())
                self.assertEqual(str(networks.named(name).name), name)


class EnvelopeRows(SynchronousTestCase):
    """How messages are told from each other."""

    def test_read_message_wire_errors(self) -> None:
        """TestReadMessageWireErrors: its ten cases, by what each ends with; alike on all networks."""
        for way, net in MAINS.items():
            for case, (frame, error) in self.cases(net).items():
                found = self.assertRaises(MalformedMessage, net.codec().decode, frame)
                self.assertIs(type(found), error, (way, case))

    def cases(self, net: Network) -> dict[str, tuple[bytes, type[MalformedMessage]]]:
        """What a frame of each case is refused with."""
        envelope = net.envelope
        ping = envelope.wrap(envelope.command("ping"), bytes(8))
        over = envelope.most + 1
        return {
            "empty": (b"", Incomplete),
            "short header": (ping[:20], Incomplete),
            "wrong magic": (b"\xff\xff\xff\xff" + ping[4:], WrongNetwork),
            "over all": (ping[:16] + over.to_bytes(4, "little") + ping[20:24], Oversize),
            "no text": (ping[:4] + b"\xff" * 12 + ping[16:], MalformedMessage),
            "unknown": (envelope.wrap(envelope.command("bogus"), b""), UnknownCommand),
            "over its own": (envelope.wrap(envelope.command("verack"), b"\0"), OversizeCommand),
            "payload cut": (ping[:-1], Incomplete),
            "checksum": (ping[:20] + b"\xbe\xef" + ping[22:], BadChecksum),
            "content": (envelope.wrap(envelope.command("inv"), b"\1"), MalformedMessage),
            "15000 bytes": (envelope.wrap(envelope.command("bogus"), bytes(15_000)), UnknownCommand),
        }

    def test_write_message_wire_errors(self) -> None:
        """TestWriteMessageWireErrors: a command that is too long, one that is none of the network's, what cannot be
        encoded, and what is longer than its kind may be, are told to whoever sends them, and nothing is written.
        """

        @message("bogus", most=10)
        class Bogus(Message):
            """Of no network."""

            number: uint8
            text: Annotated[str, VarText(100)]

        for net in MAINS.values():
            codec = net.codec()
            self.assertRaises(LocalError, codec.envelope.command, "somethingtoolong")
            self.assertRaises(LocalError, codec.encode, Bogus(1, ""))
            self.assertRaises(LocalError, codec.encode, module_of(net).Ping(1 << 64))
            big = Codec((Bogus,), codec.envelope, codec.policy, 1, witness=False)
            self.assertRaises(LocalError, big.encode, Bogus(256, ""))
            self.assertRaises(LocalError, big.encode, Bogus(1, "too long for it"))
            self.assertEqual(len(big.encode(Bogus(1, "right"))), 24 + 7)


class KaspaRows(SynchronousTestCase):
    """kaspad's, of subnetworks."""

    ours, other = bytes([123]) + bytes(19), bytes([234]) + bytes(19)

    def tx(self, subnetwork: bytes) -> kaspa.Tx:
        """A transaction of a subnetwork."""
        if subnetwork == NATIVE:
            return kaspa.Tx(1, [], [], 0, NATIVE)
        return kaspa.Tx(1, [], [], 0, subnetwork, 0, bytes(32), b"\1")

    def test_convert_to_partial(self) -> None:
        """TestConvertToPartial: payloads of other subnetworks are emptied, that of the peer's own is kept; what names
        them stays.
        """
        given = [self.tx(each) for each in (NATIVE, REGISTRY, self.ours, self.other)]
        header = kaspa.BlockHeader(1, [], bytes(32), bytes(32), bytes(32), 5, 6, 7)
        block = kaspa.Block(header, given)
        cut = block.for_subnetwork(self.ours)
        self.assertEqual([tx.subnetwork_payload for tx in cut.transactions], [None, b"", b"\1", b""])
        self.assertEqual([tx.tx_id for tx in cut.transactions], [tx.tx_id for tx in given])
        self.assertEqual([tx.subnetwork_payload for tx in given], [None, b"\1", b"\1", b"\1"])
        codec = MAINS["kaspad"].codec()
        self.assertEqual(codec.decode(codec.encode(cut)), cut)
        self.assertEqual(cut.block_hash, block.block_hash)

    def test_is_subnetwork_compatible(self) -> None:
        """TestIsSubnetworkCompatible: all concerns a full node and the native subnetwork; else only one's own."""
        tx = self.tx(self.ours)
        suits = [tx.concerns(each) for each in (None, NATIVE, self.ours, self.other)]
        self.assertEqual(suits, [True, True, True, False])

    def test_block_header_serialize_size(self) -> None:
        """TestBlockHeaderSerializeSize, TestIsGenesis: 121 bytes, and 32 for each parent; the first has none."""
        header = kaspa.BlockHeader(1, [], bytes(32), bytes(32), bytes(32), 5, 6, 7)
        for parents in range(4):
            hashes = [bytes([number]) * 32 for number in range(parents)]
            self.assertEqual(len(header._replace(parent_hashes=hashes).pack()), 121 + 32 * parents)
        for net in kaspa.NETS:
            network = networks.named(f"kaspa-{net}")
            first, _ = kaspa.read_header(network.chain.genesis, 0, network.codec())
            self.assertEqual(first.parent_hashes, [])
