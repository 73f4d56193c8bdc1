"""What soter has in common with bitcoin but for its limits: the alert, and the checkpoints of filters."""

from __future__ import annotations

from typing import Annotated, NamedTuple

from peerproto.errors import LocalError, MalformedMessage
from peerproto.networks.bitcoin.messages import MOST_STRING
from peerproto.wire.codec import Codec
from peerproto.wire.fields import Count, Hash, ListOf, Plain, VarBytes, VarText, int32, int64, uint8
from peerproto.wire.layout import TOO_SHORT, record
from peerproto.wire.message import Message, message

__all__ = ["Alert", "AlertContent", "CFCheckpt"]

MOST_SET_CANCEL = 8_388_574
MOST_SET_SUB_VER = 131_071


class AlertContent(NamedTuple):
    """What an alert says (soterd wire/msgalert.go); times in seconds since 1970."""

    version: int32
    relay_until: int64
    expiration: int64
    id: int32
    cancel: int32
    set_cancel: Annotated[list[int32], Count(MOST_SET_CANCEL)]
    min_ver: int32
    max_ver: int32
    set_sub_ver: Annotated[list[str], ListOf(VarText(MOST_STRING), MOST_SET_SUB_VER)]
    priority: int32
    comment: Annotated[str, VarText(MOST_STRING)]
    status_bar: Annotated[str, VarText(MOST_STRING)]
    reserved: Annotated[str, VarText(MOST_STRING)]


_content = record(AlertContent)


@message("alert", most=MOST_STRING, lazy=True)
class Alert(Message):
    """A signed alert. What it says is written as it came, never anew."""

    serialized_payload: Annotated[bytes, VarBytes(MOST_STRING)]
    signature: Annotated[bytes, VarBytes(MOST_STRING)]

    def derived(self) -> dict[str, object]:
        return {"payload": self.content}

    def write(self, codec: Codec) -> bytes:
        """The payload. Raises LocalError for an alert that says nothing, which the reference does not write."""
        if self.is_untouched() is None and not self.serialized_payload:
            raise LocalError("serialized_payload is empty")
        return Message.write(self, codec)

    @property
    def content(self) -> Plain:
        """What the alert says as JSON; None if it cannot be read (nothing on the wire says that it can)."""
        try:
            content, _ = _content.reader(self.serialized_payload, 0, None)
        except (*TOO_SHORT, MalformedMessage):
            return None
        return _content.to_plain(content)


@message("cfcheckpt", most=MOST_STRING, lazy=True)
class CFCheckpt(Message):
    """Every thousandth compact filter header (BIP157)."""

    filter_type: uint8
    stop_hash: Hash
    filter_headers: Annotated[list[Hash], Count(100_000)]
