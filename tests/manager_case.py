"""What the tests of a node's peers share: a book in memory, calls that are made by hand, peers played by hand."""

from __future__ import annotations

from collections.abc import Callable, Collection
from typing import Any

from twisted.internet.address import IPv4Address
from twisted.internet.defer import Deferred

from peerproto.errors import ConnectFailed, Reason
from peerproto.node.places import Place
from peerproto.peer.factory import PeerFactory
from peerproto.peer.protocol import PeerProtocol
from peerproto.peer.snapshot import Snapshot
from peerproto.testing import RawPeer, memory_factory
from tests.node_case import NETWORK, NOW, NodeCase

REFUSED = ConnectFailed("refused: nothing listens there", Reason.CONNECTION_REFUSED)


def place(number: int) -> Place:
    """A place in a group of its own: 198.0.0.1, 198.1.0.1 ..."""
    return Place(f"198.{number}.0.1", 8333)


class MemoryBook:
    """A book that offers its places in their order, whatever came of them.

    :ivar told: what it was told, in order. :ivar feeler: may be a function that chooses what to test.
    """

    def __init__(self, *places: Place) -> None:
        self.places = list(places)
        self.feeler: Callable[[], Place | None] | None = None
        self.banned: set[str] = set()
        self.told: list[tuple[Any, ...]] = []
        self.asked: list[tuple[int, Collection[str]]] = []

    def candidates(self, count: int, avoid: Collection[str]) -> list[Place]:
        """See Book."""
        self.asked.append((count, avoid))
        return [one for one in self.places if self.group_of(one) not in avoid][:count]

    def group_of(self, place: Place) -> str:
        """The first two numbers of an address."""
        return ".".join(place.host.split(".")[:2])

    def tried(self, place: Place) -> None:
        """See Book."""
        self.told.append(("tried", place))

    def connected(self, place: Place, about: Snapshot, services: int = 0) -> None:
        """See Book."""
        self.told.append(("connected", place, about.user_agent))

    def failed(self, place: Place, reason: str) -> None:
        """See Book."""
        self.told.append(("failed", place, str(reason)))

    def is_banned(self, host: str) -> bool:
        """See Book."""
        return host in self.banned

    def ban(self, what: str, until: float, reason: str, by: str) -> None:
        """See Book."""
        self.banned.add(what)
        self.told.append(("ban", what, until, reason, by))


class ManagerCase(NodeCase):
    """Makes peers of one factory, and calls that come through when the test says so.

    :ivar dialled: for each call its place, and the Deferred that is to fire with the peer.
    """

    def setUp(self) -> None:
        super().setUp()
        self.factory = self.make_factory()
        self.dialled: list[tuple[Any, Deferred[PeerProtocol]]] = []
        self.cancelled: list[Any] = []

    def make_factory(self, **options: Any) -> PeerFactory:
        """A factory on the test's clock."""
        return memory_factory(options.pop("network", NETWORK), clock=self.clock, now=lambda: NOW, **options)

    def dial(self, where: Any) -> Deferred[PeerProtocol]:
        """A call that ends when the test says so."""
        self.dialled.append((where, Deferred(lambda _: self.cancelled.append(where))))
        return self.dialled[-1][1]

    @property
    def called(self) -> list[Any]:
        """The places that were called, in order."""
        return [where for where, _ in self.dialled]

    def answer(self, index: int = -1, factory: PeerFactory | None = None) -> RawPeer:
        """One call, the last one by default, has come through."""
        where, waiting = self.dialled[index]
        host = where.host if isinstance(where, Place) else "192.0.2.77"
        raw = self.raw_at(host, factory=factory)
        waiting.callback(raw.peer)
        return raw

    def refuse(self, index: int = -1) -> None:
        """One call has failed."""
        self.dialled[index][1].errback(REFUSED)

    def raw_at(self, host: str = "", *, inbound: bool = False, factory: PeerFactory | None = None) -> RawPeer:
        """The other side of a new peer, at an address."""
        raw = RawPeer(factory or self.factory, inbound=inbound)
        if host:
            where = IPv4Address("TCP", host, 8333)
            self.patch(raw.transport, "getPeer", lambda: where)
        self._raws.append(raw)
        return raw

    def ready_at(self, host: str = "", **options: Any) -> RawPeer:
        """The same, once it has shaken hands; what was written until then is read."""
        raw = self.raw_at(host, **options)
        raw.handshake()
        raw.read()
        return raw

    def settle(self, work: Callable[[], object] = lambda: None) -> None:
        """What is asked to end ends: connections close as they do in a reactor."""
        work()
        for raw in self._raws:
            if raw.hung_up and raw.peer.id in raw.peer.factory.peers:
                raw.close()
