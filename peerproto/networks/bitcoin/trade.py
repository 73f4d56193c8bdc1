"""How blocks are asked for and brought, and what of a block can be checked beside its header."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

from peerproto.chain.merkle import merkle_root
from peerproto.forms.blocks import BlockTrade, Held, Thing
from peerproto.networks.bitcoin.behaviour import NODE_WITNESS
from peerproto.networks.bitcoin.blocks import Block, Tx
from peerproto.networks.bitcoin.messages import GetBlocks, GetData, NotFound
from peerproto.networks.bitcoin.records import (
    MSG_BLOCK,
    MSG_TX,
    MSG_WITNESS_BLOCK,
    MSG_WTX,
    InvVect,
    OutPoint,
)
from peerproto.networks.bitcoin.transactions import write_tx
from peerproto.wire.envelope import sha256d

NODE_NETWORK, NODE_NETWORK_LIMITED = 1 << 0, 1 << 10

LEAST_KEPT = 288
"""Who says `NETWORK_LIMITED` has so many of the newest blocks (BIP159)."""

BUFFER = 2
"""So many fewer are asked of it, since its chain may have grown (Core net_processing.cpp, FindNextBlocksToDownload)."""

COMMITMENT = bytes.fromhex("6a24aa21a9ed")
"""How the output script of a coinbase begins that commits to witnesses: behind it stands the hash (BIP141)."""

_NOWHERE = OutPoint(bytes(32), 0xFFFF_FFFF)
_WITNESSED = {MSG_BLOCK: False, MSG_WITNESS_BLOCK: True}
_TRANSACTIONS = (MSG_TX, MSG_WTX)
_TYPE = 0x3FFF_FFFF


def things(message: GetData) -> list[Thing]:
    """What a getdata asks for; of blocks only whole ones count."""
    return [
        Thing(vector, vector.hash if vector.type in _WITNESSED else None, _WITNESSED.get(vector.type))
        for vector in message.inv_list
    ]


def all_missing(missing: Sequence[Thing]) -> NotFound:
    """btcd names all that it has not (server.go, OnGetData)."""
    return NotFound([thing.vector for thing in missing])


def missing_transactions(missing: Sequence[Thing]) -> NotFound | None:
    """Core names transactions alone (net_processing.cpp, ProcessGetData)."""
    found = [thing.vector for thing in missing if thing.vector.type & _TYPE in _TRANSACTIONS]
    return NotFound(found) if found else None


def offered(held: Held) -> int:
    """The services of a node with these blocks."""
    bits = NODE_NETWORK if held.whole else 0
    bits |= NODE_NETWORK_LIMITED if held.whole or held.newest >= LEAST_KEPT else 0
    return bits | NODE_WITNESS if bits else 0


def offers(services: int, above: int) -> bool:
    """Whether a node of these services has a block, with its witnesses, under so many others."""
    limited = services & NODE_NETWORK_LIMITED and above < LEAST_KEPT - BUFFER
    return bool(services & NODE_WITNESS and (services & NODE_NETWORK or limited))


def fault(block: Block, height: int, witness_from: int = 0) -> str:
    """What is wrong with the transactions of a block: they are not those that its header names, or their witnesses
    are not those that the coinbase commits to (BIP141).

    :param witness_from: the height from which there are witnesses; miners wrote commitments before that, too.
    """
    txs = block.transactions
    if merkle_root([tx.txid for tx in txs]) != block.header.merkle_root:
        return "has other transactions than its header names"
    first = txs[0].tx_in
    if len(first) != 1 or first[0].previous_out_point != _NOWHERE:
        # what is hashed in the middle of the tree can look like a transaction (Core, IsBlockMutated)
        return "does not begin with a coinbase"
    if height >= witness_from:
        return _witness_fault(txs)
    return "has witnesses before there were any" if _has_witnesses(txs) else ""


def _has_witnesses(txs: Sequence[Tx]) -> bool:
    return any(item.witness for tx in txs for item in tx.tx_in)


def _witness_fault(txs: Sequence[Tx]) -> str:
    coinbase = txs[0]
    scripts = [out.pk_script for out in coinbase.tx_out]
    named = [script[6:38] for script in scripts if script[:6] == COMMITMENT and len(script) >= 38]
    if not named:
        return "has witnesses that its coinbase does not commit to" if _has_witnesses(txs) else ""
    reserved = coinbase.tx_in[0].witness or []
    if len(reserved) != 1 or len(reserved[0]) != 32:
        return "lacks the witness of its coinbase"
    hashes = [bytes(32), *(sha256d(write_tx(tx, witness=True)) for tx in txs[1:])]
    root = merkle_root(hashes) or b""
    return (
        "" if sha256d(root + reserved[0]) == named[-1] else "has other witnesses than its coinbase commits to"
    )


def _vector(block_hash: bytes) -> InvVect:
    return InvVect(MSG_BLOCK, block_hash)


def trade(policy: str, witness_from: int) -> BlockTrade:
    """That of a net whose blocks may have witnesses from a height on."""
    missing = all_missing if policy == "btcd" else missing_transactions
    wrong = partial(fault, witness_from=witness_from)
    return BlockTrade(Block, GetData, things, GetBlocks, _vector, missing, wrong, offered, offers)
