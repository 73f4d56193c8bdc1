"""Tests of what peers are told unasked, on every network in its own way."""

from __future__ import annotations

from dataclasses import replace
from random import Random
from typing import Any

from twisted.internet.defer import Deferred
from twisted.logger import LogEvent, globalLogPublisher

from peerproto.errors import LocalError, PeerLost, PeerStalled
from peerproto.forms.gossip import Known
from peerproto.forms.phrases import Phrases
from peerproto.networks import bitcoin, decred, kaspa, neo, soter
from peerproto.networks.kaspa import subnetworks
from peerproto.testing import RawPeer
from peerproto.wire.onion import onion_name
from tests.everywhere import WAYS, EverywhereCase, module_of
from tests.peer_case import HASHES

ZERO = bytes(32)
REJECTING = ("btcd", "core", "litecoin", "dcrd1", "soterd", "kaspad")
INVALID = 0x10


def addresses(count: int, first: int = 0) -> list[Known]:
    """So many addresses, no two alike."""
    numbers = range(first, first + count)
    return [Known(f"10.{at >> 16}.{at >> 8 & 255}.{at & 255}", 8333, 1, 1_500_000_000) for at in numbers]


def told_in(message: Any) -> list[str]:
    """The hosts of a message of addresses."""
    if isinstance(message, bitcoin.AddrV2 | decred.AddrV2):
        return [getattr(item, "addr", None) or item.host for item in message.addr_list]
    return [item.ip for item in message.addr_list]


def hosts(known: list[Known]) -> list[str]:
    return [item.host for item in known]


class PushingCase(EverywhereCase):
    """Peers, and what is logged of them."""

    def logged(self) -> list[LogEvent]:
        """What is logged from now on."""
        events: list[LogEvent] = []
        globalLogPublisher.addObserver(events.append)
        self.addCleanup(globalLogPublisher.removeObserver, events.append)
        return events

    def refused(self, call: Any, *arguments: Any) -> str:
        """What the LocalError says that a call raises."""
        with self.assertRaises(LocalError) as caught:
            call(*arguments)
        return str(caught.exception)


class AddressTests(PushingCase):
    """Addresses."""

    def test_few(self) -> None:
        """What goes into one message goes out as it is, in its order; that is returned too."""
        known = addresses(3)
        for _, raw in self.everywhere():
            self.assertEqual(raw.peer.push_addresses(known), known)
            (told,) = raw.read()
            self.assertEqual(told_in(told), hosts(known))
        self.assertEqual(known, addresses(3))

    def test_many(self) -> None:
        """Of more as many as a message has are taken by chance, no two of them the same; the caller's list stays."""
        for way in WAYS:
            raw = self.on(way, random=Random(3).getrandbits)
            gossip = raw.peer.network.phrases.addresses
            assert gossip is not None
            known = addresses(1500)
            sent = raw.peer.push_addresses(known)
            (told,) = raw.read()
            self.assertEqual(told_in(told), hosts(sent))
            self.assertEqual((len(sent), len(set(sent))), (gossip.most, gossip.most))
            self.assertLessEqual(set(sent), set(known))
            self.assertNotEqual(sent, known[: gossip.most])
            self.assertGreater(len(set(sent) - set(known[: gossip.most])), gossip.most // 6)
            self.assertEqual(known, addresses(1500))

    def test_chance(self) -> None:
        """The choice is that of the random numbers that the factory is given."""
        choices = [
            self.on("neo-cli", random=Random(seed).getrandbits).peer.push_addresses(addresses(300))
            for seed in (1, 1, 2)
        ]
        self.assertEqual(choices[0], choices[1])
        self.assertNotEqual(choices[0], choices[2])
        in_order = self.on("neo-cli", random=lambda bits: 0).peer.push_addresses(addresses(300))
        self.assertEqual(in_order, addresses(200))
        whole = self.on("neo-cli", random=lambda bits: 100)
        self.assertIn(addresses(201)[200], whole.peer.push_addresses(addresses(201)))

    def test_returned_list(self) -> None:
        """What the caller does to the list that he gets changes nothing of what is sent later."""
        raw = self.made("btcd")
        raw.peer.push_addresses(addresses(2)).clear()
        *_, told = raw.handshake()
        self.assertEqual(told_in(told), hosts(addresses(2)))

    def test_none(self) -> None:
        """For none nothing is sent; Kaspa says that there are none."""
        for way, raw in self.everywhere():
            self.assertEqual(raw.peer.push_addresses([]), [])
            self.assertEqual(raw.read(), [kaspa.Addr(False, None, [])] if way == "kaspad" else [])

    def test_ended(self) -> None:
        """A peer that has ended is told nothing."""
        for _, raw in self.everywhere():
            raw.peer.disconnect()
            self.assertEqual(raw.peer.push_addresses(addresses(1)), [])
            self.assertEqual(raw.read(), [])

    def test_held_back(self) -> None:
        """Before the handshake is done they wait, and then go in the message that it has settled on."""
        raw = self.made("btcd")
        raw.peer.push_addresses(addresses(1))
        raw.send(raw.version())
        raw.send(bitcoin.SendAddrV2(), bitcoin.VerAck())
        self.assertIsInstance(raw.read()[-1], bitcoin.AddrV2)
        lost = self.made("btcd")
        self.assertEqual(lost.peer.push_addresses(addresses(1)), addresses(1))
        lost.close()

    def test_held_back_and_wrong(self) -> None:
        """What turns out then not to go into that message is told to the log, and nothing else of the peer suffers."""
        events = self.logged()
        raw = self.made("dcrd")
        raw.peer.push_addresses([replace(addresses(1)[0], host="no such host")])
        raw.handshake()
        self.assertFalse(raw.hung_up)
        (told,) = [event for event in events if "held back" in event["log_format"]]
        self.assertIn("no such host", told["error"])

    def test_wrong(self) -> None:
        """A host that a message has no place for is the caller's mistake, in one line; nothing is sent."""
        for way, raw in self.everywhere():
            with self.assertRaises(LocalError) as caught:
                raw.peer.push_addresses([replace(addresses(1)[0], host="no such host")])
            self.assertEqual(str(caught.exception).count("\n"), 0, way)
            self.assertIn("no such host", str(caught.exception), way)
            self.assertEqual(raw.read(), [], way)

    def test_tor(self) -> None:
        """Addresses of Tor go into an addrv2; an addr has no place for them."""
        known = [replace(addresses(1)[0], host=onion_name(bytes(range(32))))]
        for way in ("btcd", "dcrd"):
            raw = self.made(way)
            raw.send(raw.version())
            raw.send(*[bitcoin.SendAddrV2()] * (way == "btcd"), raw.peer.network.verack())
            raw.read()
            raw.peer.push_addresses(known)
            (told,) = raw.read()
            self.assertEqual((told.command, told_in(told)), ("addrv2", hosts(known)))
        for way in ("btcd", "dcrd1", "neo-cli"):
            self.assertIn(".onion", self.refused(self.on(way).peer.push_addresses, known))

    def test_versions(self) -> None:
        """A Decred peer is told by addrv2 where its version has that, else by addr."""
        for pver, kind in ((11, decred.Addr), (12, decred.AddrV2)):
            raw = self.on("dcrd", says={"protocol_version": pver})
            raw.peer.push_addresses(addresses(1))
            self.assertEqual([type(message) for message in raw.read()], [kind])

    def test_subnetwork(self) -> None:
        """Kaspa can say whose they are; other networks have no subnetworks."""
        for way, raw in self.everywhere():
            if way == "kaspad":
                raw.peer.push_addresses(addresses(1), subnetworks.REGISTRY)
                (told,) = raw.read()
                assert isinstance(told, kaspa.Addr)
                self.assertEqual(
                    (told.include_all_subnetworks, told.subnetwork_id), (False, subnetworks.REGISTRY)
                )
                self.assertEqual(told_in(told), hosts(addresses(1)))
            else:
                line = self.refused(raw.peer.push_addresses, addresses(1), bytes(20))
                self.assertEqual(line, f"{raw.peer.network.name} has no subnetworks")

    def test_no_addresses(self) -> None:
        """A network without addresses says so."""
        raw = self.on("btcd", network=replace(WAYS["btcd"], phrases=Phrases()))
        self.assertEqual(
            self.refused(raw.peer.push_addresses, []), "bitcoin-regtest has no addresses to tell"
        )


class CacheTests(PushingCase):
    """Soter's addrcache."""

    def parts(self, raw: RawPeer) -> list[list[int]]:
        """How many inbound, outbound and known ones each message has."""
        found: list[Any] = raw.read()
        return [[len(item.inbound), len(item.outbound), len(item.known)] for item in found]

    def test_full_messages(self) -> None:
        """Messages are full but for the last: first with outbound ones, then inbound, then known, in their order."""
        raw = self.on("soterd")
        inbound, outbound, known = addresses(900), addresses(300, 1000), addresses(1900, 2000)
        raw.peer.push_addrcache(inbound, outbound, known)
        found: list[Any] = raw.read()
        for name, wanted in (("inbound", inbound), ("outbound", outbound), ("known", known)):
            told = [item.ip for message in found for item in getattr(message, name)]
            self.assertEqual(told, hosts(wanted))
        raw.peer.push_addrcache(inbound, outbound, known)
        self.assertEqual(self.parts(raw), [[700, 300, 0], [200, 0, 800], [0, 0, 1000], [0, 0, 100]])
        raw.peer.push_addrcache([], [], addresses(1000))
        self.assertEqual(self.parts(raw), [[0, 0, 1000]])

    def test_none(self) -> None:
        """For none nothing is sent, nor after the end; other networks have no such message."""
        raw = self.on("soterd")
        raw.peer.push_addrcache([], [], [])
        raw.peer.disconnect()
        raw.peer.push_addrcache(addresses(1), [], [])
        self.assertEqual(raw.read(), [])
        for _, other in self.everywhere(("btcd", "dcrd", "kaspad", "neo-cli")):
            line = self.refused(other.peer.push_addrcache, [], [], [])
            self.assertEqual(line, f"{other.peer.network.name} has no addrcache")


class LocatorTests(PushingCase):
    """Getheaders and getblocks, whose repetitions are left out as each network has it."""

    def sent(self, raw: RawPeer, push: Any, *questions: tuple[Any, ...]) -> list[bool]:
        """Which of some questions are sent, in the order of asking; as it is said, and as it is."""
        found = []
        for question in questions:
            said = push(*question)
            self.assertEqual(len(raw.read()), said)
            found.append(said)
        return found

    def test_by_hashes(self) -> None:
        """A question that has the first hash and the stop of the one before is left out; of another kind, or after
        another, or without a locator, it is none that repeats.
        """
        first, second = HASHES[:2], HASHES[1:3]
        for _, raw in self.everywhere(("btcd", "core", "litecoin", "dcrd", "dcrd1")):
            for push in (raw.peer.push_getheaders, raw.peer.push_getblocks):
                questions = [
                    (first,),
                    (first,),
                    (first[:1],),
                    (first, HASHES[4]),
                    (first,),
                    (second,),
                    (second, ZERO),
                ]
                self.assertEqual(
                    self.sent(raw, push, *questions), [True, False, False, True, True, True, False]
                )
                self.assertEqual(self.sent(raw, push, ([],), ([],), (second,), ([],)), [True] * 4)

    def test_what_is_sent(self) -> None:
        """The locator, the stop and the version are in the message; dcrd leaves the version of getheaders zero."""
        for way, raw in self.everywhere(("btcd", "dcrd")):
            kinds = module_of(raw.peer.network)
            raw.peer.push_getheaders(HASHES[:2], HASHES[4])
            raw.peer.push_getblocks(HASHES[:2], HASHES[4])
            pver = raw.peer.protocol_version
            expected = [
                kinds.GetHeaders(0 if way == "dcrd" else pver, HASHES[:2], HASHES[4]),
                kinds.GetBlocks(pver, HASHES[:2], HASHES[4]),
            ]
            self.assertEqual(raw.read(), expected)

    def test_too_long(self) -> None:
        """Of more than 500 hashes nothing is sent, and nothing remembered."""
        for _, raw in self.everywhere(("btcd", "core", "dcrd", "dcrd1")):
            for push in (raw.peer.push_getheaders, raw.peer.push_getblocks):
                self.refused(push, [HASHES[0]] * 501)
                self.assertEqual(self.sent(raw, push, ([HASHES[0]] * 500,)), [True])

    def test_by_height(self) -> None:
        """Soter's locators are heights, one at most. Getblocks with a zero stop is always sent, since there may be more
        by then; getheaders is not.
        """
        stop, other = HASHES[:2]
        raw = self.on("soterd")
        questions = [
            ([5],),
            ([5],),
            ([5], stop),
            ([5], stop),
            ([6], stop),
            ([6], other),
            ([],),
            ([],),
            ([], stop),
        ]
        blocks = self.sent(raw, raw.peer.push_getblocks, *questions, ([], stop))
        self.assertEqual(blocks, [True, True, True, False, True, True, True, True, True, True])
        headers = self.sent(raw, raw.peer.push_getheaders, *questions, ([], stop))
        self.assertEqual(headers, [True, False, True, False, True, True, True, True, True, True])
        for push in (raw.peer.push_getblocks, raw.peer.push_getheaders):
            self.refused(push, [5, 6])
        raw.peer.push_getheaders([9])
        raw.peer.push_getblocks([9])
        self.assertEqual(raw.read(), [soter.GetHeaders(0, [9], ZERO), soter.GetBlocks(70013, [9], ZERO)])

    def test_one_start(self) -> None:
        """NEO is asked from one block on, and nothing counts as repeated."""
        raw = self.on("neo-cli")
        for push, kind in (
            (raw.peer.push_getheaders, neo.GetHeaders),
            (raw.peer.push_getblocks, neo.GetBlocks),
        ):
            self.assertEqual([push(HASHES[:2]), push(HASHES[:2])], [True, True])
            self.assertEqual(raw.read(), [kind(HASHES[:1], ZERO)] * 2)
            self.refused(push, [])

    def test_graph(self) -> None:
        """Kaspa has neither: one line says so."""
        raw = self.on("kaspad")
        self.assertEqual(self.refused(raw.peer.push_getheaders, HASHES), "kaspa-regtest has no getheaders")
        self.assertEqual(self.refused(raw.peer.push_getblocks, HASHES), "kaspa-regtest has no getblocks")

    def test_expected(self) -> None:
        """An answer is owed as to any question, unless none is expected."""
        for expect in (True, False):
            raw = self.on("btcd")
            raw.peer.push_getblocks(HASHES, expect=expect)
            self.let_pass(46)
            self.assertEqual(raw.hung_up, expect)
            self.assertEqual(isinstance(raw.peer.ending, PeerStalled), expect)

    def test_held_back(self) -> None:
        """Before the handshake is done they wait, in the order of asking and without repetitions."""
        raw = self.made("btcd")
        said = [raw.peer.push_getheaders(HASHES[:count]) for count in (1, 2)]
        raw.peer.push_getblocks(HASHES)
        self.assertEqual(said, [True, False])
        self.assertEqual([message.command for message in raw.handshake()][-2:], ["getheaders", "getblocks"])

    def test_ended(self) -> None:
        """A peer that has ended is asked nothing."""
        raw = self.on("btcd")
        raw.peer.disconnect()
        self.assertIs(raw.peer.push_getheaders(HASHES), False)
        self.assertEqual(raw.read(), [])


class GraphTests(PushingCase):
    """Kaspa's own."""

    def test_getblockinvs(self) -> None:
        """A pair of blocks that was just asked is not asked again: A, A, B, A goes out as A, B, A."""
        raw = self.on("kaspad")
        one, other = (HASHES[0], HASHES[1]), (HASHES[0], HASHES[2])
        said = [raw.peer.push_getblockinvs(*pair) for pair in (one, one, other, one)]
        self.assertEqual(said, [True, False, True, True])
        self.assertEqual(raw.read(), [kaspa.GetBlockInvs(*pair) for pair in (one, other, one)])
        self.let_pass(46)
        self.assertIsInstance(raw.peer.ending, PeerStalled)

    def test_getlocator(self) -> None:
        """A locator is asked as often as one likes, high hash first; the peer is marked until somebody sets it back."""
        raw = self.on("kaspad")
        self.assertFalse(raw.peer.locator_requested)
        for _ in range(2):
            self.assertTrue(raw.peer.push_getlocator(HASHES[1], HASHES[0]))
        self.assertEqual(raw.read(), [kaspa.GetBlockLocator(HASHES[1], HASHES[0])] * 2)
        self.assertTrue(raw.peer.locator_requested)
        raw.send(kaspa.BlockLocator([]))
        self.assertTrue(raw.peer.locator_requested)
        raw.peer.locator_requested = False
        raw.peer.disconnect()
        self.assertFalse(raw.peer.push_getlocator(HASHES[1], HASHES[0]))
        self.assertFalse(raw.peer.locator_requested)

    def test_locator(self) -> None:
        """A locator is told of at most 500 hashes; of more nothing is sent."""
        raw = self.on("kaspad")
        self.assertTrue(raw.peer.push_locator(HASHES))
        self.assertTrue(raw.peer.push_locator(HASHES))
        self.assertEqual(raw.read(), [kaspa.BlockLocator(HASHES)] * 2)
        self.refused(raw.peer.push_locator, [ZERO] * 501)
        self.assertEqual(raw.read(), [])

    def test_chains(self) -> None:
        """Networks of chains have none of these."""
        for _, raw in self.everywhere(("btcd", "dcrd", "soterd", "neo-cli")):
            for name, push, said in (
                ("getblockinvs", raw.peer.push_getblockinvs, (ZERO, ZERO)),
                ("getlocator", raw.peer.push_getlocator, (ZERO, ZERO)),
                ("locator", raw.peer.push_locator, ([],)),
            ):
                self.assertEqual(self.refused(push, *said), f"{raw.peer.network.name} has no {name}")


class RejectTests(PushingCase):
    """Rejects."""

    def test_of_messages(self) -> None:
        """The command, the code and the reason go out; a hash only of a tx or a block."""
        for _, raw in self.everywhere(REJECTING):
            raw.peer.push_reject("tx", INVALID, "bad", HASHES[0])
            raw.peer.push_reject("block", INVALID, "bad", HASHES[1])
            raw.peer.push_reject("version", 0x11, "too old", HASHES[2])
            found: list[Any] = raw.read()
            self.assertEqual(
                [(item.cmd, item.code, item.reason, item.hash) for item in found[:2]],
                [("tx", INVALID, "bad", HASHES[0]), ("block", INVALID, "bad", HASHES[1])],
            )
            self.assertEqual((found[2].cmd, found[2].code, found[2].reason), ("version", 0x11, "too old"))
            self.assertIn(found[2].hash, (None, ZERO))

    def test_without_a_hash(self) -> None:
        """That of a tx or a block that names none has zeros; the log has a warning."""
        events = self.logged()
        raw = self.on("btcd")
        raw.peer.push_reject("tx", INVALID, "bad")
        self.assertEqual(raw.read(), [bitcoin.Reject("tx", INVALID, "bad", ZERO)])
        (warning,) = [event for event in events if "names none" in event["log_format"]]
        self.assertEqual((warning["log_level"].name, warning["command"]), ("warn", "tx"))

    def test_waiting(self) -> None:
        """Who waits is told when it is with the socket; when there is nothing to send, at once."""
        raw = self.on("btcd")
        raw.transport.high = 10
        waiting = raw.peer.push_reject("version", INVALID, "bad", wait=True)
        assert isinstance(waiting, Deferred)
        raw.peer.send(bitcoin.Inv([]))
        self.assertEqual(self.commands(raw)[:1], ["reject"])
        self.assertIsNone(self.successResultOf(waiting))
        old = self.on("btcd", says={"protocol_version": 70001})
        self.assertIsNone(self.successResultOf(old.peer.push_reject("version", INVALID, "bad", wait=True)))
        self.assertEqual(old.read(), [])

    def test_old_versions(self) -> None:
        """A peer whose version knows no rejects gets none, whether it is asked before that is known or later."""
        for way in ("btcd", "core", "soterd"):
            raw = self.made(way)
            raw.peer.push_reject("version", INVALID, "bad")
            waiting = raw.peer.push_reject("version", INVALID, "bad", wait=True)
            self.assertNoResult(waiting)
            written = raw.handshake(protocol_version=70001)
            self.assertNotIn("reject", [message.command for message in written])
            self.assertIsNone(self.successResultOf(waiting))
            raw.peer.push_reject("version", INVALID, "bad")
            self.assertEqual(raw.read(), [])

    def test_held_back(self) -> None:
        """Before the handshake is done it waits; it fails with the reason if that is never done."""
        raw = self.made("kaspad")
        raw.peer.push_reject("ping", INVALID, "one")
        waiting = raw.peer.push_reject("ping", INVALID, "two", wait=True)
        told: list[Any] = [message for message in raw.handshake() if message.command == "reject"]
        self.assertEqual([message.reason for message in told], ["one", "two"])
        self.assertIsNone(self.successResultOf(waiting))
        lost = self.made("kaspad")
        lost.peer.push_reject("ping", INVALID, "one")
        waiting = lost.peer.push_reject("ping", INVALID, "two", wait=True)
        lost.close()
        self.failureResultOf(waiting, PeerLost)

    def test_ended(self) -> None:
        """After the end nothing is sent, and who waits hears why."""
        raw = self.on("btcd")
        raw.peer.disconnect()
        self.assertIsNone(raw.peer.push_reject("ping", INVALID, "bad"))
        waiting = raw.peer.push_reject("ping", INVALID, "bad", wait=True)
        self.assertIs(self.failureResultOf(waiting, PeerLost).value, raw.peer.ending)
        self.assertEqual(raw.read(), [])

    def test_wrong(self) -> None:
        """What cannot stand in a reject is the caller's mistake."""
        raw = self.on("dcrd1")
        self.refused(raw.peer.push_reject, "version", INVALID, "\xe9")
        self.refused(raw.peer.push_reject, "tx", INVALID, "bad", b"short")
        self.assertEqual(raw.read(), [])

    def test_none(self) -> None:
        """Today's dcrd has no reject, and that of NEO has no meaning."""
        for _, raw in self.everywhere(("dcrd", "neo-cli")):
            line = self.refused(raw.peer.push_reject, "version", INVALID, "bad")
            self.assertEqual(line, f"{raw.peer.network.name} has no reject")
