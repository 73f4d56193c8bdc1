"""Tests of Decred's peers against recorded conversations with dcrd 1.6.2, 1.7.7, 2.1.6 and HEAD, in both roles."""

from __future__ import annotations

import re
from typing import Any

from peerproto import networks
from peerproto.errors import Reason
from peerproto.networks import decred
from peerproto.peer.factory import Nonces
from peerproto.peer.handshake import State
from peerproto.testing import RawPeer
from peerproto.wire.message import Message
from tests.decred_case import DecredCase
from tests.decred_transcripts import NODES, Conversation, conversation, conversations
from tests.peer_case import HASHES, unknown_frame

POLICY = {"1.6.2": "dcrd1", "1.7.7": "dcrd1", "2.1.6": "dcrd", "HEAD": "dcrd"}
LEAST = {"1.6.2": 1, "1.7.7": 6, "2.1.6": 9, "HEAD": 9}
SIMNET = networks.named("decred-simnet")


class Quiet:
    """A listener that hears nothing: what its peer answers it answers of itself."""


class HearingTests(DecredCase):
    """Our peer in the place of who tried the nodes: it hears what they said, in their time, and stays connected."""

    def hear(self, policy: str, told: Conversation, *, inbound: bool = False, **options: Any) -> RawPeer:
        """Let a node say all that it said; if it hung up, so does it."""
        raw = self.raw(policy, inbound=inbound, listener=Quiet(), **options)
        start = self.clock.seconds()
        pver = raw.peer.factory.protocol_version
        if told.commands[:1] not in (["version"], ["reject"]) and told.title.startswith(("bad", "e10")):
            raw.handshake(protocol_version=min(pver, 12))  # of these only what came after it was written down
        for said in told.said:
            self.clock.pump([0.1] * int((said.time + start - self.clock.seconds()) * 10))
            if raw.hung_up:
                break
            if said.message is None:
                raw.close()
                break
            raw.send(said.message)
            if isinstance(said.message, decred.Version):
                raw.codec = raw.peer.network.codec(min(pver, said.message.protocol_version))
        return raw

    def written(self, raw: RawPeer) -> list[Message]:
        """All that our peer has written."""
        raw._reader.codec = raw.codec
        return raw.read()

    def announced(self, told: Conversation) -> dict[str, int]:
        """The protocol version that was announced to the node, as an option of our peer."""
        match = re.match(r"(?:announce|e6|e8) pver (\d+)", told.title)
        return {"protocol_version": min(int(match[1]), 12)} if match and match[1] != "0" else {}

    def test_as_the_caller(self) -> None:
        """In every conversation our peer ends when the node hangs up and not before, whatever the node says."""
        heard = 0
        for node in NODES:
            for name in (f"inbound-{node}", f"timeouts-{node}", f"announce-{node}"):
                if name in ("timeouts-1.7.7", "announce-1.6.2", "announce-1.7.7", "announce-2.1.6"):
                    continue  # there are none of these
                for told in conversations(name):
                    raw = self.hear(POLICY[node], told, **self.announced(told))
                    if told.commands[:1] == ["reject"]:
                        wanted = Reason.UNEXPECTED_MESSAGE  # why it refuses us, in place of a version
                    else:
                        wanted = None if told.hung_up is None else Reason.CLOSED_BY_PEER
                    ending = raw.peer.ending
                    self.assertEqual(ending and ending.reason, wanted, f"{name}: {told.title}: {ending}")
                    heard += 1
        self.assertEqual(heard, 117)

    def test_what_they_need_to_hear(self) -> None:
        """Our peer says verack, and answers a node's getinitstate at once: without it the node would hang up."""
        for node, wanted in (
            ("1.6.2", ["version", "verack", "initstate"]),
            ("1.7.7", ["version", "verack", "initstate"]),
            ("2.1.6", ["version", "verack", "sendheaders"]),
            ("HEAD", ["version", "verack", "sendheaders"]),
        ):
            raw = self.hear(POLICY[node], conversation(f"inbound-{node}", "e1"))
            self.assertEqual([message.command for message in self.written(raw)], wanted, node)

    def test_keeping_alive(self) -> None:
        """A node that pings twice, with nothing else in almost four minutes, is answered and kept."""
        for node in ("2.1.6", "HEAD"):
            raw = self.hear(POLICY[node], conversation(f"timeouts-{node}", "t3b"))
            self.assertEqual(raw.peer.state, State.READY)
            said = [message.command for message in self.written(raw)]
            self.assertEqual((said.count("pong"), said.count("ping")), (2, 1))

    def test_as_the_called(self) -> None:
        """HEAD calls us: it waits for our verack before it says its own, and asks for headers."""
        for title, ends in (("o1 ", None), ("o1b", None), ("o6", None)):
            told = conversation("outbound-HEAD", title)
            raw = self.hear("dcrd", told, inbound=True)
            self.assertEqual(raw.peer.ending, ends, title)
            written = [message.command for message in self.written(raw)]
            self.assertEqual(written[:3], ["version", "verack", "sendheaders"])
        self.assertEqual(raw.peer.state, State.READY)

    def test_todays_refuse_those_of_old(self) -> None:
        """By the manners of HEAD our peer hangs up on 1.6.2 and 1.7.7, as HEAD does on anybody below 9."""
        for node in ("1.6.2", "1.7.7"):
            raw = self.hear("dcrd", conversation(f"inbound-{node}", "e1"))
            self.assertIs(self.why(raw).reason, Reason.OBSOLETE)


class BeingTests(DecredCase):
    """Our peer in the place of a node: it does what the node did to who tried it."""

    def setUp(self) -> None:
        super().setUp()
        self.before: list[str] = []

    def node(self, name: str = "HEAD", **options: Any) -> RawPeer:
        """A peer with the manners of a node, called by who tries it."""
        raw = self.raw(POLICY[name], inbound=True, listener=Quiet(), **options)
        raw._reader.codec = raw.codec = raw.peer.network.codec()
        return raw

    def open(self, name: str = "HEAD", pver: int = 12, **options: Any) -> RawPeer:
        """The same, with the handshake done; what the node said in it counts."""
        raw = self.node(name, **options)
        self.before = [message.command for message in raw.handshake(protocol_version=pver)]
        return raw

    def same(self, raw: RawPeer, told: Conversation, *, leaving: tuple[str, ...] = ()) -> None:
        """The peer has said what the node said, and hung up if the node did.

        :param leaving: commands of what only a whole node sends of itself.
        """
        said = [*self.before, *(message.command for message in raw.read())]
        self.before = []
        wanted = [command for command in told.commands if command not in leaving]
        self.assertEqual(said[: len(wanted)] if not wanted else said, wanted, told.title)
        self.assertEqual(raw.hung_up, told.hung_up is not None, told.title)

    def test_wrong_beginnings(self) -> None:
        """A first message that is no version: HEAD and the others hang up, 1.6.2 tells why."""
        for node in NODES:
            raw = self.node(node)
            raw.send(decred.Ping(1))
            self.same_but_for_words(raw, node, conversation(f"inbound-{node}", "e2"))
        raw = self.node()
        raw.send(decred.VerAck())
        self.same(raw, conversation("inbound-HEAD", "e3"))

    def same_but_for_words(self, raw: RawPeer, node: str, told: Conversation) -> None:
        """As `same`, but 1.7.7 is as silent as its followers, and has the manners of 1.6.2 else."""
        said = [*self.before, *(message.command for message in raw.read())]
        self.before = []
        if node == "1.7.7":
            said = [command for command in said if command != "reject"]
        server = ("getinitstate", "getminings", "sendheaders") if POLICY[node] == "dcrd1" else ()
        wanted = [command for command in told.commands if command not in server]
        self.assertEqual(said, wanted, f"{node}: {told.title}")
        self.assertEqual(raw.hung_up, told.hung_up is not None, f"{node}: {told.title}")

    def test_twice(self) -> None:
        """A second version or verack ends it; 1.6.2 tells of the version."""
        for node in NODES:
            for title, make in (("e4", None), ("e5", decred.VerAck())):
                raw = self.open(node)
                raw.send(make or raw.version())
                self.same_but_for_words(raw, node, conversation(f"inbound-{node}", title))

    def test_versions(self) -> None:
        """Whom each node spoke with, it speaks with, but that our own version is always the highest."""
        for node in NODES:
            for told in conversations(f"inbound-{node}"):
                match = re.match(r"(?:announce|e6) pver (-?\d+)$", told.title)
                if not match:
                    continue
                raw = self.node(node)
                pver = int(match[1])
                raw.send(raw.version(protocol_version=pver))
                wanted = ["version", "verack"] if pver >= LEAST[node] else []
                self.assertEqual(
                    [command for command in told.commands if command in ("version", "verack")], wanted
                )
                if (node, pver) == ("1.7.7", 1):
                    continue  # its server asks for 6, its peer would not
                said = [message.command for message in raw.read()]
                self.assertEqual([command for command in said if command != "reject"], wanted, told.title)
                self.assertEqual(raw.hung_up, pver < LEAST[node], f"{node} {told.title}")

    def test_before_verack(self) -> None:
        """A ping before verack: HEAD hangs up at version 12, those of old answer it."""
        raw = self.node()
        raw.send(raw.version(), decred.Ping(1))
        self.same(raw, conversation("inbound-HEAD", "e7"))
        for node in ("1.6.2", "1.7.7"):
            raw = self.node(node)
            raw.send(raw.version(), decred.Ping(0x0101010101010101))
            self.same_but_for_words(raw, node, conversation(f"inbound-{node}", "e7"))
        raw = self.node()
        raw.send(raw.version(protocol_version=11), decred.Ping(1), decred.Ping(2), decred.Ping(3))
        self.same(raw, conversation("inbound-HEAD", "e8 pver 11, 3 pings"))

    def test_self(self) -> None:
        """Its own nonce, from another connection, ends that one without a word."""
        for node in NODES:
            nonces = Nonces()
            first, second = self.node(node, nonces=nonces), self.node(node, nonces=nonces)
            first.send(first.version())
            version: Any = first.read()[0]
            second.send(second.version(nonce=version.nonce))
            self.assertEqual((second.read(), second.hung_up), ([], True))
            self.assertFalse(first.hung_up)

    def test_bad_frames(self) -> None:
        """What cannot be read ends the conversation as it did with each node; what is merely empty does not."""
        for node in NODES:
            network = networks.named("decred-simnet", POLICY[node])
            for title, frame in bad_frames(network.codec()).items():
                name = f"inbound-{node}"
                told = next((one for one in conversations(name) if one.title.endswith(f" {title}")), None)
                if told is None or (node, title) in BY_THE_SERVER:
                    continue
                raw = self.open(node)
                raw.send(frame)
                self.before = []
                raw.read()
                self.assertEqual(raw.hung_up, told.hung_up is not None, f"{node}: {title}")

    def test_segments(self) -> None:
        """Two messages in one segment and one byte by byte are all answered."""
        raw = self.open()
        raw.send(decred.Ping(7016996765293437281), decred.Ping(7089336938131513954))
        for byte in raw.frame(decred.Ping(7161677110969590627)):
            raw.send(bytes((byte,)))
        self.same(raw, conversation("inbound-HEAD", "e11"))

    def test_silence(self) -> None:
        """Who says nothing is hung up on after thirty seconds, who has not said verack too."""
        for node in ("1.6.2", "2.1.6", "HEAD"):
            raw = self.node(node)
            self.assert_hangs_up(raw, conversation(f"timeouts-{node}", "t1"))
        raw = self.node()
        raw.send(raw.version())
        self.assert_hangs_up(raw, conversation("timeouts-HEAD", "t2"))

    def test_idle(self) -> None:
        """After the handshake silence ends it at 120 seconds, with a ping at 107; half a message does not help."""
        for node in ("2.1.6", "HEAD"):
            raw = self.open(node)
            self.assert_hangs_up(raw, conversation(f"timeouts-{node}", "t3: "))
            self.assertEqual([message.command for message in raw.read()], ["ping"])
            raw = self.open(node)
            self.assert_hangs_up(raw, conversation(f"timeouts-{node}", "t6"), raw.frame(decred.Ping(1)))

    def assert_hangs_up(self, raw: RawPeer, told: Conversation, trickle: bytes = b"") -> None:
        """The peer hangs up when the node did, to the second.

        :param trickle: what is said meanwhile, a byte every eight seconds.
        """
        assert told.hung_up is not None
        seconds = round(told.hung_up)
        for second in range(1, seconds + 1):
            self.clock.pump([0.25] * 4 if second < seconds else [0.25] * 3)
            if second % 8 == 0:
                raw.send(trickle[second // 8 - 1 : second // 8])
        self.assertFalse(raw.hung_up, told.title)
        self.clock.advance(0.5)
        self.assertTrue(raw.hung_up, told.title)

    def test_stalls(self) -> None:
        """It asks for what was announced; of the answers that do not come it hangs up as the node did."""
        asked = decred.GetData([decred.InvVect(decred.MSG_TX, item) for item in HASHES[:2]])
        for node in ("2.1.6", "HEAD"):
            for title, answered in (("t4: ", 0), ("t4b", 1), ("t4c", 2)):
                told = conversation(f"timeouts-{node}", title)
                self.assertIn("getdata", told.commands)
                policy = "dcrd" if node == "HEAD" else "dcrd1"  # 2.1.6 counts answers as those of old do
                raw = self.raw(policy, inbound=True, listener=Quiet())
                raw.handshake()
                raw.peer.send(asked)
                for vector in asked.inv_list[:answered]:
                    raw.send(decred.NotFound([vector]))
                self.clock.pump([0.5] * 120)
                self.assertEqual(raw.hung_up, told.hung_up is not None, f"{node}: {told.title}")
                if told.hung_up is not None:
                    self.assertEqual(round(told.hung_up), 45)


BY_THE_SERVER = {
    *((node, title) for node in NODES for title in ("getcftypes", "getminings")),
    ("HEAD", "getcfilter v1"),
    ("HEAD", "notfound odd type"),
}
"""What the nodes do beyond their peer package: they ban who asks for what they have given up. A peer of ours does not
know what its owner serves.
"""


def bad_frames(codec: Any) -> dict[str, bytes]:
    """What was said to the nodes, by the end of the title."""
    ping = codec.encode(decred.Ping(1))
    wrap, command = codec.envelope.wrap, codec.envelope.command
    return {
        "bad checksum": ping[:20] + bytes(4) + ping[24:],
        "unknown command": unknown_frame(SIMNET, b"foo"),
        "wrong magic": networks.named("decred-mainnet").codec().encode(decred.Ping(1)),
        "trailing byte on inv": wrap(command("inv"), b"\0\0"),
        "trailing byte on getheaders": wrap(command("getheaders"), bytes(38)),
        "ping of 9 bytes": wrap(command("ping"), bytes(9)),
        "inv empty": wrap(command("inv"), b"\0"),
        "getdata empty": wrap(command("getdata"), b"\0"),
        "headers empty": wrap(command("headers"), b"\0"),
        "reject": wrap(command("reject"), b"\1x\1\1y"),
        "addr empty": wrap(command("addr"), b"\0"),
        "addr at 12": wrap(command("addr"), b"\1" + bytes(30)),
        "addrv2 one": wrap(command("addrv2"), b"\1" + bytes(16) + b"\1" + bytes(6)),
        "getminings": wrap(command("getminings"), b""),
        "getcftypes": wrap(command("getcftypes"), b""),
    }
