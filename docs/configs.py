"""What the references call the options of their peers, and what they are called here."""

from __future__ import annotations

from typing import NamedTuple

from tables import code, codes, table

REFERENCES = ("btcd", "dcrd", "soterd", "kaspad", "neo-go")


class Field(NamedTuple):
    """A field of a reference's Config (peer/peer.go; neo-go of 2019: LocalConfig), by who has it.

    `names`: the field, and where it has another name or is missing (None), the reference with that.
    `keywords`: of `PeerFactory`. `option`: of `twistd peernode`, without dashes; empty where a program has the say.
    """

    names: tuple[str, dict[str, str | None]]
    keywords: tuple[str, ...]
    option: str = ""
    note: str = ""


def _only(*references: str) -> dict[str, str | None]:
    return {name: None for name in REFERENCES if name not in references}


_GO = {"neo-go": None}

FIELDS = (
    Field(
        ("NewestBlock", {"kaspad": "SelectedTipHash", "neo-go": "StartHeight"}),
        ("height", "tip"),
        note="values, or functions that are asked at each handshake; the node's own chain",
    ),
    Field(("IsInDAG", _only("kaspad")), ("has_block",)),
    Field(("AddBanScore", _only("kaspad")), ("judge",)),
    Field(
        ("HostToNetAddress", dict(_GO)),
        ("host_to_address",),
        note="what a peer that is called by that host and port is told of its own address",
    ),
    Field(
        ("Proxy", dict(_GO)),
        ("proxy",),
        "proxy",
        "there only that its address is not told; here also what all are called through",
    ),
    Field(
        ("UserAgentName", {"neo-go": "UserAgent"}),
        ("user_agent_name",),
        "user-agent-name",
        "told behind ``user_agent``, which stands in the place of the wire library's own; of NEO, "
        "``user_agent`` may be all of it",
    ),
    Field(
        ("UserAgentVersion", dict(_GO)), ("user_agent_version",), "user-agent-version", "semantic for Soter"
    ),
    Field(("UserAgentComments", dict(_GO)), ("user_agent_comments",), "user-agent-comment"),
    Field(
        ("ChainParams", {"dcrd": "Net", "kaspad": "DAGParams", "neo-go": "Net"}),
        ("network",),
        "network",
        "there a test network if it is missing; here it must be said",
    ),
    Field(("Services", {}), ("services",), "services"),
    Field(
        ("ProtocolVersion", {"neo-go": "ProtocolVer"}),
        ("protocol_version",),
        "protocol-version",
        "0 for the highest; the lowest is ``least_protocol_version``",
    ),
    Field(
        ("DisableRelayTx", {"neo-go": "Relay"}), ("relay",), "relay", "true if they are wanted, as NEO has it"
    ),
    Field(
        ("Listeners", {"neo-go": "OnHeader ..."}),
        ("listener",),
        note="one object, or ``hear`` for one command of one peer",
    ),
    Field(("SubnetworkID", _only("kaspad")), ("subnetwork",), "subnetwork"),
    Field(("TrickleInterval", _only("btcd", "soterd")), ("trickle_interval",), "trickle-interval"),
    Field(("IdleTimeout", _only("dcrd")), ("idle_timeout",), "idle-timeout", "0 for the network's own"),
    Field(("DisableStallHandler", _only("btcd")), ("stall_handler",), "no-stall-handler"),
    Field(("AllowSelfConns", _only("btcd")), ("nonces",), note="``Nonces()`` of its own for each factory"),
    Field(("Nonce", _only("neo-go")), ("nonce",), note="0 for a new one in each version"),
    Field(("Port", _only("neo-go")), ("port",), "port"),
)


def name_of(field: Field, reference: str) -> str | None:
    """What a reference calls it; None if it has it not."""
    usual, others = field.names
    return others.get(reference, usual)


def config_table() -> str:
    """Each field, who has it under which name, and ours."""
    rows = []
    for field in FIELDS:
        theirs: dict[str, list[str]] = {}
        for reference in REFERENCES:
            name = name_of(field, reference)
            if name is not None:
                theirs.setdefault(name, []).append(reference)
        names = "; ".join(f"{code(name)} ({', '.join(who)})" for name, who in theirs.items())
        option = code(f"--{field.option}") if field.option else ""
        rows.append([names, codes(field.keywords), option, field.note])
    return table(["theirs", "keyword of ``PeerFactory``", "``twistd peernode``", ""], rows, "34 22 22 34")
