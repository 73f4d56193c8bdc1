"""A node that mines when it is told to: `python -m tests.interop.miner OPTIONS`, with the options of `peerproto node`.

A line of standard input, COUNT SALT, is so many headers on top of its chain, another branch for each salt; its peers
are told of the last one.
"""

from __future__ import annotations

import sys
from typing import Any

from twisted.internet.stdio import StandardIO
from twisted.protocols.basic import LineOnlyReceiver

from peerproto.cli.node import serve
from peerproto.node.headerchain import HeaderChain
from peerproto.node.mining import mine
from peerproto.node.service import PeerNodeService
from peerproto.tap import Options, make_service


class Miner(LineOnlyReceiver):
    """Does what standard input says."""

    delimiter = b"\n"

    def __init__(self, service: PeerNodeService) -> None:
        self._service = service

    def lineReceived(self, line: bytes) -> None:
        count, salt = line.split()
        node, company = self._service.node, self._service.company
        assert node is not None and isinstance(node.chain, HeaderChain) and company is not None
        chain, network = node.chain, node.network
        start = chain.header_at(chain.height)
        headers = list(mine(network.chain, int(count), start=start, height=chain.height, salt=salt))
        chain.add(headers)
        (vector,) = network.request_blocks([network.chain.block_hash(headers[-1])], False).inv_list
        company.manager.announce(vector)


def main() -> None:
    """Run until a signal comes."""
    from twisted.internet import reactor

    options = Options()
    options.parseOptions()
    service: Any = make_service(options, reactor, lambda code: None)
    StandardIO(Miner(service))
    serve(reactor, service)


if __name__ == "__main__":
    sys.exit(main())
