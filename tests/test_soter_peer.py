"""Tests of Soter's peers: what they send and hear, when they open, whom they refuse, and for how long they wait."""

from __future__ import annotations

from typing import Any

from peerproto.errors import (
    DuplicateVerack,
    DuplicateVersion,
    HandshakeTimeout,
    LocalError,
    MalformedMessage,
    PeerError,
    PeerIdle,
    PeerStalled,
    Reason,
    Refused,
    SelfConnection,
    UnknownCommand,
    VersionExpected,
    VersionTooOld,
)
from peerproto.forms.gossip import Known
from peerproto.networks.soter import (
    MORE_BLOCKS,
    MSG_BLOCK,
    MSG_TX,
    MSG_WITNESS_BLOCK,
    Addr,
    AddrCache,
    Block,
    FeeFilter,
    GetAddr,
    GetAddrCache,
    GetBlocks,
    GetCFCheckpt,
    GetData,
    GetHeaders,
    Headers,
    Inv,
    InvVect,
    MemPool,
    NotFound,
    Ping,
    Pong,
    Reject,
    SendHeaders,
    Tx,
    VerAck,
    Version,
)
from peerproto.peer.factory import Nonces
from peerproto.peer.handshake import State
from peerproto.testing import Pair, RawPeer, Recorder, memory_factory
from peerproto.wire.message import Message
from tests.peer_case import HASHES, PeerTestCase
from tests.soter_vectors import by_label, codec_of, frame_of, golden, mined, network_of

ZERO = bytes(32)
ASK = GetBlocks(70013, [0], ZERO)


def block_of(entry: dict[str, Any]) -> Block:
    """A block that was mined on a simnet."""
    codec = network_of(entry).codec(witness=True)
    found = codec.decode(codec.envelope.wrap(codec.envelope.command("block"), bytes.fromhex(entry["block"])))
    assert isinstance(found, Block)
    return found


class SoterCase(PeerTestCase):
    """Peers of soter's regtest."""

    def made(self, **options: Any) -> RawPeer:
        """The other side of a new peer."""
        return self.raw("soterd", family="soter", **options)

    def open(self, *, says: dict[str, Any] | None = None, **options: Any) -> RawPeer:
        """The same, with the handshake done."""
        return self.ready("soterd", family="soter", says=says, **options)

    def commands(self, raw: RawPeer) -> list[str]:
        """The commands of what the peer has written since the last look."""
        return [message.command for message in raw.read()]

    def told(self, raw: RawPeer) -> Reject | None:
        """What the peer has told before it hung up; it must not have said anything else."""
        self.assertTrue(raw.hung_up)
        said = raw.read()
        self.assertLessEqual(len(said), 1)
        if not said:
            return None
        assert isinstance(said[0], Reject)
        return said[0]


class HandshakeTests(SoterCase):
    """The way to an open peer."""

    def test_outbound(self) -> None:
        """The caller says its version at once, and its verack when it has heard the other's."""
        raw = self.made(services=9, height=7, user_agent="/soterwire:0.6.0/peer:1.0.0(comment)/")
        (version,) = raw.read()
        assert isinstance(version, Version)
        self.assertEqual(version.genesis_hash, raw.peer.network.genesis)
        self.assertEqual((version.last_block, version.services, version.addr_me.services), (7, 9, 9))
        self.assertEqual((version.addr_you.services, version.addr_you.ip), (1, "192.0.2.2"))
        self.assertEqual(len(raw.codec.encode(version)), 179)
        raw.send(raw.version(height=5))
        self.assertEqual(self.commands(raw), ["verack"])
        raw.send(VerAck())
        self.assertEqual((raw.peer.state, raw.read()), (State.READY, []))
        theirs = raw.peer.theirs
        assert theirs is not None
        self.assertEqual((theirs.height, theirs.services, raw.peer.protocol_version), (5, 9, 70013))
        self.assertEqual(raw.peer.network.service_names(theirs.services), ["NETWORK", "WITNESS"])

    def test_inbound(self) -> None:
        """The called one waits, and then says both."""
        raw = self.made(inbound=True)
        self.assertEqual(self.commands(raw), [])
        raw.send(raw.version())
        self.assertEqual(self.commands(raw), ["version", "verack"])

    def test_lower_version(self) -> None:
        """Both speak the lower version, and the called one answers in it already: at 209 without a relay byte."""
        sizes = {}
        for pver in (209, 70002, 70013):
            raw = self.made(inbound=True)
            raw.send(raw.version(protocol_version=pver))
            sizes[pver] = int.from_bytes(raw.transport.take()[16:20], "little")
            self.assertEqual(raw.peer.protocol_version, pver)
        self.assertEqual([sizes[pver] - sizes[209] for pver in (70002, 70013)], [1, 1])

    def test_negative_version(self) -> None:
        """A negative protocol version is a high one."""
        raw = self.made()
        version = raw.version()
        assert isinstance(version, Version)
        version.protocol_version = -1
        raw.send(version)
        self.assertEqual((raw.peer.protocol_version, self.commands(raw)), (70013, ["version", "verack"]))

    def test_no_gate(self) -> None:
        """What comes before their verack is heard and answered; what was held back goes out."""
        raw = self.made(inbound=True)
        raw.peer.send(ASK)
        waiting = raw.peer.request(GetAddrCache())
        raw.send(raw.version(), Ping(3), Inv([MORE_BLOCKS]))
        self.assertEqual(self.commands(raw), ["version", "verack", "getblocks", "getaddrcache", "pong"])
        raw.send(AddrCache([], [], []))
        self.assertEqual(self.successResultOf(waiting), AddrCache([], [], []))
        self.assertEqual(raw.peer.state, State.AWAITING_VERACK)
        self.assertEqual(
            self.heard(raw).names, ["on_version", "on_ready", "on_ping", "on_inv", "on_addrcache"]
        )
        raw.send(VerAck())
        self.assertEqual(raw.peer.state, State.READY)

    def test_no_verack(self) -> None:
        """One that never says verack is pinged, and left to the idle limit."""
        raw = self.made()
        raw.send(raw.version())
        raw.read()
        self.let_pass(299.5)
        self.assertEqual((self.commands(raw), raw.hung_up), (["ping", "ping"], False))
        self.let_pass(1)
        self.assertIsInstance(self.why(raw), PeerIdle)
        self.assertIsNone(self.told(raw))

    def test_overdue(self) -> None:
        """The versions must be exchanged within 30 seconds; half a version does not help."""
        for inbound in (False, True):
            raw = self.made(inbound=inbound)
            raw.read()
            raw.send(raw.frame(raw.version())[:50])
            self.let_pass(29.5)
            self.assertFalse(raw.hung_up)
            self.let_pass(1)
            self.assertIsInstance(self.why(raw), HandshakeTimeout)
            self.assertIsNone(self.told(raw))

    def test_witness(self) -> None:
        """Transactions are read with their witnesses from a peer that has the service."""
        entry = by_label("tx-witness-read-base")
        for services, seen in ((9, True), (1, False)):
            raw = self.open(says={"services": services})
            raw.send(raw.peer.network.envelope.wrap(frame_of(entry)[4:16], frame_of(entry)[24:]))
            (found,) = self.heard(raw).heard("on_tx")
            assert isinstance(found, Tx)
            self.assertEqual(found.has_witness, seen)

    def test_height_fails(self) -> None:
        """A height that cannot be told ends the handshake, and the fault is ours."""

        def fail() -> int:
            raise RuntimeError("no height")

        raw = self.made(height=fail)
        self.assertEqual(len(self.flushLoggedErrors(RuntimeError)), 1)
        self.assertIs(self.why(raw).reason, Reason.LOCAL_ERROR)
        raw.peer.disconnect()
        raw.peer.send(ASK)
        self.failureResultOf(raw.peer.request(ASK), PeerError)

    def test_long_user_agent(self) -> None:
        """Of a user agent 240 bytes fit; more is told when the peers are set up."""
        self.open(user_agent="x" * 240)
        with self.assertRaisesRegex(LocalError, "version: payload of 359 bytes, at most 358 allowed"):
            self.made(user_agent="x" * 241)


class RefusalTests(SoterCase):
    """Whom a peer ends, and what it tells."""

    def refused(
        self, *things: Message | bytes, inbound: bool = True, **options: Any
    ) -> tuple[PeerError, Any]:
        """Why a new peer ends when it hears something, and what it tells."""
        raw = self.made(inbound=inbound, **options)
        raw.read()
        raw.send(*things)
        return self.why(raw), self.told(raw)

    def version(self, network: str = "soter-regtest", **changes: Any) -> Message:
        """A version."""
        raw = self.made()
        version = raw.version(**changes)
        assert isinstance(version, Version)
        version.genesis_hash = network_of({"network": "soter", "net": network.partition("-")[2]}).genesis
        return version

    def test_first_is_no_version(self) -> None:
        """What came instead is named, with a hash of zeros where a reject must have one."""
        for entry in golden():
            if entry["command"] in ("tx", "block", "verack", "ping", "inv") and entry["pver"] == 70013:
                command = entry["command"]
                frame = codec_of({**entry, "net": "regtest"}).envelope.wrap(
                    frame_of(entry)[4:16], frame_of(entry)[24:]
                )
                for inbound in (True, False):
                    error, told = self.refused(frame, inbound=inbound)
                    self.assertIsInstance(error, VersionExpected)
                    text = "a version message must precede all others"
                    self.assertEqual(told, Reject(command, 0x01, text))

    def test_first_cannot_be_read(self) -> None:
        """Before their version nothing is said of what cannot be read."""
        envelope = self.made().peer.network.envelope
        for frame, kind in (
            (envelope.wrap(b"bogus".ljust(12, b"\0"), b""), UnknownCommand),
            (envelope.wrap(b"version".ljust(12, b"\0"), b"\1"), MalformedMessage),
            (bytes(24), MalformedMessage),
        ):
            error, told = self.refused(frame)
            self.assertIsInstance(error, kind)
            self.assertIsNone(told)

    def test_genesis(self) -> None:
        """Another genesis block, or none: refused, and told before our version is."""
        for net in ("mainnet", "testnet", "simnet"):
            for inbound in (True, False):
                error, told = self.refused(self.version(f"soter-{net}"), inbound=inbound)
                self.assertIsInstance(error, Refused)
                self.assertIs(error.reason, Reason.WRONG_NETWORK)
                self.assertEqual((told.cmd, told.code), ("version", 0x10))
                self.assertRegex(
                    told.reason, "^peer genesis block hash different from ours .*[0-9a-f]{64} != 0f9188"
                )
        cut = codec_of({**golden()[0], "net": "regtest"}).encode(self.version())[24:]
        error, told = self.refused(
            self.made().peer.network.envelope.wrap(b"version".ljust(12, b"\0"), cut[:46])
        )
        self.assertIn("000000 != 0f9188", told.reason)

    def test_major_version(self) -> None:
        """Another major version of the program that we run is refused."""
        ours = "/soterwire:0.6.0/peer:1.2.3(a; b)/"
        for theirs in (
            "/soterwire:0.6.0/peer:0.3.1/",
            "/peer:2.0.0/",
            "/peer:10.0.0-rc.1+x(1.0.0)/",
            "peer:0.0.0",
            "/peer:1.0.0/peer:2.0.0/",
        ):
            error, told = self.refused(self.version(user_agent=theirs), user_agent=ours)
            self.assertIsInstance(error, Refused)
            self.assertIs(error.reason, Reason.OBSOLETE)
            self.assertEqual((told.cmd, told.code), ("version", 0x10))
            self.assertRegex(told.reason, "^peer version .* is incompatible with our version 1.2.3$")

    def test_other_agents(self) -> None:
        """The same major version, other programs and what is no semantic version are none of our business."""
        for theirs in (
            "/soterwire:0.6.0/peer:1.9.0/",
            "/soterwire:7.0.0/",
            "/Peer:2.0.0/",
            "/peer:2/",
            "/peer:2.0/",
            "/peer:02.0.0/",
            "/peer:2.0.0.0/",
            "/2.0.0/",
            "/peer(:2.0.0)/",
            "/peer:2.0.0/peer:1.0.0(later wins)/",
            "\udcff\0/\n",
            "",
        ):
            raw = self.open(user_agent="/soterwire:0.6.0/peer:1.2.3/", says={"user_agent": theirs})
            self.assertEqual(raw.peer.state, State.READY, theirs)
        raw = self.open(user_agent="anything", says={"user_agent": "/peer:2.0.0/"})
        self.assertEqual(raw.peer.state, State.READY)

    def test_old_version(self) -> None:
        """What is too old to be told is not told; genesis and program are looked at first."""
        for pver in (0, 1, 208):
            error, told = self.refused(self.version(protocol_version=pver))
            self.assertIsInstance(error, VersionTooOld)
            self.assertIsNone(told)
        error, told = self.refused(self.version("soter-simnet", protocol_version=1))
        self.assertEqual((type(error), told.code), (Refused, 0x10))

    def test_obsolete_is_told(self) -> None:
        """If versions that know a reject were too old one day, it would be told."""
        network = self.made().peer.network
        told = network.reject(VersionTooOld("protocol version 70001, 70002 or greater is asked"))
        assert isinstance(told, Reject)
        self.assertEqual((told.cmd, told.code), ("version", 0x11))
        self.assertIsNone(network.reject(PeerStalled("no answer")))

    def test_self(self) -> None:
        """Our own nonce ends it, and nothing is told."""
        nonces = Nonces()
        nonces.add(77)
        error, told = self.refused(self.version("soter-simnet", nonce=77), nonces=nonces)
        self.assertIsInstance(error, SelfConnection)
        self.assertIsNone(told)

    def test_second_version(self) -> None:
        """A second version is told, before their verack and after it."""
        for verack in ((), (VerAck(),)):
            raw = self.made()
            raw.send(raw.version(), *verack)
            raw.read()
            raw.send(raw.version())
            self.assertIsInstance(self.why(raw), DuplicateVersion)
            self.assertEqual(self.told(raw), Reject("version", 0x12, "duplicate version message"))

    def test_second_verack(self) -> None:
        """A second verack ends it, and nothing is told."""
        raw = self.open()
        raw.send(VerAck())
        self.assertIsInstance(self.why(raw), DuplicateVerack)
        self.assertIsNone(self.told(raw))

    def test_malformed(self) -> None:
        """What cannot be read ends an open peer, an unknown command too, and is told from version 70002 on."""
        for pver, says in ((70013, True), (70002, True), (70001, False)):
            for verack in ((), (VerAck(),)):
                for frame in (b"bogus", b"ping"):
                    raw = self.made()
                    raw.send(raw.version(protocol_version=pver), *verack)
                    raw.read()
                    raw.send(raw.peer.network.envelope.wrap(frame.ljust(12, b"\0"), b""))
                    self.assertIsInstance(self.why(raw), MalformedMessage)
                    told = self.told(raw)
                    self.assertEqual(told is not None, says)
                    if told:
                        self.assertEqual((told.cmd, told.code), ("malformed", 0x01))
                        self.assertRegex(told.reason, "^Can't read message: (bogus|ping): ")

    def test_found_later(self) -> None:
        """What is found malformed when somebody looks ends the peer in the same way."""
        raw = self.open(listener=Recorder({"on_headers": lambda peer, message: message.headers}))
        raw.send(raw.peer.network.envelope.wrap(b"headers".ljust(12, b"\0"), b"\1" + bytes(80) + b"\1"))
        self.assertIsInstance(self.why(raw), MalformedMessage)
        told = self.told(raw)
        assert told is not None
        self.assertEqual(told.cmd, "malformed")

    def test_not_for_this_version(self) -> None:
        """A message of ours that the peer's version does not know is our mistake; the peer lives on."""
        raw = self.open(says={"protocol_version": 70001})
        self.assertRaisesRegex(LocalError, "70013 on, not at 70001", raw.peer.send, FeeFilter(1))
        self.assertFalse(raw.hung_up)


class HearingTests(SoterCase):
    """What an open peer hears."""

    def test_every_message(self) -> None:
        """Each message is heard once, by its own method, also getaddrcache, addrcache and cfcheckpt."""
        heard = set()
        for entry in golden():
            if entry["pver"] != 70013 or entry["command"] in ("version", "verack"):
                continue
            raw = self.open(says={"services": 13 if entry["encoding"] == "witness" else 5}, services=4)
            raw.send(raw.peer.network.envelope.wrap(frame_of(entry)[4:16], frame_of(entry)[24:]))
            (message,) = self.heard(raw).heard(f"on_{entry['command']}")
            self.assertEqual(message.to_fields(), entry["fields"], entry["label"])
            self.assertEqual(len(self.heard(raw).events), 4)
            self.assertFalse(raw.hung_up)
            heard.add(entry["command"])
        self.assertEqual(len(heard), 29)
        self.assertEqual(self.heard(raw).names[:3], ["on_version", "on_ready", "on_verack"])

    def test_ping(self) -> None:
        """A ping is answered with its nonce; up to version 60000 it has none and no answer."""
        for pver, answers in ((70013, [Pong(5)]), (60001, [Pong(5)]), (60000, [])):
            raw = self.open(says={"protocol_version": pver})
            raw.send(Ping(5))
            self.assertEqual(raw.read(), answers)

    def test_replies(self) -> None:
        """A peer that nobody listens to says that it has nothing: the other side would end it otherwise."""
        wanted = [InvVect(MSG_BLOCK, HASHES[0], 3), InvVect(MSG_TX, HASHES[1])]
        questions = (ASK, MemPool(), GetData(wanted), GetHeaders(70013, [0], ZERO), GetAddrCache())
        answers = [Inv([]), Inv([]), NotFound(wanted), Headers([]), AddrCache([], [], [])]
        raw = RawPeer(memory_factory(self.made().peer.network, None, services=4))
        raw.handshake()
        raw.send(*questions, GetAddr(), SendHeaders())
        self.assertEqual(raw.read(), answers)
        raw.close()
        raw = self.open(services=4)
        raw.send(*questions)
        self.assertEqual(raw.read(), [])

    def test_addresses_are_told(self) -> None:
        """Addresses that are known are told in an addr."""
        gossip = self.made().peer.network.gossip
        assert gossip is not None
        self.assertIs(gossip.asking, GetAddr)
        told = gossip.tell([Known("192.0.2.7", 8333, 9, 1_600_000_000)], (), 70013)
        assert isinstance(told, Addr)
        self.assertEqual(tuple(told.addr_list[0]), (1_600_000_000, 9, "192.0.2.7", 8333))


class TimeTests(SoterCase):
    """How long a peer waits."""

    def lasts(self, raw: RawPeer, seconds: float) -> None:
        """The peer stalls after so many seconds, and not before; nothing is told."""
        self.let_pass(seconds - 0.5)
        self.assertFalse(raw.hung_up)
        self.let_pass(1)
        self.assertIsInstance(self.why(raw), PeerStalled)
        self.assertNotIn("reject", self.commands(raw))

    def test_stalls(self) -> None:
        """Of a request that was sent a second after the opening the 45th second is the end, of headers the 105th."""
        vectors = [InvVect(MSG_BLOCK, item) for item in HASHES[:2]]
        for message, seconds in (
            (ASK, 45),
            (MemPool(), 45),
            (GetData(vectors), 45),
            (GetHeaders(70013, [0], ZERO), 105),
        ):
            raw = self.open()
            self.let_pass(1)
            raw.peer.send(message)
            self.lasts(raw, seconds - 1)

    def test_queued_in_the_handshake(self) -> None:
        """What was held back until the opening is overdue at the 30th second."""
        raw = self.made()
        raw.peer.send(ASK)
        raw.handshake()
        self.lasts(raw, 30)

    def test_not_watched(self) -> None:
        """Other requests may stay without an answer."""
        raw = self.open()
        for message in (GetAddr(), GetAddrCache(), GetCFCheckpt(0, ZERO), Ping(1)):
            raw.peer.send(message)
        self.let_pass(110)
        self.assertFalse(raw.hung_up)

    def test_one_answers_for_the_group(self) -> None:
        """Any of block, tx, merkleblock and notfound answers a whole getdata, as far as the peer's life goes."""
        raw = self.open()
        raw.peer.send(GetData([InvVect(MSG_BLOCK, item) for item in HASHES[:2]]))
        raw.send(NotFound([InvVect(MSG_BLOCK, HASHES[0], 8)]))
        self.let_pass(100)
        self.assertFalse(raw.hung_up)

    def test_pings(self) -> None:
        """A ping every two minutes, whatever comes; five minutes of silence are the end, reckoned from a message."""
        raw = self.open()
        self.let_pass(50)
        raw.send(SendHeaders())
        self.let_pass(299.5)
        self.assertEqual((self.commands(raw), raw.hung_up), (["ping", "ping"], False))
        self.let_pass(1)
        self.assertIsInstance(self.why(raw), PeerIdle)


class PairTests(SoterCase):
    """Two peers of the network."""

    def pair(self, **answers: Any) -> Pair:
        """An outbound and an inbound one, which answers; the handshake is done."""
        network = network_of(mined()[0])
        listener = Recorder(answers)
        both = {"services": 13}
        pair = Pair(
            network, outbound=both, inbound={**both, "listener": listener, "height": 4}, clock=self.clock
        )
        pair.deliver()
        return pair

    def test_handshake(self) -> None:
        """Both become ready at any chunking, and say the same of each other."""
        for chunk in (None, 1, 7):
            pair = Pair(network_of(mined()[0]), outbound={"services": 9}, clock=self.clock)
            pair.deliver(chunk)
            for peer in (pair.outbound, pair.inbound):
                self.assertEqual((peer.state, peer.protocol_version), (State.READY, 70013))
            self.assertEqual((pair.inbound.codec.witness, pair.outbound.codec.witness), (True, False))
            sent, received = pair.outbound.snapshot(), pair.inbound.snapshot()
            self.assertEqual(sent.bytes_sent, received.bytes_received)
            self.assertEqual(sent.bytes_received, received.bytes_sent)
            pair.cut()

    def test_ping(self) -> None:
        """The time to the other side and back is measured."""
        pair = self.pair()
        waiting = pair.outbound.ping()
        pair.advance(0.25)
        self.assertEqual(self.successResultOf(waiting), 0.25)
        pair.cut()

    def test_sync(self) -> None:
        """Blocks are found by their heights, asked for by their hashes, and the ones that are not there are told."""
        entries = mined()
        blocks = {block.block_hash: block for block in map(block_of, entries)}

        def tell(peer: Any, message: GetBlocks) -> None:
            (height,) = message.block_locator_height
            higher = [entry for entry in entries if entry["height"] > height]
            found = [InvVect(MSG_BLOCK, block_of(entry).block_hash, entry["height"]) for entry in higher]
            peer.send(Inv([*found]))

        def bring(peer: Any, message: GetData) -> None:
            self.assertEqual({vector.type for vector in message.inv_list}, {MSG_WITNESS_BLOCK})
            for vector in message.inv_list:
                peer.send(blocks[vector.hash] if vector.hash in blocks else NotFound([vector]))

        pair = self.pair(on_getblocks=tell, on_getdata=bring)
        asking = pair.outbound.request(GetBlocks(70013, [1], ZERO))
        pair.deliver()
        told = self.successResultOf(asking)
        self.assertEqual([vector.height for vector in told.inv_list], [2, 3, 4, 5][: len(told.inv_list)])
        wanted = [vector.hash for vector in told.inv_list]
        bringing = pair.outbound.request_blocks([*wanted, HASHES[0]])
        pair.deliver()
        *found, missing = self.successResultOf(bringing)
        self.assertEqual([block.block_hash for block in found], wanted)
        self.assertTrue(all(block.has_its_parents for block in found))
        self.assertIs(missing.reason, Reason.NOT_FOUND)
        pair.cut()

    def test_transactions(self) -> None:
        """A transaction is announced without a height, and answered under its hash with its witness."""
        entry = by_label("tx-witness")
        found = codec_of(entry).decode(frame_of(entry))
        assert isinstance(found, Tx)
        pair = self.pair(on_getdata=lambda peer, message: peer.send(found))
        pair.inbound.send(Inv([InvVect(MSG_TX, found.tx_hash)]))
        pair.deliver()
        (told,) = pair.outbound_heard.heard("on_inv")
        self.assertEqual(told.inv_list[0].height, -1)
        asking = pair.outbound.request(GetData(told.inv_list))
        pair.deliver()
        (brought,) = self.successResultOf(asking)
        self.assertEqual(brought.witness_hash, found.witness_hash)
        pair.cut()

    def test_other_answers(self) -> None:
        """Every request has its own answer: addresses, headers, those of filters, and a filtered block."""
        answers: dict[str, Message] = {}
        for label in (
            "addr-3",
            "addrcache-2-1-3",
            "headers-3",
            "cfheaders-3",
            "cfcheckpt-3",
            "inv-7",
        ):
            entry = by_label(label)
            answers[entry["command"]] = codec_of(entry).decode(frame_of(entry))
        entry = by_label("merkleblock-1")
        filtered = codec_of(entry).decode(frame_of(entry))

        def answer(command: str) -> Any:
            return lambda peer, message: peer.send(answers[command])

        pair = self.pair(
            on_getaddr=answer("addr"),
            on_getaddrcache=answer("addrcache"),
            on_getheaders=answer("headers"),
            on_getcfheaders=answer("cfheaders"),
            on_getcfcheckpt=answer("cfcheckpt"),
            on_mempool=answer("inv"),
            on_getdata=lambda peer, message: peer.send(filtered),
        )
        network = pair.outbound.network
        questions = {
            "addr": GetAddr(),
            "addrcache": GetAddrCache(),
            "headers": GetHeaders(70013, [1], ZERO),
            "cfheaders": codec_of(by_label("getcfheaders-0")).decode(frame_of(by_label("getcfheaders-0"))),
            "cfcheckpt": GetCFCheckpt(0, ZERO),
            "inv": MemPool(),
        }
        for command, question in questions.items():
            asking = pair.outbound.request(question)
            pair.deliver()
            self.assertEqual(self.successResultOf(asking), answers[command])
        (key,) = network.item_keys(filtered)
        asking = pair.outbound.request(GetData([InvVect(3, key[1]), InvVect(99, HASHES[0])]))
        pair.deliver()
        self.clock.pump([1.0] * 31)
        found, late = self.successResultOf(asking)
        self.assertEqual((found, late.reason), (filtered, Reason.STALLED))
        self.assertEqual(network.item_keys(Ping(1)), ())
        pair.cut()
