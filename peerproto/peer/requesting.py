"""What all peers are asked for, in the words of their network."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from typing import Any

from twisted.internet.defer import Deferred, fail, succeed

from peerproto.errors import LocalError
from peerproto.forms.phrases import NOWHERE
from peerproto.peer.asking import Asking
from peerproto.wire.message import Message

Words = Callable[[int], Message]
"""A question, given the protocol version that is spoken."""


class Requesting(Asking):
    """The part of a peer that asks by `request`, which says how each of these fires and fails.

    `timeout` is in seconds, in place of the network's own; hashes are in wire order. Each fails with LocalError on a
    network that has no such question.
    """

    def request_headers(
        self, locator: Sequence[Any], stop: bytes = NOWHERE, *, timeout: float | None = None
    ) -> Deferred[Any]:
        """Ask for the headers behind the newest block of a locator that the peer knows.

        :param locator: hashes, newest first, of which some networks look at the first alone; on networks that count
            by heights at most one height.
        :param stop: the hash of the last one that is wanted; zeros for as many as the peer brings at once.
        """
        phrase = self.network.phrases.by_command.get("getheaders")
        if phrase is None:
            return self._has_no("headers to ask for")
        return self._ask(lambda pver: phrase.say(pver, locator, stop), timeout)

    def request_blocks(self, hashes: Collection[bytes], *, timeout: float | None = None) -> Deferred[Any]:
        """Ask for blocks by their hashes, as `request` does for a getdata.

        If there are more than one getdata may ask for, the others are asked for when the first are here, and have
        their own time. Nothing is sent for none.
        """
        return self._ask_for_items(self.network.request_blocks, list(hashes), timeout)

    def request_transactions(
        self, hashes: Collection[bytes], *, timeout: float | None = None
    ) -> Deferred[Any]:
        """Ask for transactions by their ids, as `request_blocks` does for blocks.

        Not for what was announced as a wtxid (`MSG_WTX`, BIP339): that is none of these ids, and a transaction that
        comes for it answers nothing. `request(GetData(message.inv_list))` asks for what an inv has announced.
        """
        ask = self.network.phrases.transactions
        if ask is None:
            return self._has_no("transactions to ask for")
        return self._ask_for_items(ask, list(hashes), timeout)

    def request_addresses(self, *, timeout: float | None = None) -> Deferred[Any]:
        """Ask for addresses of other nodes. Many nodes answer this once, or never."""
        addresses = self.network.phrases.addresses
        if addresses is None:
            return self._has_no("addresses to ask for")
        return self._ask(lambda pver: addresses.asking(), timeout)

    def request_filters(
        self, first: Any, last: bytes, *, kind: int = 0, timeout: float | None = None
    ) -> Deferred[Any]:
        """Ask for the compact filters of a run of blocks; a list of them, each with a `block_hash` and `data`.

        :param first: the first block, by its height where BIP157 is spoken, else by its hash.
        :param last: the hash of the last block. :param kind: 0 for the basic one.
        """
        filters = self.network.phrases.filters
        if filters is None:
            return self._has_no("compact filters to ask for")
        asked = self._ask(lambda pver: filters.ask(pver, first, last, kind), timeout)
        return asked.addCallback(filters.brought)

    def _has_no(self, what: str) -> Deferred[Any]:
        return fail(LocalError(f"{self.network.name} has no {what}"))

    def _ask(self, words: Words, timeout: float | None) -> Deferred[Any]:
        """Ask as soon as it is known what version is spoken."""
        self.inbox.asking()
        if self.ending or not self.outbox.is_open:
            return self._when_open(lambda: self._ask(words, timeout))
        try:
            message = words(self.protocol_version)
        except LocalError as error:
            return fail(error)
        return self.request(message, timeout=timeout)

    def _ask_for_items(
        self, ask: Callable[[Collection[bytes], bool], Message], hashes: list[bytes], timeout: float | None
    ) -> Deferred[Any]:
        if not hashes:
            return succeed([])
        most = self.network.phrases.most_items
        asked = self._ask(lambda pver: ask(hashes[:most], self.codec.witness), timeout)
        if len(hashes) <= most:
            return asked

        def go_on(found: list[Any]) -> Deferred[Any]:
            others = self._ask_for_items(ask, hashes[most:], timeout)
            return others.addCallback(lambda rest: found + rest)

        return asked.addCallback(go_on)
