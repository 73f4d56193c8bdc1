"""Who is asked for nodes of bitcoin (btcd chaincfg/params.go, and of Bitcoin Core's names those that btcd has not)."""

from __future__ import annotations

from peerproto.forms.seeds import Seeds, filtering, plain

__all__ = ["MAINNET", "SIGNET", "TESTNET3", "TESTNET4"]

_FULL = 9
"""NETWORK and WITNESS: what Bitcoin Core asks them for."""

MAINNET = Seeds(
    filtering(
        "seed.bitcoin.sipa.be",
        "dnsseed.bluematt.me",
        "seed.bitcoin.jonasschnelli.ch",
        "seed.btc.petertodd.net",
        "seed.bitcoin.sprovoost.nl",
        "seed.bitcoin.wiz.biz",
        "dnsseed.emzy.de",
        "seed.mainnet.achownodes.xyz",
    )
    + plain("dnsseed.bitcoin.dashjr.org", "seed.bitnodes.io"),
    services=_FULL,
)
TESTNET3 = Seeds(
    filtering(
        "testnet-seed.bitcoin.jonasschnelli.ch",
        "seed.tbtc.petertodd.net",
        "seed.testnet.bitcoin.sprovoost.nl",
        "seed.testnet.achownodes.xyz",
    )
    + plain("testnet-seed.bluematt.me"),
    services=_FULL,
)
TESTNET4 = Seeds(filtering("seed.testnet4.bitcoin.sprovoost.nl", "seed.testnet4.wiz.biz"), services=_FULL)
SIGNET = Seeds(filtering("seed.signet.bitcoin.sprovoost.nl", "seed.signet.achownodes.xyz"), services=_FULL)
