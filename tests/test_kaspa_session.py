"""Tests of Kaspa's peers against a conversation that two kaspads had, in both of their roles."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import partial
from typing import Any

from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from peerproto import networks
from peerproto.networks import kaspa
from peerproto.networks.kaspa import Block, GetData
from peerproto.node.graphstore import GraphStore
from peerproto.node.node import Node
from peerproto.peer.factory import Nonces, PeerFactory
from peerproto.peer.handshake import State
from peerproto.peer.protocol import PeerProtocol
from peerproto.testing import RawPeer, memory_factory
from peerproto.wire.message import Message
from tests.kaspa_graph import add
from tests.kaspa_vectors import frame_of, session

SIMNET = networks.named("kaspa-simnet")
CALLER, CALLED = "connector->listener", "listener->connector"
SYNCED = 152
"""So many messages had been said when the caller knew all blocks; then there were new ones."""

OF_THEIR_OWN = ("timestamp", "nonce", "addr_you", "addr_me")
"""Fields of a version in which no two are the same."""


def said(way: str) -> list[Message]:
    """What one of the two said."""
    return [SIMNET.codec().decode(frame_of(entry)) for entry in session() if entry["dir"] == way]


def shown(message: Message) -> Any:
    """What is in a message, but for what differs from one conversation to the next."""
    fields = message.to_fields()
    if message.command == "version":
        fields = {name: value for name, value in fields.items() if name not in OF_THEIR_OWN}
    return message.command, fields


class Replay:
    """The conversation, with a peer of ours in the place of one of the two.

    :param way: which frames are ours. :param make: makes the factory of our peer, of its options.
    :ivar alone: what our peer has sent of itself, or its listener has; `asked` what it was told to send.
    """

    def __init__(self, way: str, make: Callable[..., PeerFactory] | None = None) -> None:
        self.way = way
        self.clock = Clock()
        model: Any = said(way)[0]
        options = {
            "services": model.services,
            "user_agent": model.user_agent,
            "clock": self.clock,
            "now": lambda: float(model.timestamp),
            "random": lambda bits: 588277166753259795,
        }
        factory = make(**options) if make else memory_factory(SIMNET, **options)
        self.raw = RawPeer(factory, inbound=way == CALLED)
        self.unread: list[Message] = self.raw.read()
        self.alone: list[str] = []
        self.asked: list[str] = []

    def hear(self, entry: Any) -> None:
        """Something of the other side's, in its time."""
        self.clock.advance(max(entry["t"] - self.clock.seconds(), 0))
        self.raw.send(frame_of(entry))
        self.clock.advance(0)
        self.unread += self.raw.read()


class RoleTests(SynchronousTestCase):
    """Our peer says what its model said."""

    def play(self, replay: Replay) -> None:
        """Say what the other side said; what our peer does not send of itself it is told to."""
        for entry in session():
            if entry["dir"] != replay.way:
                replay.hear(entry)
            else:
                self.expect(replay, replay.raw.codec.decode(frame_of(entry)))

    def expect(self, replay: Replay, message: Message) -> None:
        """The next message of ours; answers come as the two had worked them out, one may overtake another."""
        ready = next((item for item in replay.unread if shown(item) == shown(message)), None)
        if ready is None:
            replay.raw.peer.send(message)
            replay.unread += replay.raw.read()
            ready = replay.unread[-1]
            replay.asked.append(ready.command)
        else:
            replay.alone.append(ready.command)
        replay.unread.remove(ready)
        self.assertEqual(shown(ready), shown(message))
        self.assertEqual(len(replay.raw.codec.encode(ready)), len(replay.raw.codec.encode(message)))

    def test_as_the_caller(self) -> None:
        """The caller's peer needs to be told what it wants to know, and nothing else."""
        replay = Replay(CALLER)
        self.play(replay)
        self.assertEqual(replay.alone, ["version", "verack", "selectedtip", "pong"])
        self.assertEqual(set(replay.asked), {"getlocator", "getblockinvs", "getdata", "getseltip"})
        self.assertEqual((replay.unread, replay.raw.peer.state), ([], State.READY))
        replay.clock.advance(60)
        self.assertFalse(replay.raw.hung_up)
        replay.raw.close()

    def test_as_the_called(self) -> None:
        """The called one's peer says who it is; what it knows its listener must say, or else that it knows nothing."""
        version: Any = said(CALLED)[0]
        tip = version.selected_tip_hash
        knowing = kaspa.network("simnet", selected_tip=lambda: tip)
        replay = Replay(CALLED, partial(memory_factory, knowing, Told()))
        self.play(replay)
        self.assertEqual(replay.alone, ["version", "verack", "selectedtip"])
        self.assertEqual(set(replay.asked), {"getseltip", "locator", "inv", "block", "ping", "tx"})
        self.assertEqual((replay.unread, replay.raw.peer.state), ([], State.READY))
        replay.raw.close()

    def test_requests(self) -> None:
        """What the called one answered is what our requests fire with."""
        replay = Replay(CALLER)
        got: list[Any] = []
        for entry in session()[:SYNCED]:
            message = SIMNET.codec().decode(frame_of(entry))
            if entry["dir"] == CALLED:
                replay.hear(entry)
            elif type(message) in SIMNET.expects:
                replay.raw.peer.request(message).addCallback(got.append)
        self.assertEqual([len(item) for item in got if isinstance(item, list)], [50, 50, 33])
        self.assertEqual(
            [item.command for item in got if not isinstance(item, list)],
            ["locator"] * 3 + ["inv", "selectedtip"],
        )
        replay.raw.close()


class Told:
    """A listener that answers when it is told to."""

    def on_getblockinvs(self, peer: PeerProtocol, message: Message) -> None:
        """Wait."""

    on_getdata = on_getblockinvs


class NodeTests(SynchronousTestCase):
    """A node of ours in the place of one of theirs, by itself from the beginning to the end."""

    def replay(self, way: str, blocks: Iterable[Block] = ()) -> tuple[Replay, Node]:
        """The conversation, and the node that takes part in it, with some blocks."""
        graph = GraphStore(":memory:", SIMNET)
        self.addCleanup(graph.close)
        for block in blocks:
            add(graph, block)
        nodes: list[Node] = []

        def make(clock: Clock, **options: Any) -> PeerFactory:
            nodes.append(Node(clock, SIMNET, graph, relay=True, nonces=Nonces(), **options))
            return nodes[0].factory

        return Replay(way, make), nodes[0]

    def test_follows(self) -> None:
        """As the caller it asks for exactly what the caller asked until all is here, and then for what is new."""
        replay, node = self.replay(CALLER)
        for entry in session()[:SYNCED]:
            if entry["dir"] == CALLED:
                replay.hear(entry)
        wanted = [message for message in said(CALLER) if message.command not in ("pong",)]
        until = [message.command for message in wanted].index("getseltip") + 1
        self.assertEqual(list(map(shown, replay.unread)), list(map(shown, self.in_our_order(wanted[:until]))))
        self.assertTrue(node.follower.synced.is_over())
        self.assertEqual((len(node.chain), node.chain.height), (134, 133))
        self.follow_new(node, replay)
        replay.raw.close()

    def in_our_order(self, messages: list[Message]) -> list[Message]:
        """The caller asked for a locator behind its answer; we ask as soon as we may."""
        commands = [message.command for message in messages]
        self.assertEqual(commands[:4], ["version", "verack", "selectedtip", "getlocator"])
        return [*messages[:2], messages[3], messages[2], *messages[4:]]

    def follow_new(self, node: Node, replay: Replay) -> None:
        """New blocks are asked for, and a parent that is missing; the order depends on how fast one is."""
        replay.unread.clear()
        for entry in session()[SYNCED:]:
            if entry["dir"] == CALLED and entry["command"] in ("inv", "block"):
                replay.hear(entry)
        ours, theirs = (
            sorted(
                vector
                for item in items
                if isinstance(item, GetData)
                for vector in item.inv_list
                if vector.type != 1
            )
            for items in (replay.unread, said(CALLER)[-6:])
        )
        self.assertEqual(ours, theirs)
        self.assertEqual((len(node.chain), node.chain.height, node.follower.left), (138, 137, 0))

    def test_serves(self) -> None:
        """As the called one it gives the caller what the called one gave, and the caller gets on."""
        replay, _ = self.replay(CALLED, [item for item in said(CALLED) if isinstance(item, Block)][:133])
        for entry in session()[:SYNCED]:
            if entry["dir"] == CALLER:
                replay.hear(entry)
        wanted = [
            SIMNET.codec().decode(frame_of(item)) for item in session()[:SYNCED] if item["dir"] == CALLED
        ]
        ours, theirs = (
            [message for message in messages if message.command not in ("getseltip", "locator")]
            for messages in (replay.unread, wanted)
        )
        self.assertEqual(list(map(shown, ours)), list(map(shown, theirs)))
        self.check_locators(replay.unread, wanted)
        replay.raw.close()

    def check_locators(self, ours: list[Message], theirs: list[Message]) -> None:
        """Ours go down to the low block where theirs stop above it."""
        found, wanted = (
            [
                message.to_fields()["block_locator_hashes"]
                for message in messages
                if message.command == "locator"
            ]
            for messages in (ours, theirs)
        )
        genesis = SIMNET.genesis.hex()
        self.assertEqual(found, [[*wanted[0], genesis], wanted[1], wanted[2]])
