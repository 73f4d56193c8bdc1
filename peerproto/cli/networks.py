"""`peerproto networks`: what networks there are."""

from __future__ import annotations

import argparse
from typing import Any

from peerproto.chain.rules import display
from peerproto.cli.streams import json_writer
from peerproto.network import Network
from peerproto.networks import named, names, policies

_DESCRIPTION = """\
Lists the networks: name, magic (wire order), default port, protocol versions
(the least that a peer must speak, the highest that we do), checksum, policies
(the first is the default), and the hash of the genesis block (display order).
"""
_ROW = "{:<18} {:<8}  {:>5}  {:<13}  {:<8}  {:<10}  {}"


def add_parser(subparsers: Any) -> None:
    """Describe the options."""
    parser = subparsers.add_parser(
        "networks",
        help="the networks by name",
        description=_DESCRIPTION,
    )
    parser.add_argument("--json", action="store_true", help="print one JSON object a line")


def run(options: argparse.Namespace) -> int:
    """Print the table."""
    rows = [describe(named(name)) for name in names()]
    if options.json:
        write = json_writer()
        for row in rows:
            write(row)
        return 0
    print(_ROW.format("NAME", "MAGIC", "PORT", "VERSIONS", "CHECKSUM", "POLICIES", "GENESIS"))
    for row in rows:
        versions = f"{row['least_protocol_version']}..{row['protocol_version']}"
        policies = ", ".join(row["policies"])
        shown = (row["name"], row["magic"], row["port"], versions, row["checksum"], policies, row["genesis"])
        print(_ROW.format(*shown))
    return 0


def describe(network: Network) -> dict[str, Any]:
    """A network as JSON."""
    return {
        "name": network.name,
        "magic": network.magic.hex(),
        "port": network.port,
        "genesis": display(network.genesis),
        "least_protocol_version": network.least_protocol_version,
        "protocol_version": network.protocol_version,
        "checksum": network.envelope.checksum.__name__.removesuffix("_checksum"),
        "policies": list(policies(network.name)),
    }
