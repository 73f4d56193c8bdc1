"""Messages that btcd's reader does not know and Bitcoin Core's line sends: BIP152, BIP330, BIP339, the alert.

They are `foreign`: in a form that cannot be read they count as unknown commands, as they do for btcd.
"""

from __future__ import annotations

from hashlib import sha256
from itertools import accumulate
from struct import Struct
from typing import Annotated, NamedTuple

from peerproto.errors import MalformedMessage
from peerproto.networks.bitcoin.blocks import Tx, Txs, tx_kind
from peerproto.networks.bitcoin.records import BlockHeader
from peerproto.wire.fields import (
    Count,
    Fixed,
    Hash,
    ListOf,
    Plain,
    VarBytes,
    VarText,
    boolean,
    int32,
    int64,
    uint32,
    uint64,
    varint,
)
from peerproto.wire.layout import TOO_SHORT, record
from peerproto.wire.message import Message, message

MOST = 4_000_000
MOST_BLOCK_TX = 400_001


@message("wtxidrelay", since=70016, foreign=True)
class WtxidRelay(Message):
    """Announces transactions by wtxid (BIP339); before verack only."""


@message("sendtxrcncl", most=12, foreign=True)
class SendTxRcncl(Message):
    """Offers transaction reconciliation (BIP330); before verack only."""

    version: uint32
    salt: uint64


@message("sendcmpct", most=9, foreign=True)
class SendCmpct(Message):
    """Offers compact blocks (BIP152)."""

    announce: boolean
    version: uint64


class PrefilledTx(NamedTuple):
    """A transaction of a compact block; the index counts from behind the one before, as on the wire."""

    index: varint  # type: ignore[assignment]  # BIP152 calls it so
    tx: Annotated[Tx, tx_kind]


@message("cmpctblock", most=MOST, foreign=True)
class CmpctBlock(Message):
    """A block by short ids of six bytes (BIP152)."""

    header: BlockHeader
    nonce: uint64
    shortids: Annotated[list[bytes], ListOf(Fixed("6s"), MOST_BLOCK_TX)]
    prefilled_txn: Annotated[list[PrefilledTx], ListOf(record(PrefilledTx), MOST_BLOCK_TX)]

    def derived(self) -> dict[str, object]:
        return {"siphash_k0": self.siphash_k0, "siphash_k1": self.siphash_k1}

    def extra(self) -> dict[str, object]:
        return {"block_hash": self.block_hash}

    @property
    def block_hash(self) -> bytes:
        """The double SHA-256 of the header, in wire order."""
        return self.header.block_hash

    @property
    def siphash_k0(self) -> int:
        """The first half of the key of the short ids."""
        return self._keys()[0]

    @property
    def siphash_k1(self) -> int:
        """The second half of the key of the short ids."""
        return self._keys()[1]

    def _keys(self) -> tuple[int, int]:
        digest = sha256(self.header.pack() + _NONCE.pack(self.nonce)).digest()
        first, second = _KEYS.unpack_from(digest)
        return first, second


_NONCE = Struct("<Q")
_KEYS = Struct("<QQ")


@message("getblocktxn", most=MOST, foreign=True)
class GetBlockTxn(Message):
    """Asks for transactions of a compact block; each index counts from behind the one before (BIP152)."""

    blockhash: Hash
    indexes: Annotated[list[varint], Count(MOST_BLOCK_TX)]

    def derived(self) -> dict[str, object]:
        return {"absolute_indexes": self.absolute_indexes}

    @property
    def absolute_indexes(self) -> list[int]:
        """The indexes counted from the block's first transaction."""
        return [total - 1 for total in accumulate(index + 1 for index in self.indexes)]


@message("blocktxn", most=MOST, foreign=True)
class BlockTxn(Message):
    """Transactions of a compact block (BIP152)."""

    blockhash: Hash
    transactions: Txs


class AlertContent(NamedTuple):
    """What an alert says (btcd v0.20 wire/msgalert.go); times in seconds since 1970."""

    version: int32
    relay_until: int64
    expiration: int64
    id: int32
    cancel: int32
    set_cancel: Annotated[list[int32], Count(MOST)]
    min_ver: int32
    max_ver: int32
    set_sub_ver: Annotated[list[str], ListOf(VarText(MOST), MOST)]
    priority: int32
    comment: Annotated[str, VarText(MOST)]
    status_bar: Annotated[str, VarText(MOST)]
    reserved: Annotated[str, VarText(MOST)]


_content = record(AlertContent)


@message("alert", most=MOST, foreign=True)
class Alert(Message):
    """A signed alert: retired, but Core-line nodes still send a last one to peers at 70012 or below."""

    serialized_payload: Annotated[bytes, VarBytes(MOST)]
    signature: Annotated[bytes, VarBytes(MOST)]

    def derived(self) -> dict[str, object]:
        return {"payload": self.content}

    @property
    def content(self) -> Plain:
        """What the alert says as JSON; None if it cannot be read (nothing on the wire says that it can)."""
        try:
            content, _ = _content.reader(self.serialized_payload, 0, None)
        except (*TOO_SHORT, MalformedMessage):
            return None
        return _content.to_plain(content)
