"""Headers for the peers that ask, no faster than each takes them."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from twisted.internet.interfaces import IReactorTime

from peerproto.forms.sync import Answer, HeaderSync
from peerproto.node.answering import Server, Step
from peerproto.node.headerchain import HeaderChain
from peerproto.node.trouble import Trouble
from peerproto.wire.message import Message


class HeaderServer(Server):
    """Answers questions for headers from the chain, one of each peer in a turn of the reactor.

    :param trouble: what a store that fails is told to. :param promised: how high the chain may be told.
    """

    def __init__(
        self, clock: IReactorTime, chain: HeaderChain, trouble: Trouble, promised: Callable[[], int]
    ) -> None:
        self._chain = chain
        self._promised = promised
        super().__init__(
            clock,
            lambda peer: lambda message: self._answer_to(peer.network.headers, message),
            trouble,
            turn=0.0,
        )

    def _answer_to(self, sync: HeaderSync, message: Message) -> Iterator[Step]:
        """The headers behind the newest hash of the locator that is ours; an empty message if there are none."""
        locator, stop = sync.asked(message)
        headers = self._promisable(headers_asked(self._chain, sync, locator, stop, sync.most))
        if headers or not sync.one_start:
            yield Answer(sync.bring(headers))

    def _promisable(self, headers: list[bytes]) -> list[bytes]:
        """Those that are not too high."""
        chain, promised = self._chain, self._promised()
        if not headers or promised >= chain.height:
            return headers
        first = chain.height_of(chain.rules.block_hash(headers[0]))
        return headers if first is None else headers[: max(promised + 1 - first, 0)]


def headers_asked(
    chain: HeaderChain, sync: HeaderSync, locator: list[bytes], stop: bytes, most: int
) -> list[bytes]:
    """The headers of the main chain behind a locator, in the way of the network, at most so many.

    Where nodes look at one hash alone: those behind it and before the stop; none if it is not on the main chain.
    """
    if not sync.one_start:
        return chain.after(locator, stop, most)
    first, last = chain.height_of(locator[0]), chain.height_of(stop)
    if first is None or first == last:
        return []
    count = most if last is None or last < first else min(most, last - first - 1)
    return chain.after(locator[:1], most=count)
