"""What nodes tell of others: `addr` as on bitcoin, and `addrcache` with the addresses of their peers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated

from peerproto.networks.bitcoin.messages import Addr, GetAddr
from peerproto.networks.bitcoin.records import TimedAddress
from peerproto.wire.fields import Fixed, FixedRecord, ListOf, Since
from peerproto.wire.message import Message, message

if TYPE_CHECKING:
    from peerproto.wire.reading import ReadCode
    from peerproto.wire.writing import WriteCode

__all__ = ["MOST_ADDRESSES", "Addr", "AddrCache", "GetAddr", "GetAddrCache"]

MOST_ADDRESSES = 1000


@dataclass
class _Shared(ListOf):
    """One of several lists that may have `most` entries together; the first of them begins to count.

    The reference adds their counts in 64 bits: one near 2**64 makes the sum small, and the node dies of it
    (soterd wire/msgaddrcache.go). Numbers do not wrap here, and each count is judged before anything is made.
    """

    first: bool = False

    def read(self, code: ReadCode, target: str) -> None:
        if self.first:
            code.line("entries = 0")
        code.read_count(self.most, "entries")
        code.raw("entries += count")
        code.raw(f"if entries > {self.most}: raise over(entries, {self.most}, 'entries', at)")
        assert isinstance(self.item, Fixed)
        code.read_fixed_list(self.item, target)

    def write(self, code: WriteCode, value: str) -> None:
        if self.first:
            code.line("entries = 0")
        code.line(f"entries += len({value})")
        code.line(
            f"if entries > {self.most}: raise too_many({code.field!r}, entries, {self.most}, 'entries')"
        )
        super().write(code, value)


def _addresses(*, first: bool = False) -> Since:
    """A list of addresses; their times are missing below protocol version 31402."""
    timed, untimed = FixedRecord(TimedAddress), FixedRecord(TimedAddress, without=("timestamp",))
    return Since(
        31402,
        _Shared(timed, MOST_ADDRESSES, first=first),
        below=_Shared(untimed, MOST_ADDRESSES, first=first),
    )


@message("getaddrcache")
class GetAddrCache(Message):
    """Asks for the addresses of a node's peers."""


@message("addrcache", most=lambda pver: 27 + MOST_ADDRESSES * (30 if pver >= 31402 else 26), lazy=True)
class AddrCache(Message):
    """The addresses of a node's peers and of other nodes it knows, at most 1000 together."""

    inbound: Annotated[list[TimedAddress], _addresses(first=True)]
    outbound: Annotated[list[TimedAddress], _addresses()]
    known: Annotated[list[TimedAddress], _addresses()]
