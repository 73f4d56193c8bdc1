"""Forms of the peer floor that some networks need and bitcoin does not: tried on bitcoin, changed in one place."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from twisted.internet.task import Clock
from twisted.internet.testing import StringTransport
from twisted.trial.unittest import SynchronousTestCase

from peerproto import networks
from peerproto.errors import (
    DuplicateVerack,
    DuplicateVersion,
    ListenerFailed,
    MalformedMessage,
    NotFound,
    PeerStalled,
    Reason,
    Refused,
    UnexpectedMessage,
)
from peerproto.forms.introduction import Ourselves
from peerproto.network import Network
from peerproto.networks.bitcoin import (
    MSG_BLOCK,
    Addr,
    Block,
    BlockHeader,
    GetAddr,
    GetData,
    Inv,
    InvVect,
    MemPool,
    Ping,
    SendHeaders,
    TimedAddress,
    VerAck,
    Version,
)
from peerproto.networks.bitcoin import NotFound as NotFoundMessage
from peerproto.peer.factory import Nonces, PeerFactory
from peerproto.peer.handshake import State
from peerproto.peer.protocol import PeerProtocol
from peerproto.wire.message import Message
from peerproto.wire.reader import Reader

BITCOIN = networks.named("bitcoin-regtest")


class Heard:
    """A listener that notes what it hears."""

    def __init__(self) -> None:
        self.told: list[str] = []

    def on_ready(self, peer: PeerProtocol) -> None:
        """The peer is open for business."""
        self.told.append(f"ready {peer.state.name}")

    def on_verack(self, peer: PeerProtocol, message: VerAck) -> None:
        """Their verack."""
        self.told.append("verack")


class FormCase(SynchronousTestCase):
    """A peer of a changed network, and the bytes that it sends."""

    def setUp(self) -> None:
        """Time stands still."""
        self.clock = Clock()
        self.transport = StringTransport()

    def peer(self, network: Network, *, inbound: bool = False, listener: object = None) -> PeerProtocol:
        """A peer that has just been connected."""
        node = PeerFactory(network, listener, clock=self.clock, nonces=Nonces(), height=7)
        made = node.build(inbound=inbound)
        made.makeConnection(self.transport)
        return made

    def sent(self) -> list[Any]:
        """What the peer has sent since the last look."""
        found = list(Reader(BITCOIN.codec()).feed(self.transport.value()))
        self.transport.clear()
        return found

    def commands(self) -> list[str]:
        """The commands of what the peer has sent."""
        return [message.command for message in self.sent()]

    def receive(self, peer: PeerProtocol, *messages: Message) -> None:
        """The other side sends this."""
        peer.dataReceived(b"".join(map(BITCOIN.codec().encode, messages)))

    def version(self, **changed: Any) -> Version:
        """Their version."""
        theirs = PeerFactory(BITCOIN, clock=self.clock, nonces=Nonces()).introduction(nonce=5)
        return BITCOIN.make_version(replace(theirs, **changed))  # type: ignore[return-value]

    def ready(self, network: Network, **options: Any) -> PeerProtocol:
        """A peer that has shaken hands."""
        peer = self.peer(network, **options)
        self.receive(peer, self.version(), VerAck())
        self.sent()
        return peer


class BothSpeakTests(FormCase):
    """Networks on which both sides send their version at once."""

    network = replace(BITCOIN, order=replace(BITCOIN.order, both_speak=True, negotiation=()))

    def test_inbound_speaks_first(self) -> None:
        """The called side does not wait, and does not say it twice."""
        peer = self.peer(self.network, inbound=True)
        self.assertEqual(self.commands(), ["version"])
        self.receive(peer, self.version())
        self.assertEqual(self.commands(), ["verack"])


class NoGateTests(FormCase):
    """Networks on which verack is no gate."""

    network = replace(BITCOIN, order=replace(BITCOIN.order, gate=False))

    def test_open_before_verack(self) -> None:
        """What was held goes out behind our verack, and what comes is delivered; the state tells the truth."""
        heard = Heard()
        peer = self.peer(self.network, listener=heard)
        peer.send(MemPool())
        self.receive(peer, self.version())
        self.assertEqual(
            self.commands(), ["version", "wtxidrelay", "sendaddrv2", "verack", "sendheaders", "mempool"]
        )
        self.assertEqual(heard.told, ["ready AWAITING_VERACK"])
        self.receive(peer, Ping(3))
        self.assertEqual(self.commands(), ["pong"])
        self.assertEqual(peer.state, State.AWAITING_VERACK)

    def test_requests_before_verack(self) -> None:
        """Requests are answered."""
        peer = self.peer(self.network)
        self.receive(peer, self.version())
        asked = peer.request(GetAddr())
        self.receive(peer, Addr([]))
        self.assertEqual(self.successResultOf(asked), Addr([]))

    def test_verack_later(self) -> None:
        """Their verack makes the peer ready; a second one is judged as ever."""
        heard = Heard()
        peer = self.peer(self.network, listener=heard)
        self.receive(peer, self.version())
        self.receive(peer, VerAck())
        self.assertEqual(peer.state, State.READY)
        self.assertEqual(heard.told, ["ready AWAITING_VERACK", "verack"])
        self.receive(peer, VerAck())
        self.assertIsInstance(peer.ending, DuplicateVerack)

    def test_verack_never(self) -> None:
        """One that never comes is left to the idle limit."""
        peer = self.peer(self.network)
        self.receive(peer, self.version())
        self.clock.pump([10.0] * 29)
        self.assertIsNone(peer.ending)
        self.clock.pump([10.0] * 2)
        self.assertEqual(getattr(peer.ending, "reason", None), Reason.IDLE)

    def test_nobody_listens(self) -> None:
        """A verack that no listener hears is noted all the same."""
        peer = self.peer(self.network)
        self.receive(peer, self.version(), VerAck())
        self.assertEqual(peer.state, State.READY)

    def test_greeting(self) -> None:
        """What is sent first to a ready peer goes out behind our verack."""
        order = replace(BITCOIN.order, gate=False, negotiation=(), greeting=(SendHeaders,))
        peer = self.peer(replace(BITCOIN, order=order))
        self.receive(peer, self.version())
        self.assertEqual(self.commands(), ["version", "verack", "sendheaders"])

    def test_answer_to_late(self) -> None:
        """A second verack that ends nobody may have an answer."""
        order = replace(BITCOIN.order, gate=False, late={VerAck: None})
        peer = self.peer(replace(BITCOIN, order=order, replies={VerAck: lambda message: MemPool()}))
        self.receive(peer, self.version(), VerAck())
        self.sent()
        self.receive(peer, VerAck())
        self.assertEqual(self.commands(), ["mempool"])


class KeptTests(FormCase):
    """Networks on which some messages may come between version and verack, and are handled after it."""

    order = replace(BITCOIN.order, keeps=2, keeps_until=70015, greeting=())
    network = replace(BITCOIN, order=order)

    def test_handled_later(self) -> None:
        """They are delivered when the peer is ready, in their order."""
        heard = Heard()
        peer = self.peer(self.network, listener=heard)
        self.receive(peer, self.version(protocol_version=70015), Ping(3), Ping(4))
        self.assertEqual(self.commands(), ["version", "verack"])
        self.receive(peer, VerAck())
        self.assertEqual([message.nonce for message in self.sent()], [3, 4])
        self.assertEqual(heard.told, ["verack", "ready READY"])

    def test_end_in_the_middle(self) -> None:
        """Who ends the peer at one of them does not hear the next."""
        heard: list[int] = []

        class Ends:
            def on_ping(self, peer: PeerProtocol, message: Ping) -> None:
                heard.append(message.nonce or 0)
                peer.disconnect()

        peer = self.peer(self.network, listener=Ends())
        self.receive(peer, self.version(protocol_version=70015), Ping(3), Ping(4), VerAck())
        self.assertEqual(heard, [3])

    def test_too_many(self) -> None:
        """One more than so many ends the peer."""
        peer = self.peer(self.network)
        self.receive(peer, self.version(protocol_version=70015), Ping(3), Ping(4), Ping(5))
        self.assertIsInstance(peer.ending, UnexpectedMessage)

    def test_malformed_inside(self) -> None:
        """One that a listener finds malformed when its turn has come ends the peer, as any other would."""
        heard: list[str] = []

        class Looks:
            def on_inv(self, peer: PeerProtocol, message: Any) -> None:
                heard.append("inv")
                raise MalformedMessage("nothing in it is right", command="inv")

        peer = self.peer(self.network, listener=Looks())
        self.receive(peer, self.version(protocol_version=70015), Inv([]), Inv([]), VerAck())
        self.assertEqual((heard, type(peer.ending)), (["inv"], MalformedMessage))

    def test_newer(self) -> None:
        """Above the protocol version none may come."""
        peer = self.peer(self.network)
        self.receive(peer, self.version(protocol_version=70016), Ping(3))
        self.assertIsInstance(peer.ending, UnexpectedMessage)

    def test_second_version(self) -> None:
        """A second version among them is judged as one that comes late, and what is behind it is not handled."""
        peer = self.peer(self.network)
        self.receive(peer, *[self.version(protocol_version=70015)] * 2, Ping(3), VerAck())
        self.assertIsInstance(peer.ending, DuplicateVersion)
        self.assertNotIn("pong", self.commands())


class CommonVersionTests(FormCase):
    """Networks on which the called side announces what both speak."""

    network = replace(BITCOIN, order=replace(BITCOIN.order, announces_common=True))

    def test_inbound(self) -> None:
        """The lower of the two versions is announced."""
        for theirs, announced in ((70013, 70013), (80000, 70016)):
            self.transport = StringTransport()
            peer = self.peer(self.network, inbound=True)
            self.receive(peer, self.version(protocol_version=theirs))
            self.assertEqual(self.sent()[0].protocol_version, announced)

    def test_outbound(self) -> None:
        """The calling side knows only its own."""
        self.peer(self.network)
        self.assertEqual(self.sent()[0].protocol_version, 70016)


class FitsTests(FormCase):
    """Answers that are told from what comes unasked."""

    expects = {GetAddr: replace(BITCOIN.expects[GetAddr], fits=lambda message: len(message.addr_list) > 1)}
    network = replace(BITCOIN, expects=expects)

    def test_unasked(self) -> None:
        """What does not fit answers nothing."""
        peer = self.ready(self.network)
        asked = peer.request(GetAddr())
        some = TimedAddress(1, 1, "192.0.2.1", 1)
        self.receive(peer, Addr([some]))
        self.assertNoResult(asked)
        self.receive(peer, Addr([some, some]))
        self.assertEqual(len(self.successResultOf(asked).addr_list), 2)


class JudgeTests(FormCase):
    """Networks with rules of their own for versions."""

    def test_refused(self) -> None:
        """The network is told what both say, and its error ends the peer before the lowest version is looked at."""
        seen: list[Any] = []

        def judge(ours: Any, theirs: Any, version: Any, inbound: bool) -> Refused:
            seen.append((ours.user_agent, theirs.height, version.command, inbound))
            return Refused("not our kind", Reason.WRONG_NETWORK)

        peer = self.peer(replace(BITCOIN, judge_version=judge), inbound=True)
        self.receive(peer, self.version(height=99, protocol_version=100))
        self.assertEqual(seen, [(peer.factory.user_agent, 99, "version", True)])
        self.assertEqual(getattr(peer.ending, "reason", None), Reason.WRONG_NETWORK)
        self.assertEqual(self.commands(), ["reject"])


class ReplyTests(FormCase):
    """What a peer answers of itself."""

    network = replace(BITCOIN, replies={GetAddr: lambda message: SendHeaders()})

    def test_of_itself(self) -> None:
        """The network's reply goes out."""
        peer = self.ready(self.network)
        self.receive(peer, GetAddr())
        self.assertEqual(self.commands(), ["sendheaders"])

    def test_listener_goes_first(self) -> None:
        """Not if the listener hears that command."""

        class Answers:
            def on_getaddr(self, peer: PeerProtocol, message: GetAddr) -> None:
                peer.send(Addr([]))

        peer = self.ready(self.network, listener=Answers())
        self.receive(peer, GetAddr())
        self.assertEqual(self.commands(), ["addr"])


class PingTests(FormCase):
    """Pings as a network makes them."""

    def test_height_and_time(self) -> None:
        """The network is given the nonce, and ourselves to ask for our height and the time."""
        made: list[Any] = []

        def make_ping(nonce: int, us: Ourselves) -> Ping:
            made.append((us.best_height(), us.now() > 0, nonce < 2**32))
            return Ping(nonce)

        peer = self.ready(replace(BITCOIN, make_ping=make_ping, nonce_bits=32))
        peer.ping()
        self.assertEqual(made, [(7, True, True)])

    def test_height_that_fails(self) -> None:
        """A height that cannot be told when it is time to ping ends the peer, and is logged."""
        heights = iter([7])
        network = replace(BITCOIN, make_ping=lambda nonce, us: Ping(us.best_height()))
        node = PeerFactory(network, clock=self.clock, nonces=Nonces(), height=lambda: next(heights))
        peer = node.build(inbound=False)
        peer.makeConnection(self.transport)
        self.receive(peer, self.version(), VerAck())
        self.clock.advance(120)
        self.assertIsInstance(peer.ending, ListenerFailed)
        self.assertEqual(len(self.flushLoggedErrors(StopIteration)), 1)

    def test_only_who_has_pinged(self) -> None:
        """Where only a peer that has pinged is pinged, a silent one is left alone."""
        network = replace(BITCOIN, timing=replace(BITCOIN.timing, ping_if_pinged=True))
        peer = self.ready(network)
        self.clock.advance(120)
        self.assertEqual(self.commands(), [])
        self.receive(peer, Ping(1))
        self.sent()
        self.clock.advance(120)
        self.assertEqual(self.commands(), ["ping"])


class VerdictTests(FormCase):
    """Networks on which each vector of a getdata has a verdict of its own."""

    expects = {**BITCOIN.expects, GetData: replace(BITCOIN.expects[GetData], grouped=False)}
    network = replace(BITCOIN, expects=expects)
    header = BlockHeader(1, bytes(32), bytes(32), 5, 6, 7)

    def ask(self, peer: PeerProtocol) -> tuple[InvVect, InvVect]:
        """Ask for two blocks, and wait for neither."""
        vectors = InvVect(MSG_BLOCK, self.header.block_hash), InvVect(MSG_BLOCK, bytes(32))
        peer.send(GetData(list(vectors)))
        return vectors

    def test_one_is_not_enough(self) -> None:
        """The answer to one leaves the other owed, and it ends the peer."""
        peer = self.ready(self.network)
        self.ask(peer)
        self.receive(peer, Block(self.header, []))
        self.clock.pump([15.0, 15.0, 15.0, 0.0])
        self.assertIsInstance(peer.ending, PeerStalled)
        self.assertIn(f"block {'00' * 32}", str(peer.ending))

    def test_not_found_is_an_answer(self) -> None:
        """What is named as missing is answered."""
        peer = self.ready(self.network)
        _, missing = self.ask(peer)
        self.receive(peer, Block(self.header, []), NotFoundMessage([missing]))
        self.clock.pump([15.0, 15.0, 15.0, 0.0])
        self.assertIsNone(peer.ending)

    def test_who_waits_is_told(self) -> None:
        """Requests are answered as ever."""
        peer = self.ready(self.network)
        asked = peer.request_blocks([bytes(32)])
        self.receive(peer, NotFoundMessage([InvVect(MSG_BLOCK, bytes(32))]))
        (error,) = self.successResultOf(asked)
        self.assertIsInstance(error, NotFound)
