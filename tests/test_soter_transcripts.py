"""Tests of Soter's peers against conversations that were recorded with a real node, in both of their roles."""

from __future__ import annotations

from typing import Any

from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from peerproto import networks
from peerproto.errors import DuplicateVerack, DuplicateVersion, Reason
from peerproto.networks.soter import GetBlocks
from peerproto.peer.handshake import State
from peerproto.testing import RawPeer, Recorder, memory_factory
from peerproto.wire.message import Message
from tests.soter_vectors import transcripts

SIMNET = networks.named("soter-simnet")

OF_THEIR_OWN = ("timestamp", "nonce", "addr_you", "addr_me")
"""Fields of a version in which no two are the same."""


class Replay:
    """One conversation, with a peer of ours in the place of one of the two.

    :param told: the name of the conversation. :param way: which frames are ours, `to_node` or `from_node`.
    :ivar alone: the commands that our peer has sent of itself; `asked` those that it was told to send.
    """

    def __init__(self, told: str, way: str, listener: object) -> None:
        recorded = transcripts()[told]
        self.codec = SIMNET.codec(witness=True)
        self.frames = [
            (frame, self.codec.decode(bytes.fromhex(frame["frame"]))) for frame in recorded["frames"]
        ]
        self.way = way
        self.clock = Clock()
        first = next(message for frame, message in self.frames if frame["dir"] == way)
        self.said: Any = first
        options = {
            "services": self.said.services,
            "height": self.said.last_block,
            "user_agent": self.said.user_agent,
            "clock": self.clock,
            "now": lambda: float(self.said.timestamp),
        }
        inbound = self.frames[0][0]["dir"] != way
        self.raw = RawPeer(memory_factory(SIMNET, listener, **options), inbound=inbound)
        self.unread: list[Message] = self.raw.read()
        self.alone: list[str] = []
        self.asked: list[str] = []

    def play(self) -> None:
        """Say what the other side said, in its time, and see that our peer says what its model said."""
        for frame, message in self.frames:
            self.clock.advance(frame["t"] - self.clock.seconds())
            if frame["dir"] != self.way:
                self.raw.send(bytes.fromhex(frame["frame"]))
            else:
                self.expect(message)

    def expect(self, message: Message) -> None:
        """The next message of ours; if the peer has not sent it of itself, it is told to."""
        self.unread += self.raw.read()
        known = self.alone
        if not self.unread:
            known = self.asked
            self.raw.peer.send(message)
            self.unread += self.raw.read()
        found = self.unread.pop(0)
        known.append(found.command)
        assert self.shown(found) == self.shown(message), (found, message)
        assert len(self.codec.encode(found)) == len(self.codec.encode(message))

    def shown(self, message: Message) -> Any:
        """What is in a message, but for what differs from one conversation to the next."""
        fields = message.to_fields()
        if message.command == "version":
            fields = {name: value for name, value in fields.items() if name not in OF_THEIR_OWN}
        return message.command, fields


class CallingTests(SynchronousTestCase):
    """The conversation in which the node was called."""

    def test_as_the_caller(self) -> None:
        """Our peer is told what to ask, gets the answers, and ends as the node hangs up on a second version."""
        heard = Recorder()
        replay = Replay("we_dial", "to_node", heard)
        replay.play()
        peer = replay.raw.peer
        self.assertEqual(replay.alone, ["version", "verack"])
        self.assertEqual(replay.asked[:3], ["ping", "getheaders", "getblocks"])
        self.assertEqual(replay.asked[-1], "version")
        (told,) = heard.heard("on_reject")
        self.assertEqual((told.cmd, told.code, told.reason), ("version", 18, "duplicate version message"))
        for command in (
            "getblocks",
            "headers",
            "inv",
            "block",
            "notfound",
            "addrcache",
            "cfheaders",
            "cfcheckpt",
        ):
            self.assertEqual(len(heard.heard(f"on_{command}")), 1, command)
        self.assertEqual((peer.state, peer.codec.witness), (State.READY, True))
        replay.raw.close()
        assert peer.ending is not None
        self.assertIs(peer.ending.reason, Reason.CLOSED_BY_PEER)

    def test_as_the_node(self) -> None:
        """Our peer answers of itself what a node must; a second version is told and ends it.

        As the node does, it asks for blocks as soon as it may: before the caller's verack.
        """
        ask = GetBlocks(70013, [6], bytes(32))
        replay = Replay("we_dial", "from_node", Recorder({"on_ready": lambda peer, _: peer.send(ask)}))
        replay.play()
        self.assertEqual(replay.alone, ["version", "verack", "getblocks", "pong", "reject"])
        self.assertIsInstance(replay.raw.peer.ending, DuplicateVersion)
        self.assertTrue(replay.raw.hung_up)

    def test_requests(self) -> None:
        """What the node answered is what our requests fire with."""
        replay = Replay("we_dial", "to_node", Recorder())
        peer = replay.raw.peer
        got: dict[str, Any] = {}
        for frame, message in replay.frames:
            if frame["dir"] == "from_node":
                replay.raw.send(bytes.fromhex(frame["frame"]))
            elif type(message) in SIMNET.expects:
                peer.request(message).addBoth(
                    lambda found, command=message.command: got.update({command: found})
                )
        kinds = {command: getattr(found, "command", None) for command, found in got.items()}
        block, missing = got["getdata"]
        self.assertEqual((block.command, missing.reason), ("block", Reason.NOT_FOUND))
        self.assertEqual([found.command for found in got["getcfilters"]], ["cfilter"])
        self.assertEqual(
            kinds,
            {
                "getheaders": "headers",
                "getblocks": "inv",
                "getdata": None,
                "getaddrcache": "addrcache",
                "getcfheaders": "cfheaders",
                "getcfcheckpt": "cfcheckpt",
                "getcfilters": None,
            },
        )
        replay.raw.close()


class CalledTests(SynchronousTestCase):
    """The conversation in which the node called."""

    def test_as_the_called(self) -> None:
        """The node's getblocks comes before anything of ours; it hears what we announce, and asks."""
        heard = Recorder()
        replay = Replay("node_dials", "to_node", heard)
        replay.play()
        self.assertEqual(replay.alone, ["version", "verack"])
        self.assertEqual(replay.asked, ["inv", "notfound", "inv", "verack"])
        self.assertEqual(len(heard.heard("on_getblocks")), 2)
        (asked,) = heard.heard("on_getdata")
        self.assertEqual([vector.height for vector in asked.inv_list], [9, -1])
        replay.raw.close()

    def test_as_the_node(self) -> None:
        """A second verack ends our peer, and nothing is told."""
        replay = Replay("node_dials", "from_node", Recorder())
        replay.play()
        self.assertEqual(replay.alone, ["version", "verack"])
        self.assertEqual(replay.asked, ["getblocks", "getdata", "getblocks"])
        self.assertIsInstance(replay.raw.peer.ending, DuplicateVerack)
        self.assertEqual((replay.raw.hung_up, replay.raw.read()), (True, []))

    def test_left_alone(self) -> None:
        """The node asks for blocks at once and would hang up without an answer: a peer of nobody's has one."""
        replay = Replay("node_dials", "to_node", None)
        for frame, _ in replay.frames:
            if frame["dir"] == "from_node":
                replay.raw.send(bytes.fromhex(frame["frame"]))
        said = [message.command for message in replay.unread + replay.raw.read()]
        self.assertEqual(said, ["version", "verack", "inv", "notfound", "inv"])
        replay.raw.close()
