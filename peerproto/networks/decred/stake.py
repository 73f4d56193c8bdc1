"""What kind of transaction one is: told by the forms of its inputs and scripts, since nothing on the wire says it.

Sources: dcrd blockchain/stake/staketx.go and treasury.go; only forms are judged, no signature and no amount but one.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from re import DOTALL
from typing import TYPE_CHECKING

from peerproto.networks.decred.records import TREE_REGULAR, TREE_STAKE, OutPoint
from peerproto.networks.decred.transactions import TxIn, TxOut

if TYPE_CHECKING:
    from peerproto.networks.decred.blocks import Tx

MOST_TICKET_INPUTS = 64
AUTO_REVOCATIONS, TREASURY = 2, 3
"""Versions of transactions."""

_NOWHERE = OutPoint(bytes(32), 0xFFFFFFFF, TREE_REGULAR)


def _tagged(opcode: bytes) -> re.Pattern[bytes]:
    """An opcode, then a payment to the hash of a public key or of a script."""
    to_key, to_script = rb"\x76\xa9\x14.{20}\x88\xac", rb"\xa9\x14.{20}\x87"
    return re.compile(re.escape(opcode) + b"(?:" + to_key + b"|" + to_script + b")", DOTALL)


_TICKET, _VOTE, _REVOCATION, _CHANGE = map(_tagged, (b"\xba", b"\xbb", b"\xbc", b"\xbd"))
_TREASURY_PAYS = _tagged(b"\xc3")
_TREASURY_TAKES = re.compile(b"\xc1")
_TREASURY_KEY = re.compile(rb"\x40.{64}\x21[\x02\x03].{32}\xc2", DOTALL)
_VOTED_BLOCK = re.compile(rb"\x6a\x24.{36}", DOTALL)
_SPEND_SALT = re.compile(rb"\x6a\x20.{32}", DOTALL)
_BASE_SALT = re.compile(rb"\x6a\x0c.{12}", DOTALL)
_TREASURY_VOTES = re.compile(rb"\x6a(?:\x4c.|[\x02-\x4b])TV((?:.{32}[\x01\x02])+)", DOTALL)


def tx_type(tx: Tx) -> str:
    """One of ticket, vote, revocation, treasury_add, treasury_spend, treasury_base, regular."""
    inputs, outputs = tx.tx_in, tx.tx_out
    if inputs and outputs and not any(item.version for item in outputs):
        scripts = [item.pk_script for item in outputs]
        if _is_ticket(inputs, scripts):
            return "ticket"
        if _is_vote(tx.version, inputs, scripts):
            return "vote"
        if _is_revocation(tx.version, inputs, outputs, scripts):
            return "revocation"
        if tx.version == TREASURY:
            return _treasury_type(inputs, scripts)
    return "regular"


def _is_ticket(inputs: Sequence[TxIn], scripts: Sequence[bytes]) -> bool:
    if len(inputs) > MOST_TICKET_INPUTS or len(scripts) != 2 * len(inputs) + 1:
        return False
    commitments, change = scripts[1::2], scripts[2::2]
    return (
        _TICKET.fullmatch(scripts[0]) is not None
        and all(_is_push(script, 30) for script in commitments)
        and all(map(_CHANGE.fullmatch, change))
    )


def _is_push(script: bytes, least: int) -> bool:
    """Whether a script is data only, of `least` to 75 bytes."""
    return script[:1] == b"\x6a" and least <= len(script) - 2 <= 75 and script[1] == len(script) - 2


def _is_vote(version: int, inputs: Sequence[TxIn], scripts: Sequence[bytes]) -> bool:
    if len(inputs) != 2 or not 3 <= len(scripts) <= MOST_TICKET_INPUTS + 3:
        return False
    base, ticket = inputs
    spent = ticket.previous_out_point
    if base[0] != _NOWHERE or (base.block_height, base.block_index) != (0, 0xFFFFFFFF):
        return False
    if (spent.index, spent.tree) != (0, TREE_STAKE):
        return False
    paid = scripts[2:-1] if version == TREASURY and _are_votes(scripts[-1]) else scripts[2:]
    return (
        _VOTED_BLOCK.fullmatch(scripts[0]) is not None
        and _is_push(scripts[1], 2)
        and all(map(_VOTE.fullmatch, paid))
    )


def _are_votes(script: bytes) -> bool:
    """Whether a script votes on spends from the treasury, on each of them once."""
    match = _TREASURY_VOTES.fullmatch(script)
    if match is None or script[match.start(1) - 3] != len(script) - match.start(1) + 2:
        return False
    votes = [match[1][at : at + 32] for at in range(0, len(match[1]), 33)]
    return len(set(votes)) == len(votes)


def _is_revocation(
    version: int, inputs: Sequence[TxIn], outputs: Sequence[TxOut], scripts: Sequence[bytes]
) -> bool:
    if len(inputs) != 1 or len(scripts) > MOST_TICKET_INPUTS or not all(map(_REVOCATION.fullmatch, scripts)):
        return False
    (ticket,) = inputs
    if ticket.previous_out_point.tree != TREE_STAKE:
        return False
    automatic = not ticket.signature_script and sum(item.value for item in outputs) >= ticket.value_in
    return version < AUTO_REVOCATIONS or automatic


def _treasury_type(inputs: Sequence[TxIn], scripts: Sequence[bytes]) -> str:
    (first, *others), (beginning, *behind) = inputs, scripts
    if _TREASURY_TAKES.fullmatch(beginning):
        if len(behind) < 2 and all(map(_CHANGE.fullmatch, behind)):
            return "treasury_add"
        salted = len(behind) == 1 and _BASE_SALT.fullmatch(behind[0])
        if salted and not others and first[0] == _NOWHERE and not first.signature_script:
            return "treasury_base"
    elif behind and not others and _SPEND_SALT.fullmatch(beginning):
        pays = all(map(_TREASURY_PAYS.fullmatch, behind))
        return "treasury_spend" if pays and _TREASURY_KEY.fullmatch(first.signature_script) else "regular"
    return "regular"
