"""Whole conversations in memory: two peers, both roles, both policies, two networks."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from peerproto.errors import NotFound, PeerLost, PeerStalled, Reason
from peerproto.networks import bitcoin
from peerproto.networks.bitcoin import (
    MSG_BLOCK,
    MSG_TX,
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
    SendHeaders,
    TimedAddress,
    Tx,
    TxIn,
    TxOut,
)
from peerproto.networks.bitcoin.records import MSG_WITNESS_FLAG, OutPoint
from peerproto.peer.handshake import State
from peerproto.peer.protocol import PeerProtocol
from peerproto.testing import Pair
from tests.peer_case import POLICIES, regtest

ADDRESSES = [TimedAddress(1_600_000_000, 9, f"192.0.2.{number}", 8333) for number in range(1, 5)]


def mine(count: int) -> list[Block]:
    """Blocks, each behind the one before, with a transaction that has a witness; nobody checks their work."""
    blocks, before = [], bytes(32)
    for number in range(count):
        tx = Tx(2, [TxIn(OutPoint(bytes(32), number), b"", 0, [b"proof"])], [TxOut(50, b"\x51")], 0)
        blocks.append(Block(BlockHeader(1, before, tx.txid, number, 0, 0), [tx]))
        before = blocks[-1].block_hash
    return blocks


class Store:
    """A listener that has blocks and serves them, as a small node would."""

    def __init__(self, blocks: list[Block]) -> None:
        self.blocks = {block.block_hash: block for block in blocks}
        self.order = list(self.blocks)
        self.heard: list[str] = []

    def on_getheaders(self, peer: PeerProtocol, message: Any) -> None:
        """The headers behind the first hash that is known."""
        known = [self.order.index(item) for item in message.block_locator_hashes if item in self.blocks]
        start = known[0] + 1 if known else 0
        peer.send(Headers([self.blocks[item].header for item in self.order[start : start + 2000]]))

    def on_getdata(self, peer: PeerProtocol, message: Any) -> None:
        """The blocks that are there, and one notfound for the rest."""
        missing = []
        for vector in message.inv_list:
            block = self.blocks.get(vector.hash)
            if block is None:
                missing.append(vector)
            else:
                peer.send(block, witness=bool(vector.type & MSG_WITNESS_FLAG))
        if missing:
            peer.send(bitcoin.NotFound(missing))

    def on_getaddr(self, peer: PeerProtocol, message: Any) -> None:
        """Some addresses."""
        peer.send(Addr(ADDRESSES))

    def on_mempool(self, peer: PeerProtocol, message: Any) -> None:
        """One transaction."""
        peer.send(Inv([InvVect(MSG_TX, bytes(32))]))

    def on_lost(self, peer: PeerProtocol, error: Any) -> None:
        """The end."""
        self.heard.append(error.reason)


class ConversationTests(SynchronousTestCase):
    """One side has blocks, the other wants them; which side called makes no difference."""

    def setUp(self) -> None:
        self.blocks = mine(20)

    def conversations(self, **options: Any) -> Iterator[tuple[Pair, PeerProtocol, PeerProtocol]]:
        """A pair of each network and policy, who asks and who is asked: now the one that called, now the other."""
        for family in ("bitcoin", "litecoin"):
            for policy in POLICIES:
                for asks in ("outbound", "inbound"):
                    store = {"listener": Store(self.blocks), "services": 13, "height": 20, **options}
                    sides: dict[str, Any] = {"inbound" if asks == "outbound" else "outbound": store}
                    pair = Pair(regtest(policy, family), **sides)
                    pair.deliver()
                    client, server = pair.outbound, pair.inbound
                    yield (pair, client, server) if asks == "outbound" else (pair, server, client)

    def end(self, pair: Pair) -> None:
        """Nothing is left of a pair."""
        pair.cut()
        self.assertEqual(pair.clock.getDelayedCalls(), [])
        for peer in (pair.outbound, pair.inbound):
            self.assertEqual((peer.factory.peers, len(peer.pending)), ({}, 0))

    def test_headers_first(self) -> None:
        """Headers, then the blocks, whole and with their witnesses."""
        for pair, client, server in self.conversations():
            self.assertEqual((client.state, server.state), (State.READY, State.READY))
            self.assertEqual(client.theirs and client.theirs.height, 20)
            asking = client.request(GetHeaders(70016, [self.blocks[4].block_hash], bytes(32)))
            pair.advance(0.1)
            headers = self.successResultOf(asking).headers
            self.assertEqual(headers, [block.header for block in self.blocks[5:]])
            wanted = client.request_blocks([header.block_hash for header in headers])
            pair.deliver(1000)
            found = self.successResultOf(wanted)
            self.assertEqual([block.header for block in found], headers)
            self.assertEqual(found[0].transactions, self.blocks[5].transactions)
            self.end(pair)

    def test_some_are_missing(self) -> None:
        """What is not there fails alone, at its place."""
        for pair, client, _ in self.conversations():
            hashes = [self.blocks[3].block_hash, bytes(32), self.blocks[1].block_hash]
            wanted = client.request_blocks(hashes)
            pair.deliver()
            first, missing, last = self.successResultOf(wanted)
            self.assertEqual((first.header, last.header), (self.blocks[3].header, self.blocks[1].header))
            self.assertIsInstance(missing, NotFound)
            self.end(pair)

    def test_many_questions_at_once(self) -> None:
        """Questions of all kinds may be open at once; each gets its own answer."""
        for pair, client, _ in self.conversations():
            locators = [[self.blocks[number].block_hash] for number in (17, 18, 19)]
            asking = [client.request(GetHeaders(70016, locator, bytes(32))) for locator in locators]
            addresses, pool, ping = client.request(GetAddr()), client.request(MemPool()), client.ping()
            pair.advance(0.5)
            self.assertEqual([len(self.successResultOf(each).headers) for each in asking], [2, 1, 0])
            self.assertEqual(self.successResultOf(addresses).addr_list, ADDRESSES)
            self.assertEqual(len(self.successResultOf(pool).inv_list), 1)
            self.assertAlmostEqual(self.successResultOf(ping), 0.5)
            self.end(pair)

    def test_announcing(self) -> None:
        """One side announces, the other asks for it in its listener and gets it."""
        for pair, client, server in self.conversations():
            got: list[Any] = []
            vector = InvVect(MSG_BLOCK, self.blocks[0].block_hash)
            client.factory.handlers[Inv] = lambda peer, message: peer.send(GetData(message.inv_list))
            client.factory.handlers[Block] = lambda peer, message, got=got: got.append(message)
            server.send(Inv([vector]))
            pair.deliver()
            (block,) = got
            self.assertEqual(block.block_hash, vector.hash)
            self.assertIn(SendHeaders, client.handshake.noted)
            self.end(pair)

    def test_without_witnesses(self) -> None:
        """A node that offers no witnesses sends and gets transactions without."""
        for pair, client, _ in self.conversations(services=1):
            wanted = client.request_blocks([self.blocks[0].block_hash])
            pair.deliver()
            (block,) = self.successResultOf(wanted)
            self.assertEqual(block.block_hash, self.blocks[0].block_hash)
            self.assertEqual(
                [tx.txid for tx in block.transactions], [tx.txid for tx in self.blocks[0].transactions]
            )
            self.assertEqual(block.transactions[0].tx_in[0].witness or [], [])
            self.end(pair)

    def test_old_versions(self) -> None:
        """With a side of an old version what both know works as ever."""
        for pver in (31800, 60000, 60002, 70001, 70012, 70015):
            for pair, client, _ in self.conversations(protocol_version=pver):
                self.assertEqual(client.protocol_version, pver)
                asking = client.request(GetHeaders(pver, [], bytes(32)))
                addresses = client.request(GetAddr())
                pair.deliver()
                self.assertEqual(len(self.successResultOf(asking).headers), 20)
                listed = [entry.ip for entry in self.successResultOf(addresses).addr_list]
                self.assertEqual(listed, [entry.ip for entry in ADDRESSES])
                self.end(pair)

    def test_a_quiet_day(self) -> None:
        """Two peers that have nothing to say stay connected by their pings."""
        for pair, client, server in self.conversations():
            for _ in range(24 * 60):
                pair.advance(60)
            self.assertEqual((client.state, server.state), (State.READY, State.READY))
            seen = client.snapshot()
            self.assertEqual(seen.sent["ping"]["messages"], 24 * 30)
            self.assertEqual(seen.received["pong"]["messages"], 24 * 30)
            self.end(pair)

    def test_a_server_that_falls_silent(self) -> None:
        """btcd's policy ends the peer that owes an answer; Core's lets the request fail and goes on."""
        for pair, client, server in self.conversations():
            server.factory.handlers.clear()
            wanted = client.request_blocks([self.blocks[0].block_hash])
            for _ in range(60):
                pair.advance(1)
            if client.network.policy.name == "btcd":
                self.assertIs(client.ending and client.ending.reason, Reason.STALLED)
                self.assertIs(server.ending and server.ending.reason, Reason.CLOSED_BY_PEER)
            else:
                self.assertIs(client.state, State.READY)
            (error,) = self.successResultOf(wanted)
            self.assertIsInstance(error, PeerStalled)
            self.end(pair)

    def test_goodbye(self) -> None:
        """What was sent before a goodbye arrives; both sides hear of the end once, each in its words."""
        for pair, client, server in self.conversations():
            client.send(FeeFilter(5))
            gone = [peer.when_disconnected() for peer in (client, server)]
            client.disconnect()
            pair.deliver()
            reasons = [self.successResultOf(each).reason for each in gone]
            self.assertEqual(reasons, [Reason.LOCAL_CLOSE, Reason.CLOSED_BY_PEER])
            self.assertEqual(server.statistics.received[FeeFilter].messages, 1)
            self.assertEqual(server.factory.listener.heard, [Reason.CLOSED_BY_PEER])
            self.end(pair)

    def test_a_break(self) -> None:
        """If the connection breaks, whoever waits on either side hears of it."""
        for pair, client, server in self.conversations():
            waiting = [client.request(GetHeaders(70016, [], bytes(32))), server.ping()]
            pair.cut()
            for each in waiting:
                self.assertIs(self.failureResultOf(each, PeerLost).value.reason, Reason.RESET)
            self.end(pair)

    def test_both_ask_each_other(self) -> None:
        """Both may ask at once."""
        pair = Pair(regtest(), **{side: {"listener": Store(self.blocks)} for side in ("outbound", "inbound")})
        asking = [peer.request(GetHeaders(70016, [], bytes(32))) for peer in (pair.outbound, pair.inbound)]
        pair.deliver(100)
        for each in asking:
            self.assertEqual(len(self.successResultOf(each).headers), 20)
        self.end(pair)

    def test_different_policies(self) -> None:
        """A peer of btcd's policy and one of Core's understand each other."""
        for out, back in (("btcd", "core"), ("core", "btcd")):
            pair = Pair(regtest(out), regtest(back), inbound={"listener": Store(self.blocks)})
            asking = pair.outbound.request(GetHeaders(70016, [], bytes(32)))
            pair.deliver()
            self.assertEqual(len(self.successResultOf(asking).headers), 20)
            self.end(pair)
