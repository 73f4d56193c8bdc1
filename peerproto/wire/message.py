"""Messages: slotted dataclasses made of a table, read at once or on first use.

::

    @message("ping", most=8)
    class Ping(Message):
        nonce: uint64

A message that came from the network keeps its bytes in `payload`. If it is `lazy`, its fields are read when
one of them is first looked at; what is malformed inside is found then, as `MalformedMessage`. A message that
nobody has looked at is sent on as the bytes it came in; one that has been looked at may have been changed, so
it is written from its fields. To print one is not to look at it.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from dataclasses import MISSING, dataclass, fields
from functools import wraps
from typing import TYPE_CHECKING, Any, ClassVar, Self, TypeVar, dataclass_transform

from peerproto.errors import LocalError, MalformedMessage
from peerproto.wire.layout import TOO_SHORT, Layout, compile_layout, cut_short
from peerproto.wire.plain import Misfit, Plain, record_from_plain, record_to_plain

if TYPE_CHECKING:
    from peerproto.wire.codec import Codec

M = TypeVar("M", bound="Message")
Limit = int | Callable[[int], int]


class Message:
    """What all messages have.

    :cvar command: the name on the wire. :cvar since: the protocol version that brought it.
    :cvar until: the last protocol version that has it; None if there is no end.
    :cvar most: the longest payload in bytes, or a function of the protocol version that tells it.
    :cvar lazy: whether its fields are read on first use.
    :cvar foreign: whether the network's reference does not know it: then a payload that cannot be read makes
        it an unknown command, which is what the reference sees. Such a message is never lazy.
    :cvar read: the message of a whole payload and a codec. Raises MalformedMessage; a lazy one may raise it
        later.
    :cvar read_whole: the same, with every field read now.
    :ivar payload: the bytes that it was read from; None for one made here.
    """

    __slots__ = ("_unread", "payload")

    command: ClassVar[str]
    since: ClassVar[int]
    until: ClassVar[int | None]
    most: ClassVar[Limit]
    lazy: ClassVar[bool]
    foreign: ClassVar[bool]
    layout: ClassVar[Layout]
    read: ClassVar[Callable[[bytes, Any], Any]]
    read_whole: ClassVar[Callable[[bytes, Any], Any]]

    payload: bytes | None
    _unread: Any

    @classmethod
    def exists_at(cls, pver: int) -> bool:
        """Whether a protocol version has the message."""
        return cls.since <= pver and (cls.until is None or pver <= cls.until)

    @classmethod
    def when(cls, pver: int) -> str:
        """What to say of it at a protocol version that does not have it."""
        if pver < cls.since:
            return f"exists from protocol version {cls.since} on, not at {pver}"
        return f"exists up to protocol version {cls.until}, not at {pver}"

    @classmethod
    def limit(cls, pver: int) -> int:
        """The longest payload at a protocol version, in bytes."""
        return cls.most(pver) if callable(cls.most) else cls.most

    def load(self) -> Self:
        """Read the fields, if nobody has looked at them yet. Raises MalformedMessage."""
        codec, payload = self.is_untouched(), self.payload
        if codec is None or payload is None:
            return self
        _set_unread(self, None)
        try:
            at = self.layout.read(self, payload, 0, codec)
            if at != len(payload):
                codec.check_end(payload, at)
        except TOO_SHORT as error:
            raise self._unload(codec, cut_short(error, len(payload))) from None
        except MalformedMessage as error:
            raise self._unload(codec, error) from None
        return self

    def _unload(self, codec: Codec, error: MalformedMessage) -> MalformedMessage:
        """As before `load`, so that the next look finds the same fault."""
        for name in self.layout.kinds:
            with suppress(AttributeError):
                delattr(self, name)
        _set_unread(self, codec)
        return codec.located(error, type(self))

    def is_untouched(self) -> Codec | None:
        """The codec that it waits to be read with, if it holds the bytes it came in and nobody has looked."""
        try:
            return _get_unread(self)
        except AttributeError:
            return None

    def write(self, codec: Codec) -> bytes:
        """The payload. Raises struct.error, ValueError and the like for a value that does not fit."""
        try:
            unread = _get_unread(self)
        except AttributeError:
            unread = None
        if unread is not None and (unread is codec or codec.reads_like(unread)):
            return self.payload or b""
        return self.layout.write(self, codec)

    def __getattr__(self, name: str) -> Any:
        """Only asked for what is not set: the fields of a message that nobody has looked at."""
        if name == "payload":
            return None
        if self.is_untouched() is None or name not in self.layout.kinds:
            raise AttributeError(
                f"{type(self).__name__} has no {name!r}: it has {', '.join(self.layout.kinds)}"
            )
        return getattr(self.load(), name)

    def __repr__(self) -> str:
        """To print a message is not to look at it: of what is unread only the length is shown."""
        if self.is_untouched() is not None:
            return f"{type(self).__name__}(<{len(self.payload or b'')} bytes unread>)"
        parts = [f"{name}={getattr(self, name)!r}" for name in self.layout.kinds if hasattr(self, name)]
        return f"{type(self).__name__}({', '.join(parts)})"

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
        try:
            return cls(**record_from_plain(cls.layout.kinds, plain, cls.may_be_absent()))
        except Misfit as error:
            raise LocalError(f"{cls.command}: {error}") from None

    @classmethod
    def may_be_absent(cls) -> frozenset[str]:
        """The fields that a message need not have."""
        return frozenset(item.name for item in fields(cls) if item.default is None)  # type: ignore[arg-type]


_slots: Any = vars(Message)
_get_unread: Callable[[Message], Codec | None] = _slots["_unread"].__get__
_set_unread = _slots["_unread"].__set__
_set_payload = _slots["payload"].__set__


def _assign(self: Message, name: str, value: Any) -> None:
    """A field of a message that nobody has looked at is assigned: the others are read first."""
    if name in self.layout.kinds and self.is_untouched() is not None:
        self.load()
    object.__setattr__(self, name, value)


def _constructor(kind: type[M]) -> Callable[..., None]:
    """The constructor of a lazy message: a new one is not unread, so its fields need not go through `_assign`."""
    scope: dict[str, Any] = {}
    parameters, lines = ["self"], []
    for item in fields(kind):  # type: ignore[arg-type]
        scope[f"set_{item.name}"] = vars(kind)[item.name].__set__
        scope[f"default_{item.name}"] = item.default
        default = "" if item.default is MISSING else f"=default_{item.name}"
        parameters.append(item.name + default)
        lines.append(f"    set_{item.name}(self, {item.name})")
    exec(f"def construct({', '.join(parameters)}):\n" + "\n".join(lines or ["    pass"]), scope)
    construct: Callable[..., None] = wraps(kind.__init__)(scope["construct"])
    return construct


def _eager_reader(kind: type[M]) -> Callable[[bytes, Codec], M]:
    new, fill = kind.__new__, kind.layout.read

    def read(payload: bytes, codec: Codec) -> M:
        self = new(kind)
        _set_payload(self, payload)
        _set_unread(self, None)
        try:
            at = fill(self, payload, 0, codec)
        except TOO_SHORT as error:
            raise cut_short(error, len(payload)) from None
        if at != len(payload):
            codec.check_end(payload, at)
        return self

    return read


def _lazy_reader(kind: type[M]) -> Callable[[bytes, Codec], M]:
    new, skim, skims_all = kind.__new__, kind.layout.skim, kind.layout.skims_all

    def read(payload: bytes, codec: Codec) -> M:
        self = new(kind)
        _set_payload(self, payload)
        _set_unread(self, codec)
        if skim is not None:
            try:
                at = skim(self, payload, 0, codec)
            except TOO_SHORT as error:
                raise cut_short(error, len(payload)) from None
            if at > len(payload) or (skims_all and at < len(payload)):
                codec.check_end(payload, at)
        return self

    return read


@dataclass_transform()
def message(
    command: str,
    *,
    most: Limit = 0,
    since: int = 0,
    until: int | None = None,
    lazy: bool = False,
    foreign: bool = False,
    by_hand: tuple[Callable[..., int], Callable[..., bytes]] | None = None,
) -> Callable[[type[M]], type[M]]:
    """Make a message of a class of annotated fields: a slotted dataclass with a compiled layout.

    :param by_hand: `read(message, buf, at, codec) -> at` and `write(message, codec)`, not compiled ones.

    Raises TypeError for a field whose annotation says nothing of the wire, or whose name every message has.
    """

    def make(table: type[M]) -> type[M]:
        taken = {*Message.__annotations__, *vars(Message)}.intersection(table.__annotations__)
        if taken:
            raise TypeError(f"{table.__name__} cannot have fields named {', '.join(sorted(taken))}")
        made = dataclass(slots=True, repr=False)(table)
        made.command, made.since, made.until, made.most = command, since, until, most
        made.lazy, made.foreign = lazy and not foreign, foreign
        made.layout = compile_layout(made)
        if by_hand:
            read, write = by_hand
            made.layout = made.layout._replace(read=read, write=write, skim=None, skims_all=False)
        if not made.lazy and made.write is Message.write:
            made.write = made.layout.write  # type: ignore[method-assign]
        if made.lazy:
            made.__init__ = _constructor(made)  # type: ignore[method-assign]
            made.__setattr__ = _assign  # type: ignore[assignment, method-assign]
        made.read_whole = staticmethod(_eager_reader(made))
        made.read = staticmethod(_lazy_reader(made)) if made.lazy else made.read_whole
        return made

    return make
