"""Tests of how headers and addresses are asked for and brought."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from peerproto import networks
from peerproto.forms.gossip import Known
from peerproto.networks.bitcoin import (
    Addr,
    AddrV2,
    BlockHeader,
    GetAddr,
    GetHeaders,
    Headers,
    NetAddressV2,
    SendAddrV2,
    TimedAddress,
)

NETWORK = networks.named("bitcoin-regtest")
CODEC = NETWORK.codec()
HASH = bytes(range(32))


class HeaderSyncTests(SynchronousTestCase):
    """Headers."""

    def test_question(self) -> None:
        """A question has the locator, and no stop; it is read as it was asked."""
        question = NETWORK.headers.ask(70016, [HASH, bytes(32)])
        self.assertEqual(question, GetHeaders(70016, [HASH, bytes(32)], bytes(32)))
        self.assertEqual(
            NETWORK.headers.asked(CODEC.decode(CODEC.encode(question))), ([HASH, bytes(32)], bytes(32))
        )

    def test_answer(self) -> None:
        """An answer brings serialized headers as they are."""
        serialized = [NETWORK.chain.genesis, BlockHeader(1, HASH, HASH, 2, 3, 4).pack()]
        answer = NETWORK.headers.bring(serialized)
        assert isinstance(answer, Headers)
        self.assertEqual(answer.headers[1], BlockHeader(1, HASH, HASH, 2, 3, 4))
        self.assertEqual(
            NETWORK.headers.brought(CODEC.decode(CODEC.encode(answer), strict=False)), serialized
        )
        self.assertEqual((NETWORK.headers.asking, NETWORK.headers.bringing), (GetHeaders, Headers))

    def test_most(self) -> None:
        """As many as are said to be brought at most can be sent."""
        self.assertEqual(NETWORK.headers.most, 2000)
        CODEC.encode(NETWORK.headers.bring([NETWORK.chain.genesis] * NETWORK.headers.most))


class GossipTests(SynchronousTestCase):
    """Addresses."""

    known = [Known("192.0.2.1", 8333, 9, 5), Known("2001:db8::1", 8334, 1, 6)]

    def test_addr(self) -> None:
        """Who has not asked for addrv2 is told by addr."""
        assert NETWORK.gossip is not None
        self.assertEqual(
            NETWORK.gossip.tell(self.known, frozenset(), 70016),
            Addr([TimedAddress(5, 9, "192.0.2.1", 8333), TimedAddress(6, 1, "2001:db8::1", 8334)]),
        )

    def test_addrv2(self) -> None:
        """Who has asked for addrv2 gets it, each address under its network."""
        assert NETWORK.gossip is not None
        told = NETWORK.gossip.tell(self.known, {SendAddrV2}, 70016)
        self.assertEqual(
            told,
            AddrV2(
                [
                    NetAddressV2(5, 9, 1, bytes((192, 0, 2, 1)), 8333),
                    NetAddressV2(6, 1, 2, bytes.fromhex("20010db8" + "00" * 11 + "01"), 8334),
                ]
            ),
        )
        self.assertEqual([item.addr for item in told.addr_list], ["192.0.2.1", "2001:db8::1"])

    def test_most(self) -> None:
        """As many as may be told can be sent, either way."""
        assert NETWORK.gossip is not None
        self.assertEqual((NETWORK.gossip.most, NETWORK.gossip.asking), (1000, GetAddr))
        for noted in (frozenset(), {SendAddrV2}):
            CODEC.encode(NETWORK.gossip.tell(self.known * (NETWORK.gossip.most // 2), noted, 70016))
