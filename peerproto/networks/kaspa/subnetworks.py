"""Subnetworks: a full node follows all of them and names none, a partial node follows one and names it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

from peerproto.errors import Reason, Refused
from peerproto.wire.code import exact
from peerproto.wire.codec import Codec
from peerproto.wire.fields import Custom, Fixed
from peerproto.wire.plain import Plain, hex_bytes

if TYPE_CHECKING:
    from peerproto.wire.writing import WriteCode

ID_SIZE = 20
SubnetworkID = Annotated[bytes, Fixed("20s")]
"""In wire order."""

NATIVE, COINBASE, REGISTRY = (bytes((number,)) + bytes(ID_SIZE - 1) for number in range(3))
BUILT_IN = frozenset({COINBASE, REGISTRY})
"""The subnetworks that every net has, beside the native one."""


def read_subnetwork(buf: bytes, at: int, codec: Codec | None) -> tuple[bytes | None, int]:
    """None for a full node, else a partial one's subnetwork. Raises IndexError if bytes are missing."""
    if buf[at]:
        return None, at + 1
    end = at + 1 + ID_SIZE
    if end > len(buf):
        raise IndexError
    return buf[at + 1 : end], end


def write_subnetwork(subnetwork: bytes | None, codec: Codec | None) -> bytes:
    """The inverse of `read_subnetwork`. Raises ValueError for an id of another length."""
    return b"\1" if subnetwork is None else b"\0" + exact(subnetwork, ID_SIZE)


_fit_id = hex_bytes(ID_SIZE)


def _unplain(value: Plain) -> bytes | None:
    subnetwork: bytes | None = None if value is None else _fit_id(value)
    return subnetwork


FullOrSubnetwork = Annotated[bytes | None, Custom(read_subnetwork, write_subnetwork, unplain=_unplain)]
"""A flag for full nodes; where it is not set, the subnetwork (kaspad wire/msgversion.go)."""


def _read_unless_all(buf: bytes, at: int, codec: Codec) -> tuple[bytes | None, int]:
    return (None, at) if buf[at - 1] else read_subnetwork(buf, at, codec)


def _skim_unless_all(buf: bytes, at: int, codec: Codec) -> int:
    return _read_unless_all(buf, at, codec)[1]


class _UnlessAll(Custom):
    """Is there only where the flag right before it, `include_all_subnetworks`, is not set."""

    def write(self, code: WriteCode, value: str) -> None:
        code.branch("if not self.include_all_subnetworks:", lambda: Custom.write(self, code, value))


FullOrSubnetworkUnlessAll = Annotated[
    bytes | None, _UnlessAll(_read_unless_all, write_subnetwork, _skim_unless_all, unplain=_unplain)
]
"""The same, behind a flag for all subnetworks (kaspad wire/msggetaddr.go)."""


def judge(ours: bytes | None, theirs: bytes | None, *, inbound: bool) -> Refused | None:
    """Whether two nodes suit each other where subnetworks are let in (kaspad peer/peer.go).

    A full node serves partial ones that call it, and calls none.
    """
    if theirs is None or theirs == ours or (ours is None and inbound):
        return None
    whose = "full nodes are wanted" if ours is None else f"ours is {show(ours)}"
    return Refused(f"a partial node of subnetwork {show(theirs)}, {whose}", Reason.WRONG_NETWORK)


def judge_none(theirs: bytes | None) -> Refused | None:
    """What becomes of a partial node where there are none, whatever its subnetwork."""
    if theirs is None:
        return None
    text = f"a partial node of subnetwork {show(theirs)}, on a network without subnetworks"
    return Refused(text, Reason.WRONG_NETWORK)


def show(subnetwork: bytes) -> str:
    """A subnetwork as people write it: in hexadecimal, the other way round than on the wire."""
    return subnetwork[::-1].hex()
