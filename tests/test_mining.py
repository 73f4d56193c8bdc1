"""Tests of the toy miner."""

from __future__ import annotations

from dataclasses import replace
from itertools import islice

from twisted.trial.unittest import SynchronousTestCase

from peerproto.chain.rules import target_of
from peerproto.errors import LocalError
from peerproto.networks import litecoin
from peerproto.networks.bitcoin import chains
from peerproto.node.headerchain import HeaderChain
from peerproto.node.headerstore import HeaderStore
from peerproto.node.mining import mine


class MineTests(SynchronousTestCase):
    """What `mine` makes."""

    def test_linked(self) -> None:
        """Headers follow one another from genesis, a spacing apart, with proof of work."""
        rules, before = chains.REGTEST, chains.REGTEST.genesis
        for header in mine(rules, 20):
            fields = rules.read(header)
            self.assertEqual(fields.prev_block, rules.block_hash(before))
            self.assertEqual(fields.timestamp, rules.read(before).timestamp + 600)
            self.assertLessEqual(int.from_bytes(rules.work_hash(header), "little"), target_of(fields.bits))
            before = header

    def test_same_again(self) -> None:
        """The same call makes the same headers, a longer one begins with them."""
        self.assertEqual(list(mine(chains.REGTEST, 5)), list(mine(chains.REGTEST, 9))[:5])

    def test_from_the_middle(self) -> None:
        """From one of its headers and its height the same chain goes on."""
        whole = list(mine(chains.REGTEST, 9, spacing=30))
        self.assertEqual(list(mine(chains.REGTEST, 4, start=whole[4], height=5, spacing=30)), whole[5:])

    def test_salt(self) -> None:
        """Salt makes another branch from the same start."""
        plain, salted = mine(chains.REGTEST, 1), mine(chains.REGTEST, 1, salt=b"other")
        self.assertNotEqual(list(plain), list(salted))

    def test_obeys_retarget(self) -> None:
        """What is mined is accepted, also where bits change with each period."""
        easy = chains.REGTEST
        for network in (
            chains.SIMNET,
            litecoin.REGTEST,
            replace(chains.TESTNET4, genesis=easy.genesis, pow_limit=easy.pow_limit),
            replace(chains.MAINNET, genesis=easy.genesis, pow_limit=easy.pow_limit),
        ):
            rules = replace(network, interval=8, timespan=8 * network.spacing)
            with self.subTest(rules.name):
                chain = HeaderChain(HeaderStore(":memory:", rules), rules, lambda: 2e9)
                chain.add(list(mine(rules, 30, spacing=rules.spacing * 2 // 3)))
                self.assertEqual(chain.height, 30)

    def test_too_hard(self) -> None:
        """Where mining would take long it is refused at once."""
        for rules in (chains.MAINNET, chains.SIGNET, litecoin.MAINNET):
            with self.assertRaisesRegex(LocalError, f"{rules.name}: bits .* are too hard to mine"):
                next(mine(rules, 1))

    def test_lazy(self) -> None:
        """Headers are made as they are asked for."""
        self.assertEqual(len(list(islice(mine(chains.REGTEST, 10**9), 3))), 3)
