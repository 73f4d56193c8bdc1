"""NEO's messages as tables, but for transactions and blocks. No message depends on a protocol version.

Bytes behind the last field are passed over by every node, so no command has a length limit of its own. Hashes are in
wire order, times in seconds since 1970. Source: the C# node 2.12.0, Network/P2P/Payloads.
"""

from __future__ import annotations

from typing import Annotated

from peerproto.networks.neo.blocks import MOST
from peerproto.networks.neo.records import (
    NetAddress,
    SignedRoot,
    Witness,
    checked_byte,
    one_witness,
    optional_witness,
    root_kind,
    var_bytes,
    var_text,
)
from peerproto.wire.envelope import sha256d
from peerproto.wire.fields import Fixed, FixedRecord, Hash, ListOf, boolean, uint8, uint16, uint32, uint64
from peerproto.wire.message import Message, message
from peerproto.wire.varint import write_varint

INV_TX, INV_BLOCK, INV_STATE_ROOT, INV_CONSENSUS = 0x01, 0x02, 0x03, 0xE0
INVENTORY = {INV_TX: "tx", INV_BLOCK: "block", INV_STATE_ROOT: "stateroot", INV_CONSENSUS: "consensus"}

MOST_ADDRESSES = 200
MOST_HASHES = 500

_inventory = checked_byte(lambda value: value in INVENTORY, "a type of inventory (01, 02, 03, e0)")
_hashes = ListOf(Fixed("32s"), MOST_HASHES, any_form=True)
_starts = ListOf(Fixed("32s"), 16, least=1, any_form=True)


@message("version", most=MOST)
class Version(Message):
    """Introduces a peer; `port` is where it listens, zero if it does not."""

    version: uint32
    services: uint64
    timestamp: uint32
    port: uint16
    nonce: uint32
    user_agent: Annotated[str, var_text(1024)]
    start_height: uint32
    relay: boolean


@message("verack", most=MOST)
class VerAck(Message):
    """Says that their version has come."""


@message("getaddr", most=MOST)
class GetAddr(Message):
    """Asks for addresses of nodes."""


@message("addr", most=MOST, lazy=True)
class Addr(Message):
    """Addresses of nodes."""

    addr_list: Annotated[
        list[NetAddress], ListOf(FixedRecord(NetAddress), MOST_ADDRESSES, least=1, any_form=True)
    ]


@message("mempool", most=MOST)
class MemPool(Message):
    """Asks for an inv of the transactions that wait for a block."""


@message("getheaders", most=MOST)
class GetHeaders(Message):
    """Asks for the headers behind the first hash, up to a stop (zero: as many as there are); the others do nothing."""

    hash_start: Annotated[list[bytes], _starts]
    hash_stop: Hash


@message("getblocks", most=MOST)
class GetBlocks(Message):
    """Asks for an inv of the blocks behind the first hash, as `getheaders` asks for headers."""

    hash_start: Annotated[list[bytes], _starts]
    hash_stop: Hash


@message("inv", most=MOST, lazy=True)
class Inv(Message):
    """Announces things of one type."""

    type: Annotated[int, _inventory]
    hashes: Annotated[list[bytes], _hashes]


@message("getdata", most=MOST, lazy=True)
class GetData(Message):
    """Asks for things of one type; what a node does not have, or has sent before, it leaves out without a word."""

    type: Annotated[int, _inventory]
    hashes: Annotated[list[bytes], _hashes]


@message("ping", most=MOST)
class Ping(Message):
    """Asks for a pong, and tells the height."""

    last_block_index: uint32
    timestamp: uint32
    nonce: uint32


@message("pong", most=MOST)
class Pong(Message):
    """Answers a ping with its nonce."""

    last_block_index: uint32
    timestamp: uint32
    nonce: uint32


@message("consensus", most=MOST, lazy=True)
class Consensus(Message):
    """What a validator says to the others; the node passes it on."""

    version: uint32
    prev_hash: Hash
    height: uint32
    validator_index: uint16
    timestamp: uint32
    data: Annotated[bytes, var_bytes()]
    witness: Annotated[Witness, one_witness]

    def derived(self) -> dict[str, object]:
        return {"hash": self.consensus_hash}

    @property
    def consensus_hash(self) -> bytes:
        """The double SHA-256 of all before the witness, in wire order."""
        head = self.version.to_bytes(4, "little") + self.prev_hash + self.height.to_bytes(4, "little")
        rest = self.validator_index.to_bytes(2, "little") + self.timestamp.to_bytes(4, "little")
        return sha256d(head + rest + write_varint(len(self.data)) + self.data)


@message("filterload", most=MOST)
class FilterLoad(Message):
    """Asks to be told only of what a bloom filter matches."""

    filter: Annotated[bytes, var_bytes(36000)]
    k: Annotated[int, checked_byte(lambda value: value <= 50, "a number of hashes up to 50")]
    tweak: uint32


@message("filteradd", most=MOST)
class FilterAdd(Message):
    """One more element of the filter."""

    data: Annotated[bytes, var_bytes(520)]


@message("filterclear", most=MOST)
class FilterClear(Message):
    """Asks to be told of everything again."""


@message("getroots", most=MOST)
class GetRoots(Message):
    """Asks for state roots from a height on."""

    start: uint32
    count: uint32


@message("stateroot", most=MOST)
class StateRoot(Message):
    """The hash of all state behind a block."""

    version: uint8
    index: uint32
    prev_hash: Hash
    root: Hash
    witness: Annotated[Witness | None, optional_witness] = None

    def derived(self) -> dict[str, object]:
        return self.signed.derived()

    @property
    def signed(self) -> SignedRoot:
        """The same as a record."""
        return SignedRoot(self.version, self.index, self.prev_hash, self.root, self.witness)

    @property
    def root_hash(self) -> bytes:
        """The double SHA-256 of all but the witness, in wire order."""
        return self.signed.root_hash


@message("roots", most=MOST, lazy=True)
class Roots(Message):
    """State roots one after the other."""

    roots: Annotated[list[SignedRoot], ListOf(root_kind, 2000, any_form=True)]


@message("alert", most=MOST)
class Alert(Message):
    """A name without a meaning; nodes pass it over."""


@message("reject", most=MOST)
class Reject(Message):
    """A name without a meaning; nodes pass it over."""


@message("notfound", most=MOST)
class NotFound(Message):
    """A name without a meaning; nodes pass it over."""
