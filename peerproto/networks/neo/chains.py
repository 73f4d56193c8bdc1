"""What NEO's nets demand of a chain of headers.

There is no proof of work. A header names who makes the next one, by the hash of a script that asks for their
signatures; the next one shows that script, and the signatures, as its witness. All is checked that needs no elliptic
curve (as the C# node's BlockBase.Verify does): a header follows its parent, is one higher and later, and its script
is the one that the parent names. **The signatures are not checked**: whoever has seen one header can make others that
pass here. Follow only nodes that you trust.

Sources: the C# node 2.12.0 (Network/P2P/Payloads/BlockBase.cs, Ledger/Blockchain.cs), neo-go's files of private nets.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from peerproto.chain.rules import ChainRules, HeaderFields
from peerproto.errors import LocalError, MalformedMessage
from peerproto.networks.neo.hash160 import hash160
from peerproto.networks.neo.records import BASE, MOST_SCRIPT, BlockHeader, Witness, header_kind, one_witness
from peerproto.wire.envelope import sha256d
from peerproto.wire.layout import TOO_SHORT

__all__ = [
    "MAINNET",
    "PRIVNET",
    "SINGLE",
    "TESTNET",
    "block_hash",
    "judge",
    "read_header",
    "script_of",
    "unpack",
]

_TIME, _CONSENSUS_DATA = 1468595301, 2083236893
_ANYBODY = Witness(b"", b"\x51")
"""The witness of a genesis block: a script that asks for nothing."""

_LEAST, _MOST = (BASE.size + 1 + 2 * (length + script) for length, script in ((1, 0), (9, MOST_SCRIPT)))


def block_hash(header: bytes) -> bytes:
    """The double SHA-256 of all but the witness, in wire order."""
    return sha256d(header[: BASE.size])


def read_header(header: bytes) -> HeaderFields:
    """What the rules look at in a serialized header."""
    _, prev_hash, _, timestamp, height, _, _ = BASE.unpack_from(header)
    return HeaderFields(prev_hash, timestamp, height=height)


def unpack(header: bytes) -> BlockHeader:
    """The header that was serialized: 104 bytes, a byte of 1, the witness. Raises MalformedMessage."""
    try:
        found, end = header_kind.reader(header, 0, None)
    except TOO_SHORT:
        end = None
    if end != len(header):
        raise MalformedMessage("its witness does not end where the header does")
    made: BlockHeader = found
    return made


def judge(header: bytes, parent: bytes) -> str:
    """What is wrong with the witness of a header; empty if nothing is. Signatures are not looked at."""
    try:
        witness = unpack(header).witness
    except MalformedMessage as error:
        return f"cannot be read: {error}"
    named, shown = BASE.unpack_from(parent)[6], hash160(witness.verification_script)
    if named == shown:
        return ""
    return f"has a script with the hash {shown.hex()}, must have the one that the parent names, {named.hex()}"


def script_of(*keys: str) -> bytes:
    """The script that asks for the signatures of more than two thirds of these public keys (hexadecimal, in their
    order, at most 16).
    """
    count = len(keys)
    asked = count - (count - 1) // 3
    pushed = b"".join(b"\x21" + bytes.fromhex(key) for key in keys)
    return bytes((0x50 + asked,)) + pushed + bytes((0x50 + count, 0xAE))


def _shown(witness: Witness) -> bytes:
    made: bytes = one_witness.writer(witness, None)
    return made


def _cannot_make(fields: HeaderFields, merkle_root: bytes, nonce: int) -> bytes:
    raise LocalError("headers of this network need the signatures of its validators: none can be made here")


def _unsigned(script: bytes) -> Callable[[HeaderFields, bytes, int], bytes]:
    """Makes headers that the validators of a script could sign and have not, and who go on to be the validators."""

    def make(fields: HeaderFields, merkle_root: bytes, nonce: int) -> bytes:
        height, next_consensus = fields.height or 0, hash160(script)
        base = 0, fields.prev_block, merkle_root, fields.timestamp, height, nonce, next_consensus
        return BASE.pack(*base) + _shown(Witness(b"", script))

    return make


def _rules(net: str, root: str, validators: bytes, make: Any = _cannot_make) -> ChainRules:
    """:param root: of the genesis block's transactions. :param validators: the hash of the script of block 1."""
    genesis = BASE.pack(0, bytes(32), bytes.fromhex(root), _TIME, 0, _CONSENSUS_DATA, validators)
    return ChainRules(
        name=f"neo-{net}",
        genesis=genesis + _shown(_ANYBODY),
        spacing=15,
        median_span=1,
        header_size=_LEAST,
        longest_header=_MOST,
        block_hash=block_hash,
        work_hash=None,
        judge=judge,
        read=read_header,
        make=make,
    )


def _private(net: str, root: str, *keys: str) -> ChainRules:
    """:param keys: the public keys of those who make all of its blocks."""
    script = script_of(*keys)
    return _rules(net, root, hash160(script), _unsigned(script))


MAINNET = _rules(
    "mainnet",
    "f41bc036e39b0d6b0579c851c6fde83af802fa4e57bec0bc3365eae3abf43f80",
    bytes.fromhex("59e75d652b5d3827bf04c165bbe9ef95cca4bf55"),
)
TESTNET = _rules(
    "testnet",
    "bd38ebdd185608bb85485eef7cef9d977a0d64e821f74cd5b6cc328fb2a473c6",
    bytes.fromhex("f3812db982f3b0089a21a278988efeec6a027b25"),
)
_KEYS = (
    "02103a7f7dd016558597f7960d27c516a4394fd968b9e65155eb4b013e4040406e",
    "02a7bc55fe8684e0119768d104ba30795bdcc86619e864add26156723ed185cd62",
    "02b3622bf4017bdfe317c58aed5f4c753f206b7db896046fa7d774bbc4bf7f8dc2",
    "03d90c07df63e690ce77912e10ab51acc944b66860237b608c4f8f8309e71ee699",
)
PRIVNET = _private("privnet", "845c34e7c1aed302b1718e914da0c42bf47c476ac4d89671f278d8ab6d27aa3d", *_KEYS)
SINGLE = _private(
    "privnet-single", "138f7cb642a991a32ceccea93c49e46139291d29bb8cb3d4ab0c0f783ba5cb7d", _KEYS[2]
)
