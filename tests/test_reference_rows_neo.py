"""The own tests of neo-go's seed (commit 8afec1ea4), row by row, on the bytes of the main network that they have."""

from __future__ import annotations

from hashlib import sha256
from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from peerproto import networks
from peerproto.errors import PeerLost, PeerStalled, Reason
from peerproto.networks import neo
from peerproto.networks.neo.transactions import CLAIM
from peerproto.peer.handshake import State
from peerproto.testing import RawPeer, memory_factory
from peerproto.wire.codec import Codec
from tests.everywhere import WAYS, EverywhereCase
from tests.neo_vectors import seed

MAIN = networks.named("neo-mainnet")
TYPES = {0x00: "Miner", CLAIM: "Claim", 0x80: "Contract", 0xD1: "Invocation"}


class WireCase(SynchronousTestCase):
    """Payloads of the main network."""

    codec: Codec = MAIN.codec()

    def read(self, command: str, payload: bytes) -> Any:
        """The message of a payload, which is written again as it was."""
        frame = self.codec.envelope.wrap(self.codec.envelope.command(command), payload)
        message = self.codec.decode(frame)
        self.assertEqual(self.codec.encode(type(message).from_fields(message.to_fields())), frame)
        return message

    def row(self, name: str) -> tuple[dict[str, Any], Any]:
        """What a row has, and the message that is in it."""
        entry = next(each for each in seed() if each["row"] == name)
        return entry, self.read(entry["command"], bytes.fromhex(entry["raw"]))


class TransactionRows(WireCase):
    """TestEncodeDecodeClaim and its like: each is read, written to the same bytes, and has its hash."""

    def check(self, name: str, type_: int) -> Any:
        """One of them."""
        entry, tx = self.row(name)
        self.assertEqual((tx.tx_hash[::-1].hex(), tx.type), (entry["hash"], type_))
        return tx

    def test_claim(self) -> None:
        """TestEncodeDecodeClaim."""
        claimed = self.check("TestEncodeDecodeClaim", 0x02).claims
        first = "497037a4c5e0a9ea1721e06f9d5e9aec183d11f2824ece93285729370f3a1baf"
        self.assertEqual(claimed[0].prev_hash[::-1].hex(), first)

    def test_contract(self) -> None:
        """TestEncodeDecodeContract."""
        tx = self.check("TestEncodeDecodeContract", 0x80)
        asset = "c56f33fc6ecfcd0c225c4ab356fee59390af8560be0e930faebe74a6daff7c9b"
        self.assertEqual((len(tx.inputs), tx.outputs[0].asset_id[::-1].hex()), (1, asset))
        self.assertEqual(tx.outputs[0].script_hash.hex(), "a8666b4830229d6a1a9b80f6088059191c122d2b")

    def test_enrollment(self) -> None:
        """TestEncodeDecodeEnrollment."""
        self.check("TestEncodeDecodeEnrollment", 0x20)

    def test_invocation(self) -> None:
        """TestEncodeDecodeInvoc, TestEncodeDecodeInvocAttributes."""
        self.check("TestEncodeDecodeInvoc", 0xD1)
        self.assertGreater(len(self.check("TestEncodeDecodeInvocAttributes", 0xD1).attributes), 0)

    def test_miner(self) -> None:
        """TestEncodeDecodeMiner."""
        self.check("TestEncodeDecodeMiner", 0x00)

    def test_publish(self) -> None:
        """TestEncodeDecodePublish."""
        self.check("TestEncodeDecodePublish", 0xD0)

    def test_register(self) -> None:
        """TestEncodeDecodeRegister, TestEncodeDecodeGenesisRegister."""
        self.check("TestEncodeDecodeRegister", 0x40)
        self.check("TestEncodeDecodeGenesisRegister", 0x40)

    def test_state(self) -> None:
        """TestEncodeDecodeState."""
        spent = self.check("TestEncodeDecodeState", 0x90).inputs[0].prev_hash[::-1].hex()
        self.assertEqual(spent, "a192cbabc6d613ecfcce43fd09e9197556ca5cf7d4bd1f6c65726ea9f08441cb")


class PayloadRows(WireCase):
    """The other messages."""

    def test_block_decode_encode(self) -> None:
        """TestBlockDecodeEncode: block 2,000,000 and the ids of its 18 transactions."""
        entry, block = self.row("TestBlockDecodeEncode")
        self.assertEqual(sorted(tx.tx_hash[::-1].hex() for tx in block.txs), entry["transactions"])
        self.assertEqual((block.header.index, len(block.txs)), (2_000_000, 18))

    def test_block_size_calculation(self) -> None:
        """TestBlockSizeCalculation: block 2,340,363, 7360 bytes, and what is in each of its 20 transactions."""
        entry, block = self.row("TestBlockSizeCalculation")
        self.assertEqual((len(entry["raw"]), block.header.index), (2 * 7360, 2_340_363))
        self.assertEqual(block.block_hash[::-1].hex(), entry["hash"])
        self.assertEqual(len(block.txs), 20)
        for tx, said in zip(block.txs, entry["transactions"], strict=True):
            found = {
                "id": tx.tx_hash[::-1].hex(),
                "type": f"{TYPES[tx.type]}Transaction",
                "size": len(self.codec.encode(tx)) - 24,
                "version": tx.version,
                "inputs": len(tx.inputs),
                "outputs": len(tx.outputs),
                "attributes": len(tx.attributes),
                "witnesses": len(tx.witnesses),
            }
            self.assertEqual(found, said)

    def test_headers(self) -> None:
        """TestEncodeDecode, TestAddAndEncodeHeaders: block 10 as a header, and its hash; TestNewHeaderMessage: none."""
        entry, headers = self.row("TestEncodeDecode")
        (header,) = headers.headers
        self.assertEqual((header.block_hash[::-1].hex(), header.index), (entry["hash"], 10))
        again = neo.Headers([header])
        self.assertEqual(self.codec.encode(again)[24:].hex(), entry["raw"])
        self.assertEqual(self.read("headers", b"\0").headers, [])

    def test_inventory(self) -> None:
        """TestNewInventory, TestEncodeDecodePayload, TestEmptyInv, TestGetDataCommandType: a type and the hashes."""
        block_hash = bytes.fromhex("d782db8a38b0eea0d7394e0f007c61c71798867578c77c387c08113903946cc9")
        for kind in (neo.Inv, neo.GetData):
            for hashes in ([block_hash], []):
                payload = self.codec.encode(kind(neo.INV_BLOCK, hashes))[24:]
                self.assertEqual(payload, b"\2" + bytes([len(hashes)]) + b"".join(hashes))
                self.assertEqual(self.read(kind.command, payload).hashes, hashes)

    def test_get_headers(self) -> None:
        """TestGetHeadersEncodeDecode, TestGetBlocksCommandType: four starts and a stop; here at least one start."""
        starts, stop = [sha256(each).digest() for each in (b"a", b"b", b"c", b"d")], sha256(b"e").digest()
        for kind in (neo.GetHeaders, neo.GetBlocks):
            payload = self.codec.encode(kind(starts, stop))[24:]
            self.assertEqual(payload, b"\4" + b"".join(starts) + stop)
            self.assertEqual(self.read(kind.command, payload), kind(starts, stop))

    def test_addr(self) -> None:
        """TestAddrMessageEncodeDecode: one address of IPv4."""
        address = neo.NetAddress(1_600_000_000, 1, "127.0.0.1", 8080)
        payload = self.codec.encode(neo.Addr([address]))[24:]
        self.assertEqual(self.read("addr", payload).addr_list, [address])

    def test_empty(self) -> None:
        """TestNewGetAddr, TestNewVerack: nothing but the command."""
        for kind in (neo.GetAddr, neo.VerAck):
            self.assertEqual(self.read(kind.command, b""), kind())

    def test_version(self) -> None:
        """TestWriteMessageLen, TestReadMessage, TestValidNewVersionMessage, TestEncode, TestLenIsCorrect: 24 bytes of
        header, 28 of version and those of the agent.
        """
        for agent, height in (("/NEO-GO/", 0), ("/NEO-GO/", 23), ("", 1)):
            version = neo.Version(0, 1, 1_600_000_000, 8333, 100, agent, height, True)
            frame = self.codec.encode(version)
            self.assertEqual(len(frame), 24 + 28 + len(agent))
            self.assertEqual(self.read("version", frame[24:]), version)
        self.assertEqual(len(self.codec.encode(neo.Version(0, 1, 0, 8333, 100, "/NEO-GO/", 0, True))), 60)


class PeerRows(EverywhereCase):
    """Its packages `peer` and `peer/stall`."""

    def test_handshake(self) -> None:
        """TestHandshake: version and verack, of each side."""
        for inbound in (True, False):
            raw = self.made("neo-cli", inbound=inbound, network=MAIN)
            self.assertEqual(self.commands(raw), ["version"])
            raw.send(raw.version(height=2_595_770))
            self.assertFalse(raw.peer.verack_received)
            self.assertEqual(self.commands(raw), ["verack"])
            raw.send(neo.VerAck())
            self.assertTrue(raw.peer.verack_received)

    def test_configurations(self) -> None:
        """TestConfigurations: what was configured is what is said; nothing is known before the handshake."""
        raw = self.made(
            "neo-cli", inbound=True, network=MAIN, user_agent="NEO-GO-Default", services=1, nonce=1200, port=10332,
            relay=False, height=lambda: 10,
        )  # fmt: skip
        peer = raw.peer
        self.assertEqual(
            (peer.inbound, peer.verack_received, peer.state), (True, False, State.AWAITING_VERSION)
        )
        self.assertEqual(peer.time_connected, 1_600_000_000.0)
        (version,) = raw.read()
        self.assertEqual(version, neo.Version(0, 1, 1_600_000_000, 10332, 1200, "NEO-GO-Default", 10, False))

    def test_peer_disconnect(self) -> None:
        """TestPeerDisconnect: what is written afterwards fails, and no detector goes on."""
        raw = self.on("neo-cli")
        waiting = raw.peer.request_headers([bytes(32)])
        raw.peer.disconnect()
        sent = raw.peer.send(neo.VerAck(), notify=True)
        self.failureResultOf(sent, PeerLost)
        raw.close()
        self.failureResultOf(waiting, PeerLost)
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_notify_disconnect(self) -> None:
        """TestNotifyDisconnect: who waits for the end is told, also afterwards; the factory has the peer no more."""
        raw = self.on("neo-cli")
        waiting = raw.peer.when_disconnected()
        raw.peer.disconnect()
        raw.close()
        self.assertEqual(self.successResultOf(waiting).reason, Reason.LOCAL_CLOSE)
        self.assertIs(self.successResultOf(raw.peer.when_disconnected()), raw.peer.ending)
        self.assertEqual(len(raw.peer.factory.peers), 0)

    def test_add_remove_message(self) -> None:
        """TestAddRemoveMessage: a getaddr is owed an answer until an addr comes."""
        raw = self.on("neo-cli")
        waiting = raw.peer.request_addresses()
        self.assertEqual([ask.name for ask in raw.peer.pending.open()], ["getaddr"])
        raw.send(neo.Addr([neo.NetAddress(0, 1, "192.0.2.1", 1)]))
        self.successResultOf(waiting)
        self.assertEqual(raw.peer.pending.open(), [])

    def test_deadline(self) -> None:
        """TestDeadlineWorks, TestDeadlineShouldNotBeEmpty: owed until then; after it nothing is."""
        raw = self.on("neo-cli")
        raw.peer.send(neo.GetHeaders([bytes(32)], bytes(32)))
        self.assertIsNone(raw.peer.pending.stalled(raw.peer.watch.now()))
        self.let_pass(119)
        self.assertFalse(raw.hung_up)
        self.let_pass(31)
        self.assertIsInstance(self.why(raw), PeerStalled)
        raw.close()
        self.assertIsNone(raw.peer.pending.stalled(raw.peer.watch.now()))

    def test_add_peer(self) -> None:
        """TestAddPeer, TestNotifyDisconnect of `peermgr`: each is there once, and no more when it has ended."""
        factory = memory_factory(WAYS["neo-cli"], clock=self.clock)
        raws = [RawPeer(factory) for _ in range(3)]
        factory.remember(raws[2].peer)
        self.assertEqual(list(factory.peers.values()), [raw.peer for raw in raws])
        for left in (2, 1, 0):
            raws[left].close()
            self.assertEqual(len(factory.peers), left)
