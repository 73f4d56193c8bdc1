"""Litecoin: bitcoin's messages in bitcoin's way, with its own magic, ports, chain and one service bit.

The least work of its nets is ``nMinimumChainWork`` of Litecoin Core (chainparams.cpp, commit d8c8adc0b46c).
"""

from __future__ import annotations

from peerproto.chain.rules import ChainRules, genesis_header, scrypt_1024
from peerproto.forms.seeds import Seeds, filtering
from peerproto.network import Network
from peerproto.networks import bitcoin
from peerproto.networks.bitcoin import POLICIES, Params, behaviour

_MERKLE_ROOT = "97ddfbbae6be97fd6cdf3e7ca13232a3afff2353e29badfab7f73011edd4ced9"
_REAL_LIMIT = (1 << 236) - 1
_TEST_LIMIT = (1 << 255) - 1


def _litecoin(
    name: str,
    timestamp: int,
    bits: int,
    nonce: int,
    pow_limit: int = _REAL_LIMIT,
    *,
    least_work: int = 0,
    retarget: bool = True,
    min_difficulty_after: int | None = None,
) -> ChainRules:
    return ChainRules(
        name=name,
        genesis=genesis_header(_MERKLE_ROOT, timestamp, bits, nonce),
        pow_limit=pow_limit,
        least_work=least_work,
        spacing=150,
        timespan=302400,
        retarget=retarget,
        min_difficulty_after=min_difficulty_after,
        whole_period=True,
        shift_guard=True,
        work_hash=scrypt_1024,
    )


MAINNET = _litecoin("litecoin-mainnet", 1317972665, 0x1E0FFFF0, 2084524493, least_work=0x146878ABEE06FA883E0A)
TESTNET = _litecoin(
    "litecoin-testnet",
    1486949366,
    0x1E0FFFF0,
    293345,
    least_work=0x4260A1758F04AA,
    min_difficulty_after=300,
)
REGTEST = _litecoin("litecoin-regtest", 1296688602, 0x207FFFFF, 0, _TEST_LIMIT, retarget=False)

MAINNET_SEEDS = filtering(
    "seed-a.litecoin.loshan.co.uk",
    "dnsseed.thrasher.io",
    "dnsseed.litecointools.com",
    "dnsseed.litecoinpool.org",
    "dnsseed.koin-project.com",
)
TESTNET_SEEDS = filtering(
    "testnet-seed.litecointools.com", "seed-b.litecoin.loshan.co.uk", "dnsseed-testnet.thrasher.io"
)
"""Those of Litecoin Core 0.21 (chainparams.cpp), which asks all of them for services, as Bitcoin Core does."""

NETS = {
    "mainnet": Params("fbc0b6db", 9333, MAINNET, Seeds(MAINNET_SEEDS, services=9), witness_from=1_201_536),
    "testnet": Params("fdd2c8f1", 19335, TESTNET, Seeds(TESTNET_SEEDS, services=9), witness_from=6048),
    "regtest": Params("fabfb5da", 19444, REGTEST),
}

__all__ = ["NETS", "POLICIES", "network"]


def network(net: str, policy: str) -> Network:
    """One of litecoin's networks. Raises KeyError for a net or policy that it has not."""
    return bitcoin.make(f"litecoin-{net}", NETS[net], policy, {**behaviour.SERVICES, 24: "MWEB"})
