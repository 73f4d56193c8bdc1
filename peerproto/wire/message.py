"""Messages: slotted dataclasses made of a table, read at once or on first use.

::

    @message("ping", most=8)
    class Ping(Message):
        nonce: uint64

A message that came from the network keeps its bytes in `payload`. If it is `lazy`, its fields are read when one
of them is first looked at; what is malformed inside is found then, as `MalformedMessage`. A message that nobody
has looked at is sent on as the bytes it came in; one that has been looked at may have been changed, so it is
written from its fields.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Any, ClassVar, Self, TypeVar, dataclass_transform

from peerproto.errors import LocalError, MalformedMessage
from peerproto.wire.layout import TOO_SHORT, Layout, compile_layout, cut_short
from peerproto.wire.plain import Plain, record_from_plain, record_to_plain

if TYPE_CHECKING:
    from peerproto.wire.codec import Codec

M = TypeVar("M", bound="Message")
Limit = int | Callable[[int], int]


class Message:
    """What all messages have.

    :cvar command: the name on the wire. :cvar since: the protocol version that brought it.
    :cvar most: the longest payload in bytes, or a function of the protocol version that tells it.
    :cvar foreign: whether the network's reference does not know it: then a payload that cannot be read makes it
        an unknown command, which is what the reference sees.
    :ivar payload: the bytes that it was read from; None for one made here.
    """

    __slots__ = ("_codec", "payload")

    command: ClassVar[str]
    since: ClassVar[int]
    most: ClassVar[Limit]
    lazy: ClassVar[bool]
    foreign: ClassVar[bool]
    layout: ClassVar[Layout]

    payload: bytes | None
    _codec: Any

    @classmethod
    def limit(cls, pver: int) -> int:
        """The longest payload at a protocol version, in bytes."""
        return cls.most(pver) if callable(cls.most) else cls.most

    @classmethod
    def read(cls, payload: bytes, codec: Codec) -> Self:
        """The message of a whole payload. Raises MalformedMessage; a lazy one may raise it later."""
        self = cls.__new__(cls)
        self.payload = payload
        self._codec = codec
        try:
            if cls.lazy:
                at = cls.layout.skim(self, payload, 0, codec)
                complete = cls.layout.skims_all
            else:
                at = cls.layout.read(self, payload, 0, codec)
                complete = True
        except TOO_SHORT as error:
            raise cut_short(error, len(payload)) from None
        if complete or at > len(payload):
            codec.check_end(payload, at)
        return self

    def load(self) -> Self:
        """Read the fields of a message that nobody has looked at. Raises MalformedMessage."""
        payload = self.payload
        if payload is None:
            raise AttributeError(f"{type(self).__name__} has neither fields nor payload")
        changed = self._set_fields()
        try:
            at = self.layout.read(self, payload, 0, self._codec)
            self._codec.check_end(payload, at)
        except TOO_SHORT as error:
            self._unload()
            raise cut_short(error, len(payload)) from None
        except MalformedMessage:
            self._unload()
            raise
        for name, value in changed.items():
            setattr(self, name, value)
        return self

    def _unload(self) -> None:
        for name in self._set_fields():
            delattr(self, name)

    def write(self, codec: Codec) -> bytes:
        """The payload. Raises LocalError for a value that does not fit its field."""
        if self.payload is not None and codec.reads_like(self._codec) and not self._set_fields():
            return self.payload
        return self.layout.write(self, codec)

    def is_untouched(self) -> bool:
        """Whether it holds the bytes it came in and nobody has looked at its fields."""
        return self.payload is not None and not self._set_fields()

    def _set_fields(self) -> dict[str, Any]:
        found = {}
        for name in self.layout.kinds:
            try:
                found[name] = getattr(type(self), name).__get__(self)
            except AttributeError:
                continue
        return found

    def __getattr__(self, name: str) -> Any:
        if name == "payload":
            return None
        if name not in self.layout.kinds:
            raise AttributeError(f"{type(self).__name__} has no {name!r}: it has {', '.join(self.layout.kinds)}")
        try:
            return getattr(self.load(), name)
        except MalformedMessage as error:
            raise self._codec.located(error, type(self)) from None

    def derived(self) -> dict[str, object]:
        """What follows from the fields and is shown among them; never written to the wire."""
        return {}

    def extra(self) -> dict[str, object]:
        """What follows from the fields and is shown beside them; never written to the wire."""
        return {}

    def to_fields(self) -> dict[str, Plain]:
        """The fields as JSON: bytes as hex in wire order, then what derives from them."""
        return record_to_plain(self.layout.kinds, self)

    @classmethod
    def from_fields(cls, plain: dict[str, Plain]) -> Self:
        """The inverse of `to_fields`. Raises LocalError for what does not fit the table."""
        missing = [name for name in cls.layout.kinds if name not in plain and name not in cls.may_be_absent()]
        if missing:
            raise LocalError(f"{cls.command}: no field {missing[0]!r} given; it has {', '.join(cls.layout.kinds)}")
        try:
            return cls(**record_from_plain(cls.layout.kinds, plain))
        except (TypeError, ValueError, KeyError) as error:
            raise LocalError(f"{cls.command}: {error}") from None

    @classmethod
    def may_be_absent(cls) -> frozenset[str]:
        """The fields that a message need not have."""
        return frozenset(item.name for item in fields(cls) if item.default is None)  # type: ignore[arg-type]


def _skim_nothing(message: Message, buf: bytes, at: int, codec: Codec) -> int:
    return at


@dataclass_transform()
def message(
    command: str,
    *,
    most: Limit = 0,
    since: int = 0,
    lazy: bool = False,
    foreign: bool = False,
    by_hand: tuple[Callable[..., int], Callable[..., bytes]] | None = None,
) -> Callable[[type[M]], type[M]]:
    """Make a message of a class of annotated fields: a slotted dataclass with a compiled layout.

    :param by_hand: `read(message, buf, at, codec) -> at` and `write(message, codec)` in place of compiled ones.
    """

    def make(table: type[M]) -> type[M]:
        made = dataclass(slots=True)(table)
        made.command, made.since, made.most = command, since, most
        made.lazy, made.foreign = lazy, foreign
        made.layout = compile_layout(made)
        if by_hand:
            read, write = by_hand
            made.layout = made.layout._replace(read=read, write=write, skim=_skim_nothing, skims_all=False)
        return made

    return make
