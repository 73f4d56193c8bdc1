"""How the addresses of nodes are asked for and told."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from typing import Any

from peerproto.wire.message import Message


@dataclass(frozen=True)
class Known:
    """An address that can be told to others; the time is when it was last seen, in seconds since 1970."""

    host: str
    port: int
    services: int
    timestamp: int


@dataclass(frozen=True)
class AddressGossip:
    """How addresses are asked for and told.

    :ivar asking: the kind of message that asks. :ivar most: how many may be told at once.
    :ivar tell: the message for addresses, given which negotiating messages the other side has sent, and the protocol
        version that is spoken.
    :ivar telling: the kinds of message that tell of addresses, each with what reads them out of it.
    :ivar ask: makes the message that asks; None if its kind needs no words.
    """

    asking: type[Message]
    most: int
    tell: Callable[[list[Known], Collection[type[Message]], int], Message]
    telling: Mapping[type[Message], Callable[[Any], list[Known]]] = field(default_factory=dict)
    ask: Callable[[], Message] | None = None

    def question(self) -> Message:
        """The message that asks for addresses."""
        return self.ask() if self.ask is not None else self.asking()


def told_in(message: Any) -> list[Known]:
    """The addresses of a message that has a list of them, each of time, services, address and port."""
    return [Known(host, port, services, seen) for seen, services, host, port in message.addr_list]
