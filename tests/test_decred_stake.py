"""Tests of what kind of transaction one is: those of dcrd, and the same with one thing wrong."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from peerproto.networks import decred
from peerproto.networks.decred.stake import tx_type
from tests.decred_vectors import by_label, codec_of, frame_of, golden

TICKET, VOTE, REVOCATION = "tx ticket purchase full", "tx vote full", "tx revocation v1 full"
VOTES, AUTOMATIC = "tx vote with treasury votes", "tx revocation v2 (automatic, empty script)"
ADD, SPEND, BASE = "tx treasury add", "tx treasury spend", "tx treasury base"

Change = Callable[[decred.Tx], object]


def transaction(label: str) -> decred.Tx:
    """One of dcrd's transactions."""
    found: Any = codec_of(by_label(label)).decode(frame_of(by_label(label)))
    return found


def version(number: int) -> Change:
    return lambda tx: setattr(tx, "version", number)


def given(index: int, /, **changes: Any) -> Change:
    """An input is otherwise."""

    def change(tx: decred.Tx) -> None:
        tx.tx_in[index] = tx.tx_in[index]._replace(**changes)

    return change


def point(index: int, /, **changes: Any) -> Change:
    """What an input spends is otherwise."""

    def change(tx: decred.Tx) -> None:
        given(index, previous_out_point=tx.tx_in[index].previous_out_point._replace(**changes))(tx)

    return change


def made(index: int, /, **changes: Any) -> Change:
    """An output is otherwise."""

    def change(tx: decred.Tx) -> None:
        tx.tx_out[index] = tx.tx_out[index]._replace(**changes)

    return change


def script(index: int, at: int, *new: int) -> Change:
    """A byte of a script is otherwise, or from there all are."""

    def change(tx: decred.Tx) -> None:
        old = tx.tx_out[index].pk_script
        made(index, pk_script=old[:at] + bytes(new) + (old[at + 1 :] if len(new) == 1 else b""))(tx)

    return change


def more_in(tx: decred.Tx) -> None:
    tx.tx_in.append(tx.tx_in[0])


def more_out(tx: decred.Tx) -> None:
    tx.tx_out.append(tx.tx_out[-1])


def fewer_out(tx: decred.Tx) -> None:
    tx.tx_out.pop()


def no_out(tx: decred.Tx) -> None:
    tx.tx_out = []


def no_in(tx: decred.Tx) -> None:
    tx.tx_in = []


def vote_twice(tx: decred.Tx) -> None:
    """The second of the votes on the treasury is the first again."""
    old = tx.tx_out[-1].pk_script
    made(-1, pk_script=old[:37] + old[4:37])(tx)


def longer_push(tx: decred.Tx) -> None:
    """Votes that many bytes announce."""
    votes = tx.tx_out[-1].pk_script[4:]
    votes += bytes(31) + b"\7\1"
    made(-1, pk_script=b"\x6a\x4c" + bytes((len(votes) + 2,)) + b"TV" + votes)(tx)


WRONG: dict[str, list[Change]] = {
    TICKET: [
        more_in,
        more_out,
        no_out,
        no_in,
        made(1, version=1),
        script(0, 0, 0xBB),
        script(1, 0, 0x6B),
        script(1, 1, 0x1D),
        script(1, 5),
        script(2, 0, 0xBA),
        script(2, 25, 0xAD),
    ],
    VOTE: [
        more_in,
        fewer_out,
        point(0, index=0),
        given(0, block_height=1),
        given(0, block_index=1),
        point(1, index=1),
        point(1, tree=0),
        made(2, version=1),
        script(0, 1, 0x25),
        script(1, 1, 5),
        script(2, 0, 0xBC),
    ],
    REVOCATION: [more_in, point(0, tree=0), made(0, version=1), script(0, 0, 0xBB), version(2)],
    VOTES: [version(1), script(-1, 2, 0x55), script(-1, 36, 3), script(-1, 1, 0x43), vote_twice],
    AUTOMATIC: [given(0, signature_script=b"x"), made(0, value=676658101)],
    ADD: [
        version(4),
        version(2),
        more_out,
        script(0, 0, 0xC2),
        script(0, 1, 0, 0),
        script(1, 0, 0xBC),
        no_in,
    ],
    SPEND: [
        version(4),
        more_in,
        given(0, signature_script=bytes(100)),
        script(0, 1, 0x21),
        script(1, 0, 0xC2),
        lambda tx: tx.tx_out.__delitem__(slice(1, None)),
    ],
    BASE: [
        version(4),
        more_in,
        more_out,
        given(0, signature_script=b"x"),
        point(0, index=0),
        script(1, 1, 0x0B),
    ],
}
"""What makes another transaction of each, for dcrd a regular one."""


class KindTests(SynchronousTestCase):
    """What `tx_type` tells."""

    def test_of_dcrd(self) -> None:
        """Each has the kind that dcrd finds."""
        found = {entry["extra"].get("tx_type") for entry in golden() if entry["command"] == "tx"}
        self.assertEqual(len(found - {None}), 7)
        for label, changes in WRONG.items():
            self.assertNotEqual(tx_type(transaction(label)), "regular", label)
            self.assertTrue(changes)

    def test_one_thing_wrong(self) -> None:
        """With any one thing wrong it is regular."""
        for label, changes in WRONG.items():
            for number, change in enumerate(changes):
                tx = transaction(label)
                change(tx)
                self.assertEqual(tx_type(tx), "regular", f"{label}: {number}")

    def test_still_the_same(self) -> None:
        """What does not matter does not."""
        for label, change, kind in (
            (VOTES, longer_push, "vote"),
            (AUTOMATIC, made(0, value=676658103), "revocation"),
            (ADD, fewer_out, "treasury_add"),
            (TICKET, made(2, pk_script=b"\xbd\xa9\x14" + bytes(20) + b"\x87"), "ticket"),
            (VOTE, version(3), "vote"),
            (SPEND, fewer_out, "treasury_spend"),
        ):
            tx = transaction(label)
            change(tx)
            self.assertEqual(tx_type(tx), kind, label)

    def test_many_inputs(self) -> None:
        """A ticket has at most 64 inputs."""
        tx = transaction(TICKET)
        tx.tx_in, tx.tx_out = tx.tx_in * 64, tx.tx_out[:1] + tx.tx_out[1:] * 64
        self.assertEqual(tx_type(tx), "ticket")
        tx.tx_in, tx.tx_out = [*tx.tx_in, tx.tx_in[0]], [*tx.tx_out, *tx.tx_out[1:3]]
        self.assertEqual(tx_type(tx), "regular")
