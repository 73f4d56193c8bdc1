"""What we tell those who ask for addresses."""

from __future__ import annotations

import time
from collections.abc import Callable

from peerproto.forms.gossip import Known
from peerproto.node.addressbook import AddressBook
from peerproto.node.groups import is_public

__all__ = ["KEPT", "SHARE", "Teller"]

SHARE = 0.23
"""Of the book that one answer tells, so that nobody can copy it at once."""

KEPT = 86400.0
"""Seconds for which all who ask get the same answer: who asks often would learn how the book changes."""


class Teller:
    """Answers each peer that called us once (Bitcoin Core, net.cpp GetAddresses).

    An answer is kept for each kind of network that is asked from, as Core does: who asks by IPv4 and by IPv6 cannot
    tell by what is in both answers that it has asked the same node. Who is on a private network gets a fresh one, and
    alone hears of addresses that lead somewhere only there.

    :param most: how many a network allows in an answer. :param now: the wall clock, in seconds since 1970.
    :ivar ignored: how many questions got no answer.
    """

    def __init__(self, book: AddressBook, most: int, now: Callable[[], float] = time.time) -> None:
        self.ignored = 0
        self._book = book
        self._most = most
        self._now = now
        self._told: set[int] = set()
        self._kept: dict[bool, tuple[float, list[Known]]] = {}

    def answer(self, peer_id: int, host: str, inbound: bool) -> list[Known]:
        """What to tell a peer; empty if it is to get no answer.

        :param peer_id: of the connection. :param host: the address that it asks from.
        """
        known = self._answer(host) if inbound and peer_id not in self._told else []
        if known:
            self._told.add(peer_id)
        else:
            self.ignored += 1
        return known

    def forget(self, peer_id: int) -> None:
        """That connection has ended."""
        self._told.discard(peer_id)

    def _answer(self, host: str) -> list[Known]:
        if not is_public(host):
            return self._book.sample(SHARE, self._most, lambda _: True)
        kind, now = ":" in host, self._now()
        made, known = self._kept.get(kind, (now, []))
        if not known or not 0 <= now - made < KEPT:
            known = self._book.sample(SHARE, self._most, is_public)
            self._kept[kind] = now, known
        return [item for item in known if not self._book.is_banned(item.host)]
