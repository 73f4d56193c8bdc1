"""Headers for demonstrations and tests: with a real proof of work where that is easy, or signed by nobody on networks
where no work proves anything and signatures are not checked.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterator

from peerproto.chain.difficulty import Lineage
from peerproto.chain.rules import ChainRules, HeaderFields, sha256d, target_of
from peerproto.errors import LocalError

__all__ = ["mine"]

_EASY = 1 << 240


def mine(
    rules: ChainRules,
    count: int,
    *,
    start: bytes | None = None,
    height: int = 0,
    spacing: int | None = None,
    salt: bytes = b"",
    root: Callable[[int], bytes] | None = None,
) -> Iterator[bytes]:
    """Make serialized headers, each after the one before.

    The same arguments make the same headers. What is mined after another start than genesis has the right
    bits where bits do not change, elsewhere only to the end of that start's period.

    :param start: the serialized header that the first one follows; genesis if not given.
    :param height: of `start`.
    :param spacing: seconds between two headers' times; the network's if not given.
    :param salt: makes another branch from the same start; goes into the Merkle roots.
    :param root: the Merkle root of the block at a height; made up if not given.
    :raises LocalError: where the proof of work would take more than a moment, or no header can be made.
    """
    header = rules.genesis if start is None else start
    prev_block, fields = rules.block_hash(header), rules.read(header)
    lineage = Lineage(rules, height, fields)
    spacing = rules.spacing if spacing is None else spacing
    for number in range(height + 1, height + count + 1):
        timestamp = fields.timestamp + spacing
        fields = HeaderFields(prev_block, timestamp, lineage.required_bits(timestamp), number)
        merkle_root = sha256d(salt + struct.pack("<I", number)) if root is None else root(number)
        header = _solved(rules, fields, merkle_root)
        yield header
        prev_block = rules.block_hash(header)
        lineage.push(fields)


def _solved(rules: ChainRules, fields: HeaderFields, merkle_root: bytes) -> bytes:
    if rules.work_hash is None:
        return rules.make(fields, merkle_root, 0)
    target = target_of(fields.bits)
    if target < _EASY:
        raise LocalError(f"{rules.name}: bits {fields.bits:#010x} are too hard to mine here")
    nonce = 0
    while True:
        header = rules.make(fields, merkle_root, nonce)
        if int.from_bytes(rules.work_hash(header), "little") <= target:
            return header
        nonce += 1
