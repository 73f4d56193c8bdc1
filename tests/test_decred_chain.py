"""Tests of Decred's chains of headers: hashes, work, difficulty, the chain that dcrd has mined."""

from __future__ import annotations

import sys
from unittest.mock import patch

from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from peerproto import networks
from peerproto.chain.rules import ChainRules, display
from peerproto.errors import InvalidHeaders, LocalError
from peerproto.networks import decred
from peerproto.networks.decred import chains, work
from peerproto.networks.decred.records import HEADER
from peerproto.node.headerchain import Added, HeaderChain
from peerproto.node.headerstore import HeaderStore
from peerproto.node.mining import mine
from peerproto.node.node import Node
from peerproto.peer.factory import Nonces
from peerproto.testing import RawPeer
from peerproto.wire.blake256 import blake256
from tests.decred_vectors import NETS, Entry, load

NOW = 1_800_000_000.0
GENESIS = {
    "mainnet": "298e5cc3d985bfe7f81dc135f360abe089edd4396b86d2de66b0cef42b21d980",
    "testnet": "a649dce53918caf422e9c711c858837e08d626ecfcd198969b24f7b634a49bac",
    "simnet": "6bef82c645999585f7255cb02672921ac2f5492820090cd635fe3a59d16b4f87",
    "regnet": "2ced94b4ae95bba344cfa043268732d230649c640f92dce2d9518823d3057cb0",
}


def opened(rules: ChainRules = chains.SIMNET) -> HeaderChain:
    return HeaderChain(HeaderStore(":memory:", rules), rules, lambda: NOW)


def mined() -> list[bytes]:
    """The headers that dcrd has mined on simnet, without genesis."""
    return [bytes.fromhex(entry["header"]) for entry in load("simnet-chain")[1:]]


def changed(header: bytes, **changes: object) -> bytes:
    """A header with other fields; its work is whatever comes of it."""
    return decred.BlockHeader._make(HEADER.unpack(header))._replace(**changes).pack()


class WithoutBlake3:
    """As if the package were not installed."""

    def __enter__(self) -> None:
        self._patch = patch.dict(sys.modules, {"blake3": None})
        self._patch.start()
        work._blake3.cache_clear()

    def __exit__(self, *_: object) -> None:
        self._patch.stop()
        work._blake3.cache_clear()


class HashTests(SynchronousTestCase):
    """The hashes of a header."""

    def test_headers(self) -> None:
        """Both hashes of dcrd's headers, and the headers themselves."""
        for entry in load("pow"):
            header = bytes.fromhex(entry["header"])
            self.assertEqual(blake256(header).hex(), entry["block_hash"], entry["label"])
            self.assertEqual(work.blake3(header).hex(), entry["pow_hash_v2"], entry["label"])
            parsed = decred.BlockHeader._make(HEADER.unpack(header))
            shown = {name: v.hex() if isinstance(v, bytes) else v for name, v in parsed._asdict().items()}
            self.assertEqual(shown, entry["fields"], entry["label"])
            self.assertEqual((parsed.pack(), parsed.block_hash), (header, blake256(header)))

    def test_blake3(self) -> None:
        """Digests of messages of other lengths."""
        for entry in load("blake3"):
            message = bytes((index * 131 + 89) % 256 for index in range(entry["length"]))
            self.assertEqual(work.blake3(message).hex(), entry["digest"], entry["length"])

    def test_genesis(self) -> None:
        """Each net has dcrd's genesis block."""
        known = {bytes.fromhex(entry["header"]) for entry in load("pow")[:4]}
        for net in NETS:
            network = networks.named(f"decred-{net}")
            self.assertEqual(display(network.genesis), GENESIS[net])
            self.assertIn(network.chain.genesis, known)

    def test_when_it_changes(self) -> None:
        """The work is BLAKE-256's up to a height and BLAKE3's from it on; on regnet the better one counts."""
        header = mined()[0]
        for rules, height in ((chains.MAINNET, 794_368), (chains.TESTNET, 1_170_048), (chains.SIMNET, 1)):
            before, after = changed(header, height=height - 1), changed(header, height=height)
            self.assertEqual(rules.work_hash(before), blake256(before))
            self.assertEqual(rules.work_hash(after), work.blake3(after))
        best = {work.either(changed(header, nonce=nonce))[::-1] for nonce in range(9)}
        found = [
            {blake256(one)[::-1], work.blake3(one)[::-1]}
            for one in (changed(header, nonce=n) for n in range(9))
        ]
        self.assertEqual(best, {min(pair) for pair in found})
        self.assertGreater(len({blake256(changed(header, nonce=n))[::-1] in best for n in range(9)}), 1)


class SimnetTests(SynchronousTestCase):
    """The chain that dcrd has mined."""

    def test_syncs(self) -> None:
        """All 60 headers are taken, at once or one by one, and the chain ends as dcrd's."""
        last: Entry = load("simnet-chain")[-1]
        for step in (1, 7, 60):
            chain, headers = opened(), mined()
            for start in range(0, 60, step):
                chain.add(headers[start : start + step])
            self.assertEqual((chain.height, chain.tip.hex()), (60, last["block_hash"]))
            self.assertEqual(display(chain.tip), last["display_hash"])

    def test_blocks(self) -> None:
        """The blocks are read, and their headers are those of the chain."""
        codec = networks.named("decred-simnet").codec()
        for entry in load("simnet-chain"):
            payload = bytes.fromhex(entry["block"])
            found = codec.decode(codec.envelope.wrap(codec.envelope.command("block"), payload))
            assert isinstance(found, decred.Block)
            self.assertEqual(found.header.pack().hex(), entry["header"])
            self.assertEqual(
                (found.block_hash.hex(), found.header.height), (entry["block_hash"], entry["height"])
            )
            if entry["height"]:
                self.assertEqual(display(work.blake3(found.header.pack())), entry["pow_hash"])

    def test_work(self) -> None:
        """A header without its work is refused, whatever its hash."""
        chain, headers = opened(), mined()
        chain.add(headers[:59])
        nonce = 0
        while int.from_bytes(work.blake3(changed(headers[59], nonce=nonce)), "little") >> 253 == 0:
            nonce += 1
        error = self.assertRaises(InvalidHeaders, chain.add, [changed(headers[59], nonce=nonce)])
        self.assertIn("has proof of work", str(error))

    def test_difficulty(self) -> None:
        """Bits that are not those of the time since block 1 are refused, easier or harder."""
        chain, headers = opened(), mined()
        chain.add(headers[:58])
        for bits in (0x207FFFFF, 0x1F7FFFFF):
            error = self.assertRaises(InvalidHeaders, chain.add, [changed(headers[58], bits=bits)])
            self.assertIn(f"has bits {bits:#010x}, must have 0x2007", str(error))

    def test_branch(self) -> None:
        """A branch is judged by its own anchor: another first block has another time."""
        chain = opened()
        chain.add(mined())
        other = list(mine(chains.SIMNET, 80, spacing=3))
        self.assertEqual(chain.add(other).connected, 80)
        self.assertEqual(chain.height, 60)
        again = opened()
        again.add(mined()[:1])
        self.assertEqual(again.add(mined()[1:]), Added(59, 60, 0))

    def test_height(self) -> None:
        """A header must say its height: by it one tells which work is asked."""
        chain, headers = opened(), mined()
        error = self.assertRaises(InvalidHeaders, chain.add, [changed(headers[0], height=0)])
        self.assertIn("says that its height is 0", str(error))

    def test_size(self) -> None:
        """Other headers than those of 180 bytes are refused."""
        error = self.assertRaises(InvalidHeaders, opened().add, [mined()[0][:80]])
        self.assertIn("must have 180", str(error))


class OtherNetsTests(SynchronousTestCase):
    """Where bits are only checked against the limit."""

    def test_regnet(self) -> None:
        """Headers with either work are taken, with any bits that are no easier than the limit."""
        rules = chains.REGNET
        chain, headers = opened(rules), list(mine(rules, 40))
        self.assertEqual(chain.add(headers).height, 40)
        error = self.assertRaises(InvalidHeaders, opened(rules).add, [changed(headers[0], bits=0x2100FFFF)])
        self.assertIn("must have 0x207fffff or harder", str(error))
        nonce = 0
        while int.from_bytes(work.either(changed(headers[0], bits=0x1F7FFFFF, nonce=nonce)), "little") >> 247:
            nonce += 1
        harder = changed(headers[0], bits=0x1F7FFFFF, nonce=nonce)
        self.assertEqual(opened(rules).add([harder]), Added(1, 1, 0))

    def test_mainnet(self) -> None:
        """Mainnet's work is checked as any."""
        header = changed(
            chains.MAINNET.genesis, prev_block=chains.MAINNET.genesis_hash, height=1, timestamp=1454954401
        )
        error = self.assertRaises(InvalidHeaders, opened(chains.MAINNET).add, [header])
        self.assertIn("has proof of work", str(error))


class PackageTests(SynchronousTestCase):
    """Where the package blake3 is not installed."""

    def test_headers_cannot_be_checked(self) -> None:
        """A chain is not even opened, and what to install is told."""
        with WithoutBlake3():
            error = self.assertRaises(LocalError, opened)
        self.assertIn("pip install 'peerproto[decred]'", str(error))

    def test_messages_are_read(self) -> None:
        """Messages are read as ever; the hash that nobody can compute is not shown."""
        codec = networks.named("decred-simnet").codec()
        headers = decred.Headers([decred.BlockHeader._make(HEADER.unpack(header)) for header in mined()[:1]])
        block = decred.Block(headers.headers[0], [], [])
        with WithoutBlake3():
            self.assertEqual(codec.decode(codec.encode(headers)), headers)
            self.assertEqual(set(headers.extra()), {"block_hashes", "block_hash"})
            self.assertEqual(set(block.extra()), {"block_hash", "tx_hashes", "stx_hashes"})
        self.assertEqual(set(headers.extra()), {"block_hashes", "block_hash", "pow_hashes_v2", "pow_hash_v2"})
        self.assertIn("pow_hash_v2", block.extra())


class NodeTests(SynchronousTestCase):
    """A node that follows the chain and serves it."""

    def test_syncs_and_serves(self) -> None:
        """It asks as dcrd does, takes what it is brought, and gives it to who asks."""
        clock, network = Clock(), networks.named("decred-simnet")
        node = Node(clock, network, opened(), nonces=Nonces(), now=lambda: NOW)
        raw = RawPeer(node.factory)
        said = raw.handshake(height=60)
        ask = decred.GetHeaders(0, [network.genesis], bytes(32))
        self.assertEqual(said[-2:], [decred.SendHeaders(), ask])
        raw.send(ask)
        clock.advance(0)
        self.assertEqual(raw.read(), [decred.Headers([])])
        headers = decred.Headers([decred.BlockHeader._make(HEADER.unpack(header)) for header in mined()])
        raw.send(headers)
        clock.pump([0.1] * 20)
        self.assertEqual(node.chain.height, 60)
        raw.transport.take()
        raw.send(ask)
        clock.advance(0)
        self.assertEqual(raw.read(), [headers])
        raw.send(decred.GetHeaders(0, [network.genesis], headers.headers[4].block_hash))
        clock.advance(0)
        (served,) = raw.read()
        self.assertEqual(served, decred.Headers(headers.headers[:5]))
        raw.close()

    def test_what_it_asks(self) -> None:
        """Its question has the protocol version zero, the locator, and no stop."""
        sync = networks.named("decred-simnet").headers
        ask = sync.ask(12, [bytes(32), b"x" * 32])
        self.assertEqual(ask, decred.GetHeaders(0, [bytes(32), b"x" * 32], bytes(32)))
        self.assertEqual(sync.asked(ask), ([bytes(32), b"x" * 32], bytes(32)))
        self.assertEqual(sync.brought(sync.bring(mined())), mined())
