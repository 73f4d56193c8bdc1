"""What Decred's nets demand of a chain of headers (dcrd chaincfg, DCP0011).

The work is checked on every net. How hard it must be is checked as far as headers alone tell it simply:

* simnet, where DCP0011 holds from the first block on: exactly;
* mainnet, testnet and regnet: only that the bits are no easier than the limit. The rule before DCP0011 looks at
  averages over thousands of blocks, and on regnet no header tells when the new one begins.

The least work of mainnet and testnet is dcrd's ``MinKnownChainWork`` (chaincfg, commit 036b7090443145).

What stakeholders decide (votes, tickets, the stake root) needs blocks, and is not checked at all.
"""

from __future__ import annotations

from struct import Struct
from typing import Any

from peerproto.chain.rules import Asert, ChainRules, HeaderFields
from peerproto.networks.decred.records import HEADER, BlockHeader
from peerproto.networks.decred.work import WorkHash, either, since
from peerproto.wire.blake256 import blake256

__all__ = ["MAINNET", "REGNET", "SIMNET", "TESTNET", "make_header", "read_header"]

_PREMINED = "66aa7491b9adce110585ccab7e3fb5fe280de174530cca10eba2c6c3df01c10d"
_SATOSHI = "5c9488e2f3425de9951ee31f4ad5803c4487a8f4a2719d60c3bf2b58c5295692"
"""Merkle roots of genesis blocks, as they are displayed: of the block without a message, of that with Bitcoin's."""

_FIELDS = Struct("<4x32s80xI8xI4xI40x")


def read_header(header: bytes) -> HeaderFields:
    """What the rules look at in a serialized header of 180 bytes."""
    prev_block, bits, height, timestamp = _FIELDS.unpack(header)
    return HeaderFields(prev_block, timestamp, bits, height)


_NOTHING: dict[str, Any] = {
    "version": 1,
    "prev_block": bytes(32),
    "merkle_root": bytes(32),
    "stake_root": bytes(32),
    "vote_bits": 0,
    "final_state": bytes(6),
    "voters": 0,
    "fresh_stake": 0,
    "revocations": 0,
    "pool_size": 0,
    "bits": 0,
    "sbits": 0,
    "height": 0,
    "size": 0,
    "timestamp": 0,
    "nonce": 0,
    "extra_data": bytes(32),
    "stake_version": 0,
}


def make_header(fields: HeaderFields, merkle_root: bytes, nonce: int) -> bytes:
    """A serialized header to try things with; the stake root and all else that stakeholders decide is made up."""
    made = {
        "version": 12,
        "vote_bits": 1,
        "merkle_root": merkle_root,
        "nonce": nonce,
        "height": fields.height,
        "prev_block": fields.prev_block,
        "timestamp": fields.timestamp,
        "bits": fields.bits,
    }
    return BlockHeader(**{**_NOTHING, **made}).pack()


def _genesis(merkle_root: str, timestamp: int, bits: int, **more: int) -> bytes:
    made = {"merkle_root": bytes.fromhex(merkle_root)[::-1], "timestamp": timestamp, "bits": bits, **more}
    return BlockHeader(**{**_NOTHING, **made}).pack()


def _rules(
    net: str,
    genesis: bytes,
    limit: int,
    spacing: int,
    work_hash: WorkHash,
    asert: Asert | None = None,
    least_work: int = 0,
) -> ChainRules:
    """:param limit: the bits of the easiest target's number. :param spacing: seconds meant between two blocks."""
    return ChainRules(
        name=f"decred-{net}",
        genesis=genesis,
        pow_limit=(1 << limit) - 1,
        least_work=least_work,
        spacing=spacing,
        retarget=False,
        asert=asert,
        any_bits=asert is None,
        header_size=HEADER.size,
        block_hash=blake256,
        work_hash=work_hash,
        read=read_header,
        make=make_header,
    )


MAINNET = _rules(
    "mainnet",
    _genesis(_PREMINED, 1454954400, 0x1B01FFFF, sbits=200_000_000),
    224,
    300,
    since(794_368),
    least_work=0x243868232C14B8224643B6,
)
TESTNET = _rules(
    "testnet",
    _genesis(
        "e7dfbceac9fccd6025c70a1dfa9302b3e7b5aa22fa51c98a69164ad403d60a2c",
        1533513600,
        0x1E00FFFF,
        sbits=20_000_000,
        nonce=414_098_458,
        version=6,
        stake_version=6,
    ),
    232,
    120,
    since(1_170_048),
    least_work=0xF377240E146195DF,
)
SIMNET = _rules("simnet", _genesis(_SATOSHI, 1401292357, 0x207FFFFF), 255, 1, since(1), Asert(6, 1))
REGNET = _rules("regnet", _genesis(_PREMINED, 1538524800, 0x207FFFFF), 255, 1, either)
