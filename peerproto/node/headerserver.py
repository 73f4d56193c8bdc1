"""Headers for the peers that ask, no faster than each takes them."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

from twisted.internet.interfaces import IReactorTime

from peerproto.forms.sync import Answer, HeaderSync
from peerproto.node.answering import Server, Step
from peerproto.node.headerchain import HeaderChain
from peerproto.node.trouble import Trouble
from peerproto.wire.message import Message


class HeaderServer(Server):
    """Answers questions for headers from the chain, one of each peer in a turn of the reactor.

    :param trouble: what a store that fails is told to.
    """

    def __init__(self, clock: IReactorTime, chain: HeaderChain, trouble: Trouble) -> None:
        super().__init__(
            clock, lambda peer: partial(_answers, peer.network.headers, chain), trouble, turn=0.0
        )


def _answers(sync: HeaderSync, chain: HeaderChain, message: Message) -> Iterator[Step]:
    """The headers behind the newest hash of the locator that is ours; an empty message if there are none."""
    locator, stop = sync.asked(message)
    headers = headers_asked(chain, sync, locator, stop, sync.most)
    if headers or not sync.one_start:
        yield Answer(sync.bring(headers))


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
