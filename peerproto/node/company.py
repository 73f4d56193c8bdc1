"""The company that a node keeps: who is called and who is let in, the book of addresses, and what is told of them."""

from __future__ import annotations

import random as chance
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

from twisted.internet.defer import Deferred, gatherResults, succeed
from twisted.web.iweb import IAgent

from peerproto.forms.seeds import DnsSeed, Seeds
from peerproto.node.bookkeeping import EVERY
from peerproto.node.books import keep_book
from peerproto.node.connector import PeerConnector
from peerproto.node.gossip import Gossip
from peerproto.node.groups import Groups, is_local_net
from peerproto.node.manager import PeerManager
from peerproto.node.peersfile import Listed, fill, read_peers, shipped_peers
from peerproto.node.places import Place
from peerproto.node.roster import Change, PeerAdded
from peerproto.node.seeding import ENOUGH, Seeding
from peerproto.node.seedlist import seeds_of, sources_of
from peerproto.node.slots import Limits
from peerproto.peer.factory import PeerFactory
from peerproto.peer.logs import Logger
from peerproto.peer.protocol import PeerProtocol
from peerproto.text import writable

__all__ = ["Company"]


class Company:
    """A manager of peers with a book, for one node.

    Without `outbound` nobody is called but those who are named, and nobody is asked for addresses; what is told of
    them is kept all the same, and told to those who ask.

    :param factory: of the node's peers.
    :param connect: whom to keep connected. :param outbound: how many others to look for and call.
    :param book: the path of a file that keeps the addresses, or the URL of a PostgreSQL database that keeps those of
        many nodes; None to forget them at the end. :param book_every: seconds between two times that it is saved.
    :param peers_file: what an empty book begins with; None for what comes with the network. The names in it are
        seeds.
    :param seeds: whom to ask for addresses when the book does not do; see `seeds_of`. None for the network's own and
        the names that come with it.
    :param allow_local: whether addresses of private networks and loopback may be called, as on local nets.
    :param agent: asks seeds by HTTPS; None for one whose certificates the system trusts.
    :param limits: for those who call us; None for the usual ones.
    :param now: the wall clock, in seconds since 1970. :param random: gives numbers from 0 to 1.

    Raises LocalError for a file of peers that cannot be read or says nonsense, and for seeds or a URL that are none;
    StoreError for a book that is in use, or whose server cannot be reached.
    """

    _log = Logger()

    def __init__(
        self,
        reactor: Any,
        factory: PeerFactory,
        *,
        connect: Sequence[Any] = (),
        outbound: int = 0,
        book: str | None = None,
        book_every: float = EVERY,
        peers_file: str | None = None,
        seeds: Sequence[str] | None = None,
        allow_local: bool = False,
        agent: IAgent | None = None,
        limits: Limits | None = None,
        now: Callable[[], float] = time.time,
        random: Callable[[], float] = chance.random,
    ) -> None:
        network = factory.network
        listed = shipped_peers(network) if peers_file is None else read_peers(peers_file, network)
        own_list = seeds is None or peers_file is not None
        asked = _with_names(seeds_of(network, seeds), listed if own_list else Listed([], []))
        self.book, self._keeper = keep_book(
            reactor,
            book,
            network,
            Groups(local=allow_local or is_local_net(network.name)),
            every=book_every,
            now=now,
            wanted=factory.services_wanted,
            in_use=lambda: self.manager.called,
            more=self._look_again,
        )
        fill(self.book, listed, now())
        self._looks = outbound > 0
        self.gossip = Gossip(network, self.book, now, self._look_again)
        self.manager = PeerManager(
            reactor, factory, self.book, manual=connect, target=outbound, feelers=self._looks, limits=limits
        )
        self.seeding = Seeding(
            reactor,
            sources_of(reactor, factory, asked, now=now, random=random, agent=agent) if self._looks else (),
            self.book,
            enough=self._has_enough,
            found=self.manager.look,
            random=random,
        )
        self._anchors: list[Place] = []
        self.manager.subscribe(self._heard)
        self.book.bans.when_banned.append(self.manager.end_banned)
        factory.handlers.update(self.gossip.handlers)

    @property
    def connectors(self) -> list[PeerConnector]:
        """One for each peer that is kept connected."""
        return self.manager.connectors

    def start(self) -> None:
        """Begin to call, first whom we had when we stopped, and to write the book down."""
        if self._looks and self._keeper is not None:
            self.manager.outbound.begin_with(self._keeper.take_anchors())
        self.manager.start()
        self.seeding.start()
        if self._keeper is not None:
            self._keeper.start()
            known = {"where": writable(self._keeper.where), "count": len(self.book)}
            self._log.info("addresses are kept in {where}: {count} are known", **known)
        if self._looks and not (self.connectors or len(self.book) or self.seeding.sources):
            self._log.warn(
                "no peer is known, and no seed to ask: --connect, --peers-file or --seed tells of some"
            )

    def stop(self) -> Deferred[None]:
        """Call nobody any more, and end all peers; fires when they have ended."""
        self._anchors = self._anchors or self.manager.outbound.good
        return gatherResults([self.seeding.stop(), self.manager.stop()]).addCallback(lambda _: None)

    def close(self) -> Deferred[None]:
        """Write the book down for the last time; fires when that is done."""
        return succeed(None) if self._keeper is None else self._keeper.stop(self._anchors)

    def abandon(self) -> None:
        """Let go of the book, if the node has not begun."""
        if self._keeper is not None:
            self._keeper.abandon()

    def _look_again(self) -> None:
        self.manager.look()

    def _has_enough(self) -> bool:
        called = sum(not peer.inbound for peer in self.manager.peers)
        return called >= min(ENOUGH, self.manager.outbound.target)

    def _heard(self, change: Change) -> None:
        if not isinstance(change, PeerAdded):
            self.gossip.lost(change.peer, change.error)
            return
        if change.peer.manual:
            self._note(change.peer)
        if self._looks:
            self.gossip.ready(change.peer)

    def _note(self, peer: PeerProtocol) -> None:
        """One whom we were told to call is good: it may be told to others, as those that were looked for are."""
        place = None if peer.inbound else peer.na
        if place is not None:
            self.book.connected(Place(place.host, place.port), peer.snapshot(), place.services)


def _with_names(seeds: Seeds, listed: Listed) -> Seeds:
    """The names of a list of peers are seeds, too: whoever is there is a node."""
    return replace(seeds, dns=(*seeds.dns, *(DnsSeed(host, port=port) for host, port in listed.names)))
