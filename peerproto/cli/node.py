"""`peerproto node`: the same as `twistd -n peernode`, without Twisted's plugin cache."""

from __future__ import annotations

import argparse
import sys
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from twisted.application.service import Service

__all__ = ["add_parser", "run"]


def add_parser(subparsers: Any) -> None:
    """All words behind the command are for the options of `peerproto.tap`, whatever they begin with."""
    parser = subparsers.add_parser(
        "node",
        help="run a node: keep peers, follow their headers, serve them",
        add_help=False,
        prefix_chars="\0",
    )
    parser.add_argument("words", nargs="*")


def run(options: argparse.Namespace) -> int:
    """Run a node until it is stopped by a signal. Returns 1 if it could not go on; raises SystemExit if not start."""
    from twisted.internet import reactor

    from peerproto.node.program import stop
    from peerproto.node.resolving import use_threads_for_names
    from peerproto.tap import Options, make_service

    chosen = Options()
    chosen.synopsis = "Usage: peerproto node [options]"
    chosen.parseOptions(options.words)
    codes = [0]

    def leave(code: int) -> None:
        codes.append(code)
        stop(reactor)

    use_threads_for_names(reactor)
    serve(reactor, make_service(chosen, reactor, leave))
    return codes[-1]


def serve(reactor: Any, service: Service) -> None:
    """Run a service as `twistd -n` does, with the log on standard output."""
    from twisted.logger import globalLogBeginner, textFileLogObserver

    globalLogBeginner.beginLoggingTo([textFileLogObserver(sys.stdout)], redirectStandardIO=False)
    service.privilegedStartService()
    service.startService()
    reactor.addSystemEventTrigger("before", "shutdown", service.stopService)
    reactor.run()
