"""Tests of the company that a node keeps: what it begins with, what it hears and tells, what it writes down."""

from __future__ import annotations

import os
import sys
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any
from unittest.mock import patch

from twisted.internet.address import IPv4Address, UNIXAddress
from twisted.internet.defer import execute
from twisted.internet.error import ConnectionDone
from twisted.internet.testing import MemoryReactorClock
from twisted.logger import capturedLogs, formatEvent
from twisted.python.failure import Failure
from twisted.trial.unittest import SynchronousTestCase

from peerproto import networks
from peerproto.errors import LocalError, StoreError
from peerproto.forms.gossip import Known
from peerproto.forms.introduction import Introduction
from peerproto.network import Network
from peerproto.networks.bitcoin import Addr, GetAddr, Ping, Pong, TimedAddress
from peerproto.node.company import Company
from peerproto.node.connector import STABLE
from peerproto.node.peersfile import shipped_peers
from peerproto.node.places import Place
from peerproto.node.slots import Limits
from peerproto.node.telling import KEPT
from peerproto.peer.factory import Nonces, PeerFactory
from peerproto.testing import MemoryTransport, RawPeer
from tests.test_dnsseeds import Resolver

NETWORK = networks.named("bitcoin-regtest")
NOW = 1_700_000_000
TOLD = [TimedAddress(NOW, 1, f"192.0.2.{number}", 8333) for number in range(1, 9)]


class CompanyTests(SynchronousTestCase):
    """One node's company, over a reactor in memory."""

    def setUp(self) -> None:
        folder = TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = Path(folder.name)
        self.reactor = MemoryReactorClock()

    def company(self, network: Network = NETWORK, *, services_wanted: int = 0, **options: Any) -> Company:
        """One whose time stands still."""
        self.factory = PeerFactory(
            network,
            clock=self.reactor,
            nonces=Nonces(),
            now=lambda: float(NOW),
            services_wanted=services_wanted,
        )
        return Company(self.reactor, self.factory, **{"now": lambda: float(NOW), **options})

    def file(self, name: str, text: str = "") -> str:
        """The path of a file, written unless there is nothing to write."""
        path = self.folder / name
        if text:
            path.write_text(text)
        return str(path)

    def ready(self, *, inbound: bool = False) -> RawPeer:
        """A peer that has shaken hands."""
        raw = RawPeer(self.factory, inbound=inbound)
        raw.handshake()
        raw.read()
        return raw

    def test_nobody_is_looked_for(self) -> None:
        """Without a number of others nobody is called, and nobody asked; what is told is kept all the same."""
        company = self.company(peers_file=self.file("peers", "127.0.0.1:18444"))
        company.start()
        self.reactor.advance(600)
        self.assertEqual(self.reactor.tcpClients, [])
        raw = self.ready()
        company.manager.roster.watch(raw.peer)
        self.assertEqual(raw.read(), [])
        raw.send(Addr(TOLD))
        taken, crowded_out = len(company.book), company.book.counts["crowded-out"]  # by a key that is drawn
        self.assertEqual(taken + crowded_out, 1 + len(TOLD))
        self.assertGreater(taken, len(TOLD) // 2)
        self.assertEqual(company.connectors, [])
        company.stop()
        raw.close()
        self.successResultOf(company.close())

    def test_looked_for(self) -> None:
        """Those of the file are called; who is ready is asked for others, and those are called too."""
        company = self.company(outbound=2, peers_file=self.file("peers", "127.0.0.1:18444"))
        company.start()
        self.assertEqual([call[:2] for call in self.reactor.tcpClients], [("127.0.0.1", 18444)])
        raw = self.ready()
        company.manager.roster.watch(raw.peer)
        self.assertEqual([message.command for message in raw.read()], ["getaddr"])
        raw.send(Addr(TOLD[:1]))
        self.assertEqual(self.reactor.tcpClients[1][:2], ("192.0.2.1", 8333))
        raw.close()
        self.assertEqual([ended.host for ended in company.book.ended], ["192.0.2.2"])
        company.stop()

    def test_answers(self) -> None:
        """Who has called us hears of some, once, whether we look for others or not."""
        for outbound in (0, 1):
            company = self.company(outbound=outbound)
            company.book.add(list(map(self.known, TOLD)), "test")
            raw = self.ready(inbound=True)
            raw.send(GetAddr(), GetAddr(), Ping(1))
            answer, pong = raw.read()
            assert isinstance(answer, Addr)
            self.assertEqual((len(answer.addr_list), pong), (2, Pong(1)))
            raw.close()

    def test_answers_of_all_networks(self) -> None:
        """On every network that tells addresses: 23 % of them, at most as many as it allows, the same for a day; once
        for each who has called us, never for whom we have called.
        """
        all_networks = map(networks.named, networks.names())
        forms = {id(network.gossip): network for network in all_networks if network.gossip is not None}
        self.assertEqual(len(forms), 5)
        for network in forms.values():
            name, gossip = network.name, network.gossip
            assert gossip is not None
            now = [float(NOW)]
            company = self.company(network, now=lambda: now[0])  # noqa: B023
            for first in range(11, 60):
                known = [Known(f"{first}.{second}.0.1", 8333, 1, NOW) for second in range(120)]
                company.book.add(known, f"{first}.250.0.1")
            share = -(-len(company.book) * 23 // 100)
            self.assertGreater(share, 1000, name)

            def told(inbound: bool = True) -> list[Any]:
                raw = self.ready(inbound=inbound)
                self.patch(raw.transport, "getPeer", lambda: IPv4Address("TCP", "9.9.9.9", 5))
                raw.send(gossip.question(), gossip.question())  # noqa: B023
                answers = [message for message in raw.read() if type(message) in gossip.telling]  # noqa: B023
                raw.close()
                return [sorted(map(str, gossip.telling[type(each)](each))) for each in answers]  # noqa: B023

            (answer,) = told()
            self.assertEqual(len(answer), min(share, gossip.most), name)
            self.assertEqual((told(), told(inbound=False)), ([answer], []))
            now[0] += KEPT
            self.assertNotEqual(told(), [answer])

    def test_called_by_hand(self) -> None:
        """Whom we were told to call is told to others, when he has turned out to be good."""
        company = self.company(connect=["192.0.2.1:18444"], allow_local=True)
        company.start()
        self.assertEqual(len(company.book), 0)
        raw = RawPeer(self.factory)
        raw.peer.manual = True
        company.manager.roster.watch(raw.peer)
        raw.handshake()
        raw.read()
        (entry,) = company.book
        self.assertEqual((entry.place, entry.is_tried), (Place("192.0.2.2", 8333), True))
        raw.close()
        nowhere = RawPeer(self.factory)
        self.patch(nowhere.transport, "getPeer", lambda: UNIXAddress("/tmp/peer"))
        nowhere.peer.manual = True
        company.manager.roster.watch(nowhere.peer)
        nowhere.handshake()
        self.assertEqual(len(company.book), 1)
        nowhere.close()
        company.stop()

    def known(self, address: TimedAddress) -> Any:
        """An address as the book takes it."""
        return Known(address.ip, address.port, address.services, address.timestamp)

    def test_kept(self) -> None:
        """A book in a file is there again the next time; the file of peers counts only for an empty one."""
        book = self.file("book.sqlite")
        first = self.company(book=book, peers_file=self.file("peers", "127.0.0.1:18444"))
        first.start()
        first.stop()
        with patch.object(first._keeper, "_in_thread", execute):
            self.successResultOf(first.close())
        second = self.company(book=book, peers_file=self.file("others", "127.0.0.1:18445"))
        self.assertEqual([entry.place for entry in second.book], [Place("127.0.0.1", 18444)])
        with self.assertRaisesRegex(StoreError, "in use|locked|open"):
            self.company(book=book)
        with capturedLogs() as logs:
            second.start()
        told = [formatEvent(event) for event in logs]
        self.assertEqual(told, [f"addresses are kept in {book}: 1 are known"])
        second.stop()
        with patch.object(second._keeper, "_in_thread", execute):
            self.successResultOf(second.close())

    def test_knows_nobody(self) -> None:
        """Who is to look for others, and knows neither one nor a seed, is told what would help."""
        empty = self.file("empty", "# nobody")
        for options, count in (
            ({}, 1),
            ({"connect": ["127.0.0.1:9"]}, 0),
            ({"seeds": ["a.org"]}, 0),
            ({"peers_file": self.file("peers", "127.0.0.1:18444")}, 0),
            ({"outbound": 0}, 0),
        ):
            self.reactor.nameResolver = Resolver(a_org=["127.0.0.7"])
            company = self.company(**{"outbound": 1, "peers_file": empty, **options})
            with capturedLogs() as logs:
                company.start()
            said = [event for event in logs if "no peer is known" in event["log_format"]]
            self.assertEqual(len(said), count, options)
            company.stop()

    def test_limits(self) -> None:
        """For those who call us there are as many places as is said."""
        company = self.company(limits=Limits(total=1))
        inbound = company.manager.inbound()
        first = inbound.buildProtocol(None)
        self.assertIsNotNone(first)
        self.assertIsNone(inbound.buildProtocol(None))
        self.assertEqual(company.manager.slots.refused, {"full": 1})

    def test_local_addresses(self) -> None:
        """Elsewhere than on local nets loopback is no address to call, unless that is allowed."""
        network = networks.named("bitcoin-mainnet")
        peers = self.file("peers", "127.0.0.1:8333")
        self.assertEqual(len(self.company(network, peers_file=peers).book), 0)
        self.assertEqual(len(self.company(network, peers_file=peers, allow_local=True).book), 1)
        self.company(network).abandon()

    def test_no_such_file(self) -> None:
        """A file of peers that is not there, or says nonsense, is told in one line."""
        with self.assertRaisesRegex(LocalError, "No such file"):
            self.company(peers_file=self.file("none"))
        with self.assertRaisesRegex(LocalError, "nonsense, line 1|nonsense:1"):
            self.company(peers_file=self.file("nonsense", "a b c"))
        with self.assertRaisesRegex(LocalError, "^--seed: 'a b' is no HOST"):
            self.company(seeds=["a b"], book=self.file("book.sqlite"))
        self.assertFalse(os.path.exists(self.file("book.sqlite")))

    def test_seeds(self) -> None:
        """Who knows nobody asks the seeds at once, and calls whom they name; who looks for nobody asks none."""
        resolver = self.reactor.nameResolver = Resolver(a_org=["127.0.0.7"])
        company = self.company(outbound=1, seeds=["a.org:7"])
        company.start()
        self.assertEqual([call[:2] for call in self.reactor.tcpClients], [("127.0.0.7", 7)])
        self.assertEqual([(entry.source, entry.services) for entry in company.book], [("a.org:7", 0)])
        company.stop()
        self.company(seeds=["a.org:7"]).start()
        self.assertEqual(resolver.asked, ["a.org"])
        with patch.dict(sys.modules, {"treq": None, "treq.client": None}), capturedLogs() as logs:
            self.company(networks.named("decred-mainnet"))
        self.assertEqual(list(logs), [])

    def test_seeds_of_the_network(self) -> None:
        """Who names none asks the network's, and the names that come with it; who wants none, none."""
        resolver = self.reactor.nameResolver = Resolver()
        network = networks.named("neo-mainnet")
        named = [f"{host}:{port}" for host, port in shipped_peers(network).names]
        company = self.company(network, outbound=1)
        self.assertEqual([source.name for source in company.seeding.sources], named)
        self.assertEqual(self.company(network, outbound=1, seeds=[]).seeding.sources, [])
        (source,) = self.company(network, outbound=1, seeds=["a.org"]).seeding.sources
        self.assertEqual((source.name, resolver.asked), ("a.org", []))

    def test_stop_while_seeds_are_asked(self) -> None:
        """A stop waits for no seed, and what one tells after it is not heard."""
        resolver = self.reactor.nameResolver = Resolver(a_org=["127.0.0.7"])
        resolver.waits = True
        company = self.company(outbound=1, seeds=["a.org"])
        company.start()
        self.successResultOf(company.stop())
        resolver.answer()
        self.assertEqual((resolver.asked, len(company.book), self.reactor.tcpClients), (["a.org"], 0, []))
        self.assertEqual(self.reactor.getDelayedCalls(), [])

    def test_names_in_a_list(self) -> None:
        """The names in a list of the user's are looked up, whatever seeds there are."""
        resolver = self.reactor.nameResolver = Resolver(b_org=["127.0.0.8"])
        company = self.company(outbound=1, seeds=[], peers_file=self.file("peers", "b.org:8"))
        company.start()
        self.assertEqual([call[:2] for call in self.reactor.tcpClients], [("127.0.0.8", 8)])
        self.assertEqual(resolver.asked, ["b.org"])
        company.stop()

    def test_enough_peers(self) -> None:
        """Seeds are asked as long as fewer than two that we have called are ready, or than we want."""
        for outbound, enough in ((1, [True, True]), (2, [False, True]), (8, [False, True])):
            company = self.company(outbound=outbound)
            company.manager.roster.watch(self.ready(inbound=True).peer)
            self.assertFalse(company._has_enough())
            for expected in enough:
                company.manager.roster.watch(self.ready().peer)
                self.assertEqual(company._has_enough(), expected)

    def test_services(self) -> None:
        """Who must offer something is called only if that is said of him."""
        company = self.company(outbound=2, services_wanted=9)
        company.book.add([Known("127.0.0.1", 1, 1, NOW), Known("127.0.0.2", 2, 9, NOW)], "test")
        company.start()
        self.assertEqual([call[:2] for call in self.reactor.tcpClients], [("127.0.0.2", 2)])
        company.stop()

    def test_anchors(self) -> None:
        """Who was a good peer at a stop in good order is called first at the next start, and at that only."""
        book, peers = self.file("book.sqlite"), self.file("peers", "127.0.0.1:1")
        first = self.company(book=book, peers_file=peers, outbound=1)
        self.patch(first._keeper, "_in_thread", execute)
        first.start()
        peer = self.answered()
        self.reactor.advance(STABLE)
        first.stop()
        peer.connectionLost(Failure(ConnectionDone()))
        first.stop()
        self.successResultOf(first.close())
        called = []
        for _ in range(8):
            self.reactor.tcpClients.clear()
            company = self.company(book=book, outbound=1)
            company.book.add([Known(f"127.0.0.{number}", 1, 1, NOW) for number in range(2, 250)], "test")
            company.start()
            called.append(self.reactor.tcpClients[0][0])
            company.stop()
            company.abandon()
        self.assertEqual(called[0], "127.0.0.1")
        self.assertNotEqual(set(called[1:]), {"127.0.0.1"})

    def answered(self) -> Any:
        """The last call has come through, and hands are shaken."""
        host, port, calling, *_ = self.reactor.tcpClients[-1]
        peer = calling.buildProtocol(None)
        here, there = IPv4Address("TCP", "127.0.0.1", 40000), IPv4Address("TCP", host, port)
        peer.makeConnection(MemoryTransport(here, there))
        says = NETWORK.make_version(Introduction(NETWORK.protocol_version, 9, NOW, 77, "/other:1/", 0))
        peer.dataReceived(b"".join(map(NETWORK.codec().encode, (says, NETWORK.verack()))))
        return peer

    def test_anchors_that_stay(self) -> None:
        """Who cannot be taken out of the file is not called first: a crash would have him there again."""
        company = self.company(book=self.file("book.sqlite"), outbound=1)
        company.abandon()
        with capturedLogs() as logs:
            company.start()
        self.assertIn("is closed", logs[0]["log_format"].format(**logs[0]))
        self.assertEqual(self.reactor.tcpClients, [])
        company.stop()

    def test_book_of_another_kind(self) -> None:
        """A URL that is none of PostgreSQL's is told in one line, and is no file."""
        with self.assertRaisesRegex(LocalError, "^mysql:// is no book: "):
            self.company(book="mysql://me:secret@db.example/peers")

    def test_ban(self) -> None:
        """Whoever bans somebody in the book, as another node may, ends who is here."""
        company = self.company(outbound=1)
        raw = self.ready()
        self.assertIsNone(raw.peer.ending)
        company.book.bans.ban("192.0.2.0/24", NOW + 60, "too loud", "another")
        self.assertEqual(str(raw.peer.ending), "banned by another: too loud")
        raw.close()

    def test_called(self) -> None:
        """Whom a node calls, or has called, of itself: what must stay leased."""
        company = self.company(outbound=1, peers_file=self.file("peers", "127.0.0.1:18444\n127.0.0.1:18445"))
        self.assertEqual(company.manager.called, [])
        company.start()
        self.assertEqual(len(company.manager.called), 1)
        most = 0
        for _ in range(600):  # now and then a feeler is under way beside
            self.reactor.advance(1)
            most = max(most, len(set(company.manager.called)))
        self.assertEqual(most, 2)
        company.stop()

    def test_no_gossip(self) -> None:
        """A network that tells of no addresses is nothing special."""
        company = self.company(replace(NETWORK, gossip=None), outbound=1)
        raw = self.ready()
        company.manager.roster.watch(raw.peer)
        self.assertEqual(raw.read(), [])
        raw.close()
