"""Tests of how much may be under way to us."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

from twisted.internet.defer import CancelledError, Deferred

from peerproto.errors import LocalError, PeerLost, PeerStalled, Reason
from peerproto.networks.decred import MSG_BLOCK, MSG_TX, GetData, GetInitState, InvVect, NotFound
from peerproto.testing import RawPeer
from tests.everywhere import EverywhereCase


def vectors(start: int, count: int, kind: int = MSG_TX) -> list[InvVect]:
    """Of things that differ."""
    return [InvVect(kind, number.to_bytes(32, "big")) for number in range(start, start + count)]


class QuotaTests(EverywhereCase):
    """Peers of today's dcrd, of which 75,000 things may be asked for at a time."""

    def full(self, **options: Any) -> tuple[RawPeer, Deferred[Any]]:
        """A peer that owes as much as it may, and what waits for two thirds of it."""
        raw = self.on("dcrd", **options)
        waiting = raw.peer.request(GetData(vectors(0, 50_000)))
        waiting.addErrback(lambda _: None)
        raw.peer.send(GetData(vectors(50_000, 25_000)))
        self.assertEqual(self.commands(raw), ["getdata"] * 2)
        return raw, waiting

    def test_request_waits(self) -> None:
        """What asks for more is sent when there is room for it, in the order of asking, and has its time from then."""
        raw, _ = self.full()
        asked = [raw.peer.request(GetData(vectors(100_000 + at, count))) for at, count in ((0, 10), (10, 1))]
        self.assertEqual(raw.read(), [])
        raw.send(NotFound(vectors(50_000, 9)))
        self.assertEqual(raw.read(), [])
        self.let_pass(20)
        raw.send(NotFound(vectors(50_009, 1)))
        self.assertEqual(raw.read(), [GetData(vectors(100_000, 10))])
        raw.send(NotFound(vectors(50_010, 1)))
        self.assertEqual(raw.read(), [GetData(vectors(100_010, 1))])
        raw.send(NotFound(vectors(0, 50_000)), NotFound(vectors(50_011, 24_989)))
        self.let_pass(25)
        raw.send(NotFound(vectors(100_000, 11)))
        for waiting, count in zip(asked, (10, 1), strict=True):
            self.assertEqual(len(self.successResultOf(waiting)), count)

    def test_helpers_wait(self) -> None:
        """So do those that ask by hashes."""
        raw, _ = self.full()
        hashes = [item.hash for item in vectors(0, 2, MSG_BLOCK)]
        asked = raw.peer.request_blocks(hashes)
        raw.send(NotFound(vectors(0, 2)))
        self.assertEqual(raw.read(), [GetData(vectors(0, 2, MSG_BLOCK))])
        raw.send(NotFound(vectors(0, 2, MSG_BLOCK)))
        self.assertEqual([error.reason for error in self.successResultOf(asked)], [Reason.NOT_FOUND] * 2)

    def test_send_is_refused(self) -> None:
        """What nobody waits for cannot wait; the peer is not to blame. Without a claim anything may be sent."""
        raw, _ = self.full()
        with self.assertRaises(LocalError) as caught:
            raw.peer.send(GetData(vectors(0, 1)))
        self.assertEqual(
            str(caught.exception),
            "getdata of 1 things, and 75000 are under way, of 75000 allowed: use request(), which waits",
        )
        self.assertEqual((raw.read(), raw.hung_up), ([], False))
        raw.peer.send(GetData(vectors(0, 1)), expect=False)
        raw.peer.send(GetInitState([]))
        self.assertEqual(self.commands(raw), ["getdata", "getinitstate"])

    def test_who_has_not_asked_for_things(self) -> None:
        """Other questions, and one for nothing, have nothing to wait for."""
        raw, _ = self.full()
        asked = raw.peer.request(GetData([]))
        raw.peer.request(GetInitState([])).addErrback(lambda _: None)
        self.assertEqual((self.successResultOf(asked), self.commands(raw)), ([], ["getdata", "getinitstate"]))

    def test_cancelled(self) -> None:
        """Who cancels leaves the line, and who was behind may be next."""
        raw, _ = self.full()
        many = raw.peer.request(GetData(vectors(100_000, 10)))
        few = raw.peer.request(GetData(vectors(200_000, 1)))
        raw.send(NotFound(vectors(0, 1)))
        self.assertEqual(raw.read(), [])
        many.cancel()
        self.failureResultOf(many, CancelledError)
        self.assertEqual(raw.read(), [GetData(vectors(200_000, 1))])
        few.cancel()
        self.failureResultOf(few, CancelledError)

    def test_the_end(self) -> None:
        """Who waits in line when the peer ends fails once, with its reason: a stalled peer's too."""
        raw, _ = self.full()
        asked = [raw.peer.request(GetData(vectors(100_000, 10))) for _ in range(2)]
        raw.close()
        for each in asked:
            self.failureResultOf(each, PeerLost)
        raw, _ = self.full()
        late = raw.peer.request(GetData(vectors(100_000, 10)))
        self.let_pass(46)
        raw.close()
        error = self.failureResultOf(late, PeerStalled).value
        self.assertRegex(
            str(error), r"\Ano answer to tx [0-9a-f]{64}, tx [0-9a-f]{64}, tx [0-9a-f]{64} and [\d,]+ more\Z"
        )

    def test_the_end_makes_one_cancel_another(self) -> None:
        """Who is told of the end may cancel who is behind; all are told all the same, and of the end, too."""
        raw, _ = self.full()
        asked = [raw.peer.request(GetData(vectors(100_000, 10))) for _ in range(3)]
        asked[0].addErrback(lambda _: asked[1].cancel())
        gone = raw.peer.when_disconnected()
        raw.close()
        self.successResultOf(asked[0])
        self.failureResultOf(asked[1], CancelledError)
        self.failureResultOf(asked[2], PeerLost)
        self.successResultOf(gone)

    def test_a_listener_in_line(self) -> None:
        """A listener that waits in line does not keep from being read what the others wait for."""
        raw, waiting = self.full()
        found: list[Any] = []

        async def ask(peer: Any, message: Any) -> None:
            found.append(await peer.request(GetData(vectors(100_000, 1))))

        raw.peer.add_listener(SimpleNamespace(on_getinitstate=ask))
        raw.send(GetInitState([]))
        raw.send(NotFound(vectors(50_000, 25_000)), NotFound(vectors(0, 50_000)))
        self.successResultOf(waiting)
        raw.read()
        raw.send(NotFound(vectors(100_000, 1)))
        self.assertEqual(len(found), 1)

    def test_an_answer_to_one_asks_for_another(self) -> None:
        """Who asks from within its own answer finds the table in order."""
        raw = self.on("dcrd")
        first = raw.peer.request(GetData(vectors(0, 50_000)))
        first.addCallback(lambda _: raw.peer.request(GetData(vectors(0, 50_000))))
        second = raw.peer.request(GetData(vectors(50_000, 50_000)))
        self.assertEqual(self.commands(raw), ["getdata"])
        raw.send(NotFound(vectors(0, 50_000)))
        (asked,) = raw.read()
        raw.send(NotFound(asked.inv_list))  # type: ignore[attr-defined]
        (asked,) = raw.read()
        raw.send(NotFound(asked.inv_list))  # type: ignore[attr-defined]
        self.assertEqual([len(self.successResultOf(each)) for each in (first, second)], [50_000] * 2)

    def test_no_limit_without_stalls(self) -> None:
        """Where no peer is ended for what it owes, nothing would make room: there is no limit."""
        raw, _ = self.full(stall_handler=False)
        raw.peer.send(GetData(vectors(100_000, 50_000)))
        self.assertEqual(self.commands(raw), ["getdata"])

    def test_elsewhere(self) -> None:
        """Other networks, and dcrd 1.x, have no limit."""
        raw = self.on("dcrd1")
        for start in range(0, 200_000, 50_000):
            raw.peer.send(GetData(vectors(start, 50_000)))
        self.assertEqual(self.commands(raw), ["getdata"] * 4)
