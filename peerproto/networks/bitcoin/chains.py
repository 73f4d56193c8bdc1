"""What bitcoin's nets demand of a chain of headers (Bitcoin Core kernel/chainparams.cpp, BIP 94, btcd chaincfg).

The least work of each is Core's ``nMinimumChainWork`` of autumn 2025 (commit 284c42a3ceb9).
"""

from __future__ import annotations

from peerproto.chain.rules import ChainRules, genesis_header

__all__ = ["MAINNET", "REGTEST", "SIGNET", "SIMNET", "TESTNET3", "TESTNET4"]

_SATOSHI = "4a5e1e4baab89f3a32518a88c31bc87f618f76673e2cc77ab2127b7afdeda33b"
_TESTNET4 = "7aa0a7ae1e223414cb807e40cd57e667b718e42aaf9306db9102fe28912b7b4e"

_REAL_LIMIT = (1 << 224) - 1
_TEST_LIMIT = (1 << 255) - 1

MAINNET = ChainRules(
    name="bitcoin-mainnet",
    genesis=genesis_header(_SATOSHI, 1231006505, 0x1D00FFFF, 2083236893),
    pow_limit=_REAL_LIMIT,
    least_work=0xDEE8E2A309AD8A9820433C68,
)
TESTNET3 = ChainRules(
    name="bitcoin-testnet3",
    genesis=genesis_header(_SATOSHI, 1296688602, 0x1D00FFFF, 414098458),
    pow_limit=_REAL_LIMIT,
    least_work=0x16DD270DD94FAC1D7632,
    min_difficulty_after=1200,
)
TESTNET4 = ChainRules(
    name="bitcoin-testnet4",
    genesis=genesis_header(_TESTNET4, 1714777860, 0x1D00FFFF, 393743547),
    pow_limit=_REAL_LIMIT,
    least_work=0x34A4690FE592DC49C7C,
    min_difficulty_after=1200,
    bip94=True,
)
SIGNET = ChainRules(
    name="bitcoin-signet",
    genesis=genesis_header(_SATOSHI, 1598918400, 0x1E0377AE, 52613770),
    pow_limit=0x0377AE << 216,
    least_work=0x67D328E681A,
)
REGTEST = ChainRules(
    name="bitcoin-regtest",
    genesis=genesis_header(_SATOSHI, 1296688602, 0x207FFFFF, 2),
    pow_limit=_TEST_LIMIT,
    retarget=False,
)
SIMNET = ChainRules(
    name="bitcoin-simnet",
    genesis=genesis_header(_SATOSHI, 1401292357, 0x207FFFFF, 2),
    pow_limit=_TEST_LIMIT,
    min_difficulty_after=1200,
)
