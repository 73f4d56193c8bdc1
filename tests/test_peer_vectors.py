"""Tests of every bad frame that was sent to real nodes: what a peer does about it, by each policy."""

from __future__ import annotations

from typing import Any

from peerproto.networks.bitcoin import Reject
from tests.bitcoin_vectors import bad
from tests.peer_case import PeerTestCase

GOES_ON, CLOSED, TOLD = "goes on", "closed", "closed (reject sent)"
SAME = {"goes on after pong": GOES_ON, "silent, still open": GOES_ON, "goes on (reject sent)": GOES_ON}
"""Words that the live runs have for what counts as the same here."""

KNOWN = {
    ("btcd", "length-over-type-inv"): TOLD,  # btcd waits for the payload before it says so
    **{
        # the decoder of btcd finds a plain end of file, for which it has no words
        ("btcd", f"short-{what}"): TOLD
        for what in (
            *(
                "inv-none",
                "headers",
                "ping-empty",
                "merkleblock",
                "reject-nohash",
                "version-empty",
                "filterload",
            ),
        )
    },
    ("core", "length-over-type-sendaddrv2"): GOES_ON,  # Core ends whoever sends one now, whatever is in it
    ("core", "length-over-type-getcfcheckpt"): GOES_ON,  # Core offers no such filter to anybody
    ("core", "over-filteradd"): GOES_ON,  # Core ends who uses filters wrongly; we have none to use
    ("core", "over-filterload-funcs"): GOES_ON,
}
"""Where we do something else than the nodes of the live runs, and why."""


class VectorTests(PeerTestCase):
    """Every bad frame that was sent to real nodes, sent to a ready peer of each policy."""

    def reaction(self, policy: str, entry: dict[str, Any]) -> str:
        """What the peer does, its listener looking at everything."""
        raw = self.ready(policy, services=4, says={"services": 13})
        late = raw.peer.network.order.late
        for kind in raw.peer.network.messages:
            if kind not in late:
                raw.peer.factory.handlers[kind] = lambda _, message: message.load()
        whole = bytes.fromhex(entry["frame"])
        raw.send(raw.peer.network.magic + whole[4:] if whole[:4].hex() == "f9beb4d9" else whole)
        if not raw.hung_up:
            return GOES_ON
        return TOLD if any(isinstance(message, Reject) for message in raw.read()) else CLOSED

    def check(self, policy: str, *nodes: str) -> None:
        """One of these nodes has done the same, but for what is known."""
        different, seen = {}, 0
        for entry in bad():
            live = entry.get("live") or {}
            done = {SAME.get(live[node], live[node]) for node in nodes if node in live}
            if done and entry["label"] != "magic-regtest":
                seen += 1
                ours = self.reaction(policy, entry)
                if ours not in done:
                    different[policy, entry["label"]] = ours
        self.assertEqual(different, {key: ours for key, ours in KNOWN.items() if key[0] == policy})
        self.assertGreaterEqual(seen, 130)

    def test_like_btcd(self) -> None:
        """btcd's policy does what btcd did."""
        self.check("btcd", "btcd_0_26_1")

    def test_like_core(self) -> None:
        """Core's policy does what one of two nodes of Core's line did."""
        self.check("core", "knots_29_4_3", "litecoind_0_21_2")
