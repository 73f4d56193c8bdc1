"""Tests of what is said of messages in one line of a log."""

from __future__ import annotations

from types import SimpleNamespace

from twisted.trial.unittest import SynchronousTestCase

from peerproto.networks.bitcoin import (
    MSG_BLOCK,
    MSG_TX,
    Block,
    BlockHeader,
    GetHeaders,
    Headers,
    Inv,
    InvVect,
    MerkleBlock,
    Reject,
    Tx,
    TxOut,
)
from peerproto.networks.bitcoin.exchange import item_keys
from peerproto.networks.bitcoin.wording import (
    block,
    counted,
    hashed,
    headers,
    introduced,
    located,
    moment,
    rejected,
    things,
    transaction,
)
from tests.peer_case import HASHES, introduction

ONE, TWO = "01" * 32, "02" * 32
HEADER = BlockHeader(2, HASHES[0], HASHES[1], 1_600_000_000, 5, 6)
HASH = HEADER.block_hash[::-1].hex()


class WordTests(SynchronousTestCase):
    """One shape of messages after the other."""

    def test_introduced(self) -> None:
        """The agent as it came, what is spoken, and the height or the tip."""
        said = introduction(user_agent="/x\n/", height=3)
        self.assertEqual(introduced(lambda _: said)(None), "agent /x\n/, pver 70016, block 3")
        said = introduction(tip=HASHES[0])
        self.assertEqual(introduced(lambda _: said)(None), f"agent /test:1/, pver 70016, tip {ONE}")

    def test_things(self) -> None:
        """Nothing, the only thing, or counts by kind; of many kinds only the most frequent are named."""
        says = things(item_keys)
        tx, block_ = InvVect(MSG_TX, HASHES[0]), InvVect(MSG_BLOCK, HASHES[1])
        self.assertEqual(says(Inv([])), "empty")
        self.assertEqual(says(Inv([block_])), f"block {TWO}")
        self.assertEqual(says(Inv([tx, block_, block_])), "2 block, 1 tx")
        odd = [InvVect(100 + number, HASHES[0]) for number in range(50_000 - 2)]
        line = says(Inv([*odd, tx, tx]))
        self.assertTrue(line.startswith("2 tx, 1 type 100, "))
        self.assertTrue(line.endswith(", 49991 of other types"))

    def test_located(self) -> None:
        """The newest hash or the height, if there is one, and the stop."""
        says = located("block_locator_hashes")
        self.assertEqual(says(GetHeaders(1, HASHES[:3], HASHES[1])), f"from {ONE}, stop {TWO}")
        self.assertEqual(says(GetHeaders(1, [], HASHES[1])), f"stop {TWO}")
        heights = SimpleNamespace(heights=[7], hash_stop=HASHES[0])
        self.assertEqual(located("heights")(heights), f"from height 7, stop {ONE}")

    def test_headers(self) -> None:
        """How many, the last, and its height where it has one."""
        self.assertEqual(headers(Headers([])), "0 headers")
        self.assertEqual(headers(Headers([HEADER] * 3)), f"3 headers, the last {HASH}")
        for field in ("height", "index"):
            last = SimpleNamespace(block_hash=HASHES[0], **{field: 9})
            found = SimpleNamespace(headers=[last])
            self.assertEqual(headers(found), f"1 headers, the last {ONE}, height 9")

    def test_transaction(self) -> None:
        """Its id, what goes in and out, and its lock time as a height or a time."""
        for lock_time, words in (
            (0, ""),
            (499_999_999, ", lock height 499999999"),
            (500_000_000, ", lock 1985-11-05 00:53:20"),
        ):
            tx = Tx(1, [], [TxOut(5, b"")], lock_time)
            shown = tx.txid[::-1].hex()
            self.assertEqual(transaction("txid")(tx), f"hash {shown}, 0 inputs, 1 outputs{words}")

    def test_block(self) -> None:
        """Blocks have transactions, merkle blocks their number."""
        words = f"hash {HASH}, ver 2, {{}} tx, 2020-09-13 12:26:40"
        self.assertEqual(block(Block(HEADER, [Tx(1, [], [], 0)] * 2)), words.format(2))
        self.assertEqual(block(MerkleBlock(HEADER, 77, [], b"")), words.format(77))

    def test_rejected(self) -> None:
        """Command, code and reason, cut where they are long; the hash if there is one."""
        self.assertEqual(
            rejected(Reject("tx", 0x12, "why", HASHES[0])),
            f"cmd tx, code 0x12 duplicate, reason why, hash {ONE}",
        )
        self.assertEqual(
            rejected(Reject("tx", 1, "why", bytes(32))), "cmd tx, code 0x01 malformed, reason why"
        )
        long = Reject("c" * 1000, 0x40, "r" * 1000)
        self.assertEqual(rejected(long), f"cmd {'c' * 12}, code 0x40 nonstandard, reason {'r' * 250}")

    def test_counted_and_hashed(self) -> None:
        """One list, one hash."""
        item = SimpleNamespace(items=[1, 2], tip=HASHES[0])
        self.assertEqual((counted("items", "things")(item), hashed("tip")(item)), ("2 things", f"hash {ONE}"))
        self.assertEqual(hashed("tip", "tip")(item), f"tip {ONE}")

    def test_moment(self) -> None:
        """Any number is a time, or shown as it is."""
        self.assertEqual([moment(0), moment(2**32)], ["1970-01-01 00:00:00", "2106-02-07 06:28:16"])
        for odd in (2**62, -(2**62), 2**70):
            self.assertEqual(moment(odd), str(odd))
