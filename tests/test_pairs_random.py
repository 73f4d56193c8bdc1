"""Random lives of two peers that talk to each other, on every network: whatever is asked, lost or cut in pieces, both
agree, nobody is told twice, and nothing is left.
"""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule
from twisted.internet.defer import Deferred
from twisted.internet.error import ConnectionDone, ConnectionLost
from twisted.logger import globalLogPublisher
from twisted.trial.unittest import SynchronousTestCase

from peerproto.errors import PeerError
from peerproto.peer.handshake import State
from peerproto.peer.protocol import PeerProtocol
from peerproto.testing import Pair, Recorder
from tests.everywhere import WAYS, missing, tx_of
from tests.hostile import lives

sides = st.booleans()
chunks = st.sampled_from((None, 1, 7, 23, 24, 100))


class PairMachine(RuleBasedStateMachine):
    """Two peers in memory, each with the transactions of even numbers."""

    @initialize(way=st.sampled_from(sorted(WAYS)))
    def begin(self, way: str) -> None:
        """There is a connection; nothing has been said."""
        self.network = WAYS[way]
        self.failures: list[Any] = []
        globalLogPublisher.addObserver(self.note_failure)
        self.items = dict(reversed(tx_of(self.network, number)) for number in range(4))
        heard = [{"listener": Recorder({"on_getdata": self.serve})} for _ in range(2)]
        self.pair = Pair(self.network, outbound=heard[0], inbound=heard[1])
        self.told: list[tuple[Deferred[Any], list[Any]]] = []
        for peer in self.peers:
            self.wait(peer.when_ready())
            self.wait(peer.when_disconnected())

    @property
    def peers(self) -> tuple[PeerProtocol, PeerProtocol]:
        """Both of them."""
        return self.pair.outbound, self.pair.inbound

    def note_failure(self, event: Any) -> None:
        """What is logged as our own bug."""
        if event.get("log_failure") is not None:
            self.failures.append(event["log_failure"])

    def wait(self, waiting: Deferred[Any]) -> None:
        """Note what a Deferred fires with."""
        results: list[Any] = []
        waiting.addBoth(results.append)
        self.told.append((waiting, results))

    def serve(self, peer: PeerProtocol, message: Any) -> None:
        """Give every other transaction, and say that the rest is missing, where that can be said."""
        wanted = list(self.network.item_keys(message))
        there = [hash_ for hash_ in list(self.items)[::2] if ("tx", hash_) in wanted]
        for hash_ in there:
            peer.send(self.items[hash_])
        if not there and (answer := missing(self.network, message)) is not None:
            peer.send(answer)

    @rule(chunk=chunks)
    def deliver(self, chunk: int | None) -> None:
        """All that is under way arrives, in pieces."""
        self.pair.deliver(chunk)

    @rule(seconds=st.sampled_from((0, 0.2, 5, 15, 31, 120)))
    def let_pass(self, seconds: float) -> None:
        """Time passes, and nothing arrives."""
        self.pair.clock.advance(seconds)

    @rule(side=sides, timeout=st.sampled_from((0.1, 30.0)))
    def ping(self, side: bool, timeout: float) -> None:
        """A ping."""
        self.wait(self.peers[side].ping(timeout=timeout))

    @rule(
        side=sides,
        numbers=st.lists(st.integers(0, 3), max_size=4, unique=True),
        most=st.sampled_from((None, 1.0)),
    )
    def ask(self, side: bool, numbers: list[int], most: float | None) -> None:
        """Some transactions are asked for, of which some are there."""
        hashes = [list(self.items)[number] for number in numbers]
        self.wait(self.peers[side].request_transactions(hashes, timeout=most))

    @rule(side=sides)
    def ask_addresses(self, side: bool) -> None:
        """What nobody answers."""
        self.wait(self.peers[side].request_addresses())

    @rule(number=st.integers(4, 40))
    def cancel(self, number: int) -> None:
        """Somebody does not want to wait any longer."""
        if len(self.told) > 4:
            self.told[4:][number % (len(self.told) - 4)][0].cancel()

    @rule(side=sides, really=st.integers(0, 9))
    def disconnect(self, side: bool, really: int) -> None:
        """One side has had enough."""
        if really == 0:
            self.peers[side].disconnect()

    @precondition(lambda self: not self.lost)
    @rule(why=st.sampled_from((ConnectionDone, ConnectionLost)), really=st.integers(0, 9))
    def cut(self, why: type[Exception], really: int) -> None:
        """The connection ends."""
        if really == 0:
            self.pair.cut(why())

    @property
    def lost(self) -> bool:
        """Whether the connection has ended."""
        return not any(peer.factory.peers for peer in self.peers)

    @invariant()
    def nobody_is_told_twice(self) -> None:
        """Who waits is told at most once, and nothing is our own bug."""
        assert all(len(results) <= 1 for _, results in self.told)
        assert self.failures == []

    @invariant()
    def both_agree(self) -> None:
        """Two that are ready speak the same version, and each knows the other's nonce."""
        one, other = self.peers
        if one.state is other.state is State.READY:
            assert one.protocol_version == other.protocol_version
            assert one.theirs and one.theirs.nonce == other.handshake.nonce
        assert not isinstance(one.ending, PeerError) or one.ending.reason.value not in (
            "malformed",
            "local-error",
        )

    def teardown(self) -> None:
        """After the end all have been told, no timer runs and nothing is open."""
        if not hasattr(self, "pair"):
            return
        if not self.lost:
            self.pair.cut()
        globalLogPublisher.removeObserver(self.note_failure)
        assert all(len(results) == 1 for _, results in self.told), self.told
        for peer in self.peers:
            assert (peer.factory.peers, len(peer.pending), peer.state) == ({}, 0, State.CLOSED)
        assert self.pair.clock.getDelayedCalls() == []


class RandomPairTests(SynchronousTestCase):
    """Run the machine."""

    def test_random_pairs(self) -> None:
        """Nothing goes wrong in a hundred of them."""
        self.assertEqual(lives(PairMachine), [])
