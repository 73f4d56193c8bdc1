"""Random lives of a peer of every network: whatever comes in whatever order, nothing escapes, nothing is left, all are
told once.
"""

from __future__ import annotations

from typing import Any, ClassVar

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule
from twisted.internet.defer import Deferred
from twisted.internet.error import ConnectionAborted, ConnectionDone, ConnectionLost
from twisted.internet.task import Clock
from twisted.logger import globalLogPublisher
from twisted.trial.unittest import SynchronousTestCase

from peerproto.errors import InvalidHeaders, LocalError, PeerError, Reason
from peerproto.peer.handshake import State
from peerproto.peer.protocol import PeerProtocol
from peerproto.peer.score import Judge
from peerproto.testing import RawPeer, Recorder, memory_factory
from tests.hostile import lives
from tests.talk import EVERY_SERVICE, Talk, talk

numbers = st.sampled_from(range(2520))
rarely = st.sampled_from(range(8)).map(lambda number: number == 7)
mostly_all = st.sampled_from((EVERY_SERVICE, EVERY_SERVICE, 0))


def one_of(items: list[Any], number: int) -> Any:
    """One of some things that differ from network to network, by a number that does not."""
    return items[number % len(items)]


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


connections: dict[str, Any] = {
    "way": numbers,
    "inbound": st.booleans(),
    "pver": numbers,
    "bug": st.sampled_from(
        ("", "", "", "", "", "", "on_ready", "on_getdata", "on_tx", "on_lost", "on_version")
    ),
    "theirs": numbers,
    "silent": rarely,
    "ours": mostly_all,
    "spared": st.booleans(),
}


class PeerMachine(RuleBasedStateMachine):
    """One peer after the other, and a world that does what it likes to it.

    :cvar ways: of which networks it may be.
    """

    ways: ClassVar[tuple[str, ...]]

    @initialize(**connections)
    def begin(self, **how: Any) -> None:
        """The first connection."""
        self.clock = Clock()
        self.clock.advance(1e6 / 7)
        self.errors: list[Any] = []
        self.allowed = 0
        globalLogPublisher.addObserver(self.note_error)
        self.connect(**how)

    @precondition(lambda self: self.lost)
    @rule(**connections)
    def begin_again(self, **how: Any) -> None:
        """Another one, when nothing is left of the one before."""
        self.nothing_is_left()
        self.connect(**how)

    def connect(
        self,
        way: int,
        inbound: bool,
        pver: int,
        bug: str,
        theirs: int,
        silent: bool,
        ours: int,
        spared: bool,
    ) -> None:
        """A connection, mostly with a handshake; of half of the peers nothing is too much that is held against them."""
        self.talk: Talk = talk(one_of(list(self.ways), way))
        self.allowed += 2
        look = {
            f"on_{name}": lambda _, message: message.load()
            for name in ("tx", "block", "addr", "headers", "inv")
        }
        then = {**look, **({bug: fail} if bug else {})}
        self.listener = Recorder(then)
        factory = memory_factory(
            self.talk.network,
            self.listener,
            clock=self.clock,
            protocol_version=one_of(self.talk.versions, pver),
            services=ours,
            judge=Judge(verdict="log" if spared else "disconnect"),
        )
        self.raw = RawPeer(factory, inbound=inbound)
        self.told = [Told(self.peer.when_ready()), Told(self.peer.when_disconnected())]
        self.work: list[Deferred[None]] = []
        self.rest = b""
        self.lost = False
        if not silent:
            version = one_of(self.talk.others, theirs)
            self.raw.handshake(protocol_version=version, services=EVERY_SERVICE)

    def note_error(self, event: Any) -> None:
        """What is logged as our own bug."""
        if event.get("log_failure") is not None:
            self.errors.append(event["log_failure"].type)

    @property
    def peer(self) -> PeerProtocol:
        """The peer under test."""
        return self.raw.peer

    @precondition(lambda self: not self.lost)
    @rule(services=mostly_all, pver=numbers, really=rarely)
    def shake_hands(self, services: int, pver: int, really: bool) -> None:
        """The other side says version and verack, rarely again."""
        if really or self.peer.state is not State.READY:
            version = one_of(self.talk.others, pver)
            verack = self.peer.network.verack()
            self.raw.send(self.raw.version(services=services, protocol_version=version), verack)

    @precondition(lambda self: not self.lost)
    @rule(these=st.lists(numbers, min_size=1, max_size=4), answers=st.booleans())
    def say(self, these: list[int], answers: bool) -> None:
        """Some frames at once."""
        frames = self.talk.answers if answers else self.talk.good
        self.raw.send(self.rest + b"".join(one_of(frames, number) for number in these))
        self.rest = b""

    @precondition(lambda self: not self.lost)
    @rule(frame=st.one_of(numbers, st.binary(max_size=80)), really=rarely)
    def say_nonsense(self, frame: int | bytes, really: bool) -> None:
        """A bad frame, or none at all."""
        if really:
            self.raw.send(self.rest + (one_of(self.talk.bad, frame) if isinstance(frame, int) else frame))
            self.rest = b""

    @precondition(lambda self: not self.lost)
    @rule(number=numbers, cut=st.integers(min_value=0, max_value=60))
    def say_in_parts(self, number: int, cut: int) -> None:
        """A frame in two parts; the rest comes with whatever comes next."""
        frame = one_of(self.talk.good, number)
        self.raw.send(self.rest + frame[:cut])
        self.rest = frame[cut:]

    @precondition(lambda self: not self.lost)
    @rule(number=st.integers(min_value=0, max_value=10))
    def pong(self, number: int) -> None:
        """The answer to a ping that is under way, or not."""
        network, node = self.peer.network, self.peer.factory
        pings = [message for message in self.raw.read() if isinstance(message, network.ping)]
        pong = network.make_pong(one_of(pings, number), node) if pings else None
        if pong is not None:
            self.raw.send(pong)

    @rule(seconds=st.sampled_from((0, 0.001, 0.1, 0.3, 1, 4.9, 15, 29.99, 119, 301)))
    def let_pass(self, seconds: float) -> None:
        """Time passes."""
        self.clock.advance(seconds)

    @precondition(lambda self: not self.lost)
    @rule(seconds=st.sampled_from((0.05, 5, 60)))
    def be_busy(self, seconds: float) -> None:
        """Our own code takes long over a message."""
        listener = self.peer.hear(
            "getaddr", lambda *_: setattr(self.clock, "rightNow", self.clock.rightNow + seconds)
        )
        self.raw.send(self.talk.frame("getaddr"))
        self.peer.remove_listener(listener)

    @precondition(lambda self: not self.lost)
    @rule(command=st.sampled_from(("getdata", "getdata", "inv", "tx")))
    def work_on(self, command: str) -> None:
        """A listener takes its time for what comes now."""

        def begin(*_: Any) -> Deferred[None]:
            self.work.append(Deferred())
            return self.work[-1]

        listener = self.peer.hear(command, begin)
        self.raw.send(self.rest + 2 * self.talk.frame(command))
        self.rest = b""
        self.peer.remove_listener(listener)

    @rule(number=numbers, well=st.integers(0, 9))
    def finish(self, number: int, well: int) -> None:
        """A listener is done with one of the messages that it works on, or fails."""
        if self.work:
            work = self.work.pop(number % len(self.work))
            if well:
                work.callback(None)
            else:
                self.allowed += 1
                work.errback(ValueError("a bug of the listener"))

    @rule(number=numbers, timeout=st.sampled_from((None, None, 0, 0.5, 45)))
    def ask(self, number: int, timeout: float | None) -> None:
        """A request."""
        question = one_of(self.talk.questions, number)
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

    @rule(number=numbers, expect=st.booleans())
    def send(self, number: int, expect: bool) -> None:
        """A message for whose answer nobody waits."""
        try:
            self.peer.send(one_of(self.talk.questions, number), expect=expect)
        except LocalError:
            network = self.peer.network
            assert self.peer.protocol_version < network.protocol_version or network.backlog

    @rule(error=st.sampled_from((None, InvalidHeaders("bad work"))), really=rarely)
    def disconnect(self, error: PeerError | None, really: bool) -> None:
        """We have had enough."""
        if really:
            self.peer.disconnect(error)

    @precondition(lambda self: not self.lost)
    @rule(why=st.sampled_from((ConnectionDone, ConnectionLost, ConnectionAborted)), really=rarely)
    def lose(self, why: type[Exception], really: bool = True) -> None:
        """The connection ends, soon after the peer has."""
        if really or self.raw.hung_up:
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
        assert len(self.errors) <= self.allowed

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
        self.nothing_is_left()

    def nothing_is_left(self) -> None:
        """All have been told once, and nobody holds the peer."""
        self.few_timers()
        self.states_agree()
        assert all(told.times == 1 for told in self.told), [told.times for told in self.told]
        assert self.peer.factory.peers == {}
        assert len(self.peer.pending) == 0


class RandomLifeTests(SynchronousTestCase):
    """Run the machine on each network."""

    def live(self, *ways: str) -> None:
        """Nothing goes wrong in a hundred lives."""
        wrong = lives(type("Machine", (PeerMachine,), {"ways": ways}))
        self.flushLoggedErrors(ValueError)
        self.assertEqual(wrong, [])

    def test_bitcoin(self) -> None:
        """In the ways of btcd and Core; and Litecoin."""
        self.live("btcd", "core", "litecoin")

    def test_decred(self) -> None:
        """In the ways of today's dcrd and of dcrd 1.x."""
        self.live("dcrd", "dcrd1")

    def test_soter(self) -> None:
        """As soterd."""
        self.live("soterd")

    def test_kaspa(self) -> None:
        """As kaspad."""
        self.live("kaspad")

    def test_neo(self) -> None:
        """As the nodes of NEO."""
        self.live("neo-cli")
