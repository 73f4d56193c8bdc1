"""What can be called on a peer in the references, and what it is called here."""

from __future__ import annotations

from typing import NamedTuple

from tables import code, codes, table


class Call(NamedTuple):
    """Methods of the references' Peer that are one thing here.

    `theirs`: by their names in any of them. `ours`: attributes and methods of `PeerProtocol`, none if there is no need.
    """

    theirs: tuple[str, ...]
    ours: tuple[str, ...]
    note: str = ""


CALLS = (
    Call(
        ("AssociateConnection", "Handshake", "Run", "StartProtocol"),
        ("when_ready",),
        "``connect`` and ``listen``",
    ),
    Call(("Disconnect",), ("disconnect",)),
    Call(("WaitForDisconnect", "NotifyDisconnect", "Done"), ("when_disconnected",), "tells why, too"),
    Call(("String",), (), "``str(peer)``"),
    Call(("ID",), ("id",)),
    Call(("Addr", "RemoteAddr"), ("address",)),
    Call(("NA",), ("na",)),
    Call(("LocalAddr",), ("local_addr",)),
    Call(("Port", "CanRelay"), ("theirs",), "``theirs.port``, ``theirs.relay``"),
    Call(("Inbound",), ("inbound",)),
    Call(("Connected",), ("connected",)),
    Call(("VersionKnown",), ("version_known",)),
    Call(("VerAckReceived", "IsVerackReceived"), ("verack_received",)),
    Call(("Services",), ("services",)),
    Call(("UserAgent",), ("user_agent",)),
    Call(
        ("ProtocolVersion",), ("protocol_version",), "what both speak; theirs is ``theirs.protocol_version``"
    ),
    Call(("IsWitnessEnabled",), ("codec",), "``codec.witness``"),
    Call(("WantsHeaders",), ("wants_headers",)),
    Call(("WantsAddrV2",), ("handshake",), "``SendAddrV2 in handshake.noted``"),
    Call(("StartingHeight", "Height"), ("starting_height",)),
    Call(("LastBlock", "MaxBlockHeight"), ("last_block",)),
    Call(("UpdateLastBlockHeight", "UpdateMaxBlockHeight"), ("update_last_block_height",)),
    Call(("LastAnnouncedBlock",), ("last_announced_block",)),
    Call(("UpdateLastAnnouncedBlock",), ("update_last_announced_block",)),
    Call(("SelectedTipHash",), ("selected_tip",)),
    Call(("SetSelectedTipHash",), ("update_selected_tip",)),
    Call(("IsSelectedTipKnown",), ("selected_tip_known",), "there the opposite of its name"),
    Call(("SubnetworkID",), ("subnetwork",)),
    Call(("TimeConnected", "CreatedAt"), ("time_connected",)),
    Call(("TimeOffset",), ("time_offset",)),
    Call(
        (
            "StatsSnapshot",
            "LastSend",
            "LastRecv",
            "BytesSent",
            "BytesReceived",
            "LastPingNonce",
            "LastPingTime",
            "LastPingMicros",
        ),
        ("snapshot",),
        "its fields are below",
    ),
    Call(("QueueMessage", "QueueMessageWithEncoding", "Write"), ("send",), "``notify=``, ``witness=``"),
    Call(("QueueInventory",), ("queue_inventory",)),
    Call(("QueueInventoryImmediate",), ("queue_inventory_immediate",)),
    Call(("AddKnownInventory",), ("add_known_inventory",)),
    Call(("IsKnownInventory",), ("is_known_inventory",)),
    Call(("RequestHeaders",), ("request_headers",), "the answer is the Deferred's"),
    Call(("RequestBlocks",), ("request_blocks",), "likewise"),
    Call(("PushAddrMsg", "PushAddrV2Msg"), ("push_addresses",)),
    Call(("PushAddrCacheMsg",), ("push_addrcache",)),
    Call(("PushGetBlocksMsg",), ("push_getblocks",)),
    Call(("PushGetHeadersMsg",), ("push_getheaders",)),
    Call(("PushGetBlockInvsMsg",), ("push_getblockinvs",)),
    Call(("PushGetBlockLocatorMsg",), ("push_getlocator",)),
    Call(("PushBlockLocatorMsg",), ("push_locator",)),
    Call(("WasBlockLocatorRequested", "SetWasBlockLocatorRequested"), ("locator_requested",)),
    Call(("PushRejectMsg",), ("push_reject",)),
    Call(("AddBanScore",), ("add_score",)),
    Call(("AddBanScoreAndPushRejectMsg",), ("score_and_reject",)),
    Call(("PingLoop", "ReadLoop", "WriteLoop", "Read"), (), "a peer does these of itself"),
    Call(("ShouldDowngradeToV1",), (), "BIP324 is not spoken"),
)

STATISTICS = {
    "ID": "id",
    "Addr": "address",
    "Services": "services",
    "LastSend": "last_sent_at",
    "LastRecv": "last_received_at",
    "BytesSent": "bytes_sent",
    "BytesRecv": "bytes_received",
    "ConnTime": "connected_at",
    "TimeOffset": "time_offset",
    "Version": "version",
    "UserAgent": "user_agent",
    "Inbound": "inbound",
    "StartingHeight": "starting_height",
    "LastBlock": "last_block",
    "LastPingNonce": "ping_nonce",
    "LastPingTime": "ping_sent_at",
    "LastPingMicros": "ping_last",
    "SelectedTipHash": "selected_tip",
}
"""Fields of StatsSnap, in any of them, and of `Snapshot`."""


def call_table() -> str:
    """Each method, and ours."""
    rows = [[codes(call.theirs), codes(call.ours) if call.ours else "", call.note] for call in CALLS]
    return table(["theirs", "``peer.``", ""], rows, "44 26 30")


def statistics_table() -> str:
    """Each field of a snapshot, and ours."""
    return table(
        ["``StatsSnap``", "``peer.snapshot()``"],
        [[code(one), code(other)] for one, other in STATISTICS.items()],
    )
