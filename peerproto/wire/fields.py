"""What may stand in a message's table.

mypy sees the plain type, `layout` sees the kind::

    hash_stop: Hash                                         # bytes, 32 on the wire
    inv_list: Annotated[list[InvVect], Count(50_000)]       # a varint, then so many vectors
    nonce: Annotated[int | None, Since(60001, Fixed("Q"))]  # only from protocol version 60001 on

All numbers are little endian; ports and addresses are in network order.
"""

from __future__ import annotations

from typing import Annotated

from peerproto.wire.kinds import BigEndian, Custom, Fixed, Kind, ListOf, VarBytes, Varint, VarText
from peerproto.wire.optional import If, Since, Tail
from peerproto.wire.plain import Plain, fit_ip, fit_of
from peerproto.wire.tables import Count, FixedRecord, kind_of

uint8 = Annotated[int, Fixed("B")]
uint16 = Annotated[int, Fixed("H")]
uint32 = Annotated[int, Fixed("I")]
uint64 = Annotated[int, Fixed("Q")]
int32 = Annotated[int, Fixed("i")]
int64 = Annotated[int, Fixed("q")]
boolean = Annotated[bool, Fixed("?", zero="False")]
negated = Annotated[bool, Fixed("?", "not {}", "not {}", zero="False")]
"""A flag that the wire holds the other way round."""
port = Annotated[int, BigEndian(fit=fit_of("H"))]
"""A port in network order."""
ip_address = Annotated[str, Fixed("16s", "ip_text({})", "ip_bytes({})", zero="'::'", fit=fit_ip)]
"""An IPv6 or IPv4-mapped address of 16 bytes, as text."""
Hash = Annotated[bytes, Fixed("32s")]
"""32 bytes in wire order."""
varint = Annotated[int, Varint()]

__all__ = [
    "BigEndian",
    "Count",
    "Custom",
    "Fixed",
    "FixedRecord",
    "Hash",
    "If",
    "Kind",
    "ListOf",
    "Plain",
    "Since",
    "Tail",
    "VarBytes",
    "VarText",
    "Varint",
    "boolean",
    "int32",
    "int64",
    "ip_address",
    "kind_of",
    "negated",
    "port",
    "uint8",
    "uint16",
    "uint32",
    "uint64",
    "varint",
]
