"""Random lives of a peer: whatever comes in whatever order, nothing escapes, nothing is left, all are told once."""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule
from twisted.internet.defer import Deferred
from twisted.internet.error import ConnectionAborted, ConnectionDone, ConnectionLost
from twisted.internet.task import Clock
from twisted.logger import globalLogPublisher
from twisted.trial.unittest import SynchronousTestCase

from peerproto.errors import InvalidHeaders, LocalError, PeerError, Reason
from peerproto.networks import bitcoin
from peerproto.networks.bitcoin import (
    MSG_BLOCK,
    Addr,
    Block,
    BlockHeader,
    FeeFilter,
    GetAddr,
    GetData,
    GetHeaders,
    Headers,
    Inv,
    InvVect,
    MemPool,
    Ping,
    Pong,
    SendAddrV2,
    VerAck,
)
from peerproto.peer.handshake import State
from peerproto.peer.protocol import PeerProtocol
from peerproto.testing import RawPeer, Recorder, memory_factory
from tests.bitcoin_vectors import bad
from tests.hostile import lives
from tests.peer_case import POLICIES, golden_frames, regtest, unknown_frame

NETWORK = regtest()
BLOCKS = [Block(BlockHeader(1, bytes(32), bytes(32), number, 0, 0), []) for number in range(3)]
VECTORS = [InvVect(MSG_BLOCK, block.block_hash) for block in BLOCKS]
BAD = [NETWORK.magic + bytes.fromhex(entry["frame"])[4:] for entry in bad() if len(entry["frame"]) < 5000]
ANSWERS = [
    Headers([]),
    Addr([]),
    Inv([]),
    *BLOCKS,
    bitcoin.NotFound(VECTORS[:2]),
    Pong(1),
    VerAck(),
    SendAddrV2(),
]
LATE = {kind.command for policy in POLICIES for kind in regtest(policy).order.late}
GOOD = [frame for command, frame in golden_frames(NETWORK) if command not in LATE]
GOOD += [NETWORK.codec().encode(message) for message in (*ANSWERS[:-2], Ping(3))] * 4 + [
    unknown_frame(NETWORK)
]
QUESTIONS = [
    GetHeaders(70016, [], bytes(32)),
    GetAddr(),
    MemPool(),
    GetData(VECTORS),
    GetData([]),
    FeeFilter(1),
]

good_frames = st.integers(0, 10**6).map(lambda number: GOOD[number % len(GOOD)])
bad_frames = st.one_of(
    st.integers(0, 10**6).map(lambda number: BAD[number % len(BAD)]), st.binary(max_size=80)
)
rarely = st.integers(0, 5).map(lambda number: number == 5)


def fail(*_: Any) -> None:
    """As a listener might."""
    raise ValueError("a bug of the listener")


class Told:
    """Counts how often a Deferred fires."""

    def __init__(self, waiting: Deferred[Any]) -> None:
        self.waiting = waiting
        self.times = 0
        waiting.addBoth(self._tell)

    def _tell(self, result: Any) -> None:
        self.times += 1


class PeerMachine(RuleBasedStateMachine):
    """One peer and a world that does what it likes to it."""

    @initialize(
        policy=st.sampled_from(POLICIES),
        inbound=st.booleans(),
        pver=st.sampled_from((70016, 70016, 70015, 70002, 60000)),
        bug=st.sampled_from(
            ("", "", "", "", "", "", "on_ready", "on_getdata", "on_tx", "on_lost", "on_version")
        ),
        theirs=st.sampled_from((70016, 70016, 70016, 60001, None)),
    )
    def begin(self, policy: str, inbound: bool, pver: int, bug: str, theirs: int | None) -> None:
        """A connection, mostly with a handshake."""
        self.clock = Clock()
        self.clock.advance(1e6 / 7)
        self.errors: list[Any] = []
        globalLogPublisher.addObserver(self.note_error)
        look = {
            f"on_{name}": lambda _, message: message.load()
            for name in ("tx", "block", "addr", "headers", "inv")
        }
        then = {**look, **({bug: fail} if bug else {})}
        self.listener = Recorder(then)
        factory = memory_factory(regtest(policy), self.listener, clock=self.clock, protocol_version=pver)
        self.raw = RawPeer(factory, inbound=inbound)
        self.told = [Told(self.peer.when_ready()), Told(self.peer.when_disconnected())]
        self.rest = b""
        self.lost = False
        if theirs is not None:
            self.raw.handshake(protocol_version=theirs)

    def note_error(self, event: Any) -> None:
        """What is logged as our own bug."""
        if event.get("log_failure") is not None:
            self.errors.append(event["log_failure"].type)

    @property
    def peer(self) -> PeerProtocol:
        """The peer under test."""
        return self.raw.peer

    @precondition(lambda self: not self.lost)
    @rule(services=st.sampled_from((0, 9)), pver=st.sampled_from((70016, 70002, 60000, 208)), really=rarely)
    def shake_hands(self, services: int, pver: int, really: bool) -> None:
        """The other side says version and verack, rarely again."""
        if really or self.peer.state is not State.READY:
            self.raw.send(self.raw.version(services=services, protocol_version=pver), VerAck())

    @precondition(lambda self: not self.lost)
    @rule(chunk=st.lists(good_frames, min_size=1, max_size=4).map(b"".join))
    def say(self, chunk: bytes) -> None:
        """Some frames at once."""
        self.raw.send(self.rest + chunk)
        self.rest = b""

    @precondition(lambda self: not self.lost)
    @rule(frame=bad_frames, really=rarely)
    def say_nonsense(self, frame: bytes, really: bool) -> None:
        """A bad frame, or none at all."""
        if really:
            self.raw.send(self.rest + frame)
            self.rest = b""

    @precondition(lambda self: not self.lost)
    @rule(frame=good_frames, cut=st.integers(min_value=0, max_value=60))
    def say_in_parts(self, frame: bytes, cut: int) -> None:
        """A frame in two parts; the rest comes with whatever comes next."""
        self.raw.send(self.rest + frame[:cut])
        self.rest = frame[cut:]

    @precondition(lambda self: not self.lost)
    @rule(number=st.integers(min_value=0, max_value=10))
    def pong(self, number: int) -> None:
        """The answer to a ping that is under way, or not."""
        nonces = [message.nonce for message in self.raw.read() if isinstance(message, Ping)]
        if nonces and nonces[0] is not None:
            self.raw.send(Pong(nonces[number % len(nonces)]))

    @rule(seconds=st.sampled_from((0, 0.001, 0.1, 0.3, 1, 4.9, 15, 29.99, 119, 301)))
    def let_pass(self, seconds: float) -> None:
        """Time passes."""
        self.clock.advance(seconds)

    @precondition(lambda self: not self.lost)
    @rule(seconds=st.sampled_from((0.05, 5, 60)))
    def be_busy(self, seconds: float) -> None:
        """Our own code takes long over a message."""
        handlers = self.peer.factory.handlers
        kept = handlers[GetAddr]
        handlers[GetAddr] = lambda *_: setattr(self.clock, "rightNow", self.clock.rightNow + seconds)
        self.raw.send(self.raw.frame(GetAddr()))
        handlers[GetAddr] = kept

    @rule(question=st.sampled_from(QUESTIONS), timeout=st.sampled_from((None, None, 0, 0.5, 45)))
    def ask(self, question: Any, timeout: float | None) -> None:
        """A request."""
        self.told.append(Told(self.peer.request(question, timeout=timeout)))

    @rule(timeout=st.sampled_from((30.0, 0.25)))
    def ping(self, timeout: float) -> None:
        """A ping."""
        self.told.append(Told(self.peer.ping(timeout=timeout)))

    @rule(number=st.integers(min_value=2, max_value=30))
    def cancel(self, number: int) -> None:
        """Somebody does not want to wait any longer."""
        if len(self.told) > 2:
            self.told[2:][number % (len(self.told) - 2)].waiting.cancel()

    @rule(question=st.sampled_from(QUESTIONS), expect=st.booleans())
    def send(self, question: Any, expect: bool) -> None:
        """A message for whose answer nobody waits."""
        try:
            self.peer.send(question, expect=expect)
        except LocalError:
            assert self.peer.protocol_version < 70016

    @rule(error=st.sampled_from((None, InvalidHeaders("bad work"))), really=rarely)
    def disconnect(self, error: PeerError | None, really: bool) -> None:
        """We have had enough."""
        if really:
            self.peer.disconnect(error)

    @precondition(lambda self: not self.lost)
    @rule(why=st.sampled_from((ConnectionDone, ConnectionLost, ConnectionAborted)), really=rarely)
    def lose(self, why: type[Exception], really: bool = True) -> None:
        """The connection ends."""
        if really:
            self.lost = True
            self.raw.close(why())

    @invariant()
    def nobody_is_told_twice(self) -> None:
        """Who waits is told at most once."""
        assert all(told.times <= 1 for told in self.told)

    @invariant()
    def states_agree(self) -> None:
        """An end has a reason, and a peer that has hung up has ended."""
        peer = self.peer
        assert (peer.state is State.CLOSED) == (peer.ending is not None)
        assert peer.ending is None or isinstance(peer.ending.reason, Reason)
        assert self.raw.hung_up <= (peer.ending is not None)
        assert str(peer) and peer.snapshot().open_requests <= len(self.told) * 3
        assert self.listener.names.count("on_lost") == self.lost
        assert self.listener.names.count("on_ready") <= 1

    @invariant()
    def only_what_was_asked_for_is_wrong(self) -> None:
        """Nothing is logged as a bug but that of the listener."""
        assert set(self.errors) <= {ValueError}
        assert len(self.errors) <= 2

    @invariant()
    def few_timers(self) -> None:
        """However long the life, there are few timers, and none after the end."""
        timers = len(self.clock.getDelayedCalls())
        assert timers <= (0 if self.lost else 6)

    def teardown(self) -> None:
        """After the end nothing is left, and all have been told."""
        if not hasattr(self, "raw"):
            return
        if not self.lost:
            self.lose(ConnectionLost, True)
        globalLogPublisher.removeObserver(self.note_error)
        self.few_timers()
        self.states_agree()
        assert all(told.times == 1 for told in self.told), [told.times for told in self.told]
        assert self.peer.factory.peers == {}
        assert len(self.peer.pending) == 0


class RandomLifeTests(SynchronousTestCase):
    """Run the machine."""

    def test_random_lives(self) -> None:
        """Nothing goes wrong in a hundred of them."""
        wrong = lives(PeerMachine)
        self.flushLoggedErrors(ValueError)
        self.assertEqual(wrong, [])
