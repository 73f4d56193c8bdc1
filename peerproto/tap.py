"""`twistd peernode`: its options, from the command line and from a file, and the service that they make."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from typing import Any

from twisted.application.service import Service
from twisted.python import usage

from peerproto import __version__, networks
from peerproto.errors import LocalError
from peerproto.forms.conversation import Timing
from peerproto.network import Network
from peerproto.networks import nearest
from peerproto.node.configfile import read_config
from peerproto.node.demo import NETWORK as DEMO
from peerproto.node.demo import DemoService
from peerproto.node.keeping import what_is_kept
from peerproto.node.options import FLAGS, NETWORK, OPTIONS, TIMES, named
from peerproto.node.outbound import TARGET
from peerproto.node.program import NodeProgram, leave_twistd
from peerproto.node.resolving import use_threads_for_names
from peerproto.node.seedlist import seeds_of
from peerproto.node.settings import keywords, of_option
from peerproto.node.slots import Limits
from peerproto.peer.connecting import client_endpoint, server_endpoint
from peerproto.peer.logs import set_log_levels

LISTS = tuple(name for name, option in OPTIONS.items() if option.kind == "list")
"""The options that may be given again."""

CONFIG = "TOML file of these options by their long names; the command line wins. [default: none]"


def _rows() -> list[list[Any]]:
    """Those that take one value, for `usage.Options`."""
    alone = [(name, option) for name, option in OPTIONS.items() if name not in (*LISTS, *FLAGS)]
    return [[name, None, option.default, option.text, partial(named, name)] for name, option in alone]


class Options(usage.Options):
    """The options of a node. A mistake ends the program with one line, as SystemExit.

    :ivar net: the network, once they are parsed. :ivar settings: keywords for `PeerFactory`, likewise.
    """

    net: Network
    settings: dict[str, Any]

    synopsis = "[options]"
    longdesc = (
        "Keeps connections to peers of a Bitcoin-like network, follows its header chain or its graph of blocks, "
        "and serves it."
    )

    optParameters = [*_rows(), ["config", "c", None, CONFIG]]
    optFlags = [[name, None, OPTIONS[name].text] for name in FLAGS]
    compData = usage.Completions(optActions={"config": usage.CompleteFiles("*.toml")})

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self._lists: dict[str, list[str]] = {}
        self.parent: usage.Options | None = None

    def opt_version(self) -> None:
        """Show the version and end."""
        print(f"peerproto {__version__}")
        sys.exit(0)

    def parseArgs(self, *words: str) -> None:
        """There is nothing but options."""
        if words:
            raise usage.UsageError(f"{words[0]!r} is one argument too many")

    def parseOptions(self, options: Sequence[str] | None = None) -> None:
        """Read the command line; if it names a file, read that, and then the command line over it."""
        words = sys.argv[1:] if options is None else options
        try:
            self._parse(words)
            if self["config"] is not None:
                self._take_file(self["config"])
                self._parse(words)
            self["network"] = self["network"] or (DEMO if self["demo"] else NETWORK)
            self.net = networks.named(self["network"], self["policy"])
            self.settings = keywords(self, self.net)
            seeds_of(self.net, self.seeds())
        except (LocalError, usage.UsageError) as error:
            sys.exit(f"peernode: {self._one_line(str(error))}")
        self._leave_out_pid_file()

    def timing(self) -> Timing:
        """The network's timing with what was given."""
        given = {field: self[name] for name, (field, _) in TIMES.items() if self[name] is not None}
        return replace(self.net.timing, **given)

    def company(self) -> dict[str, Any]:
        """Whom to look for, and what is kept of them: keywords of `peerproto.node.company.Company`."""
        return {
            "outbound": self.outbound(),
            "book": self.book(),
            "book_every": self["book-every"],
            "peers_file": self["peers-file"],
            "seeds": self.seeds(),
            "allow_local": bool(self["allow-local"]),
            "limits": Limits(total=self["inbound"]),
        }

    def outbound(self) -> int:
        """How many others to look for: none if it is said whom to call, as Bitcoin Core has it with `-connect`."""
        given: int | None = self["outbound"]
        if given is not None:
            return given
        return 0 if self["connect"] else TARGET

    def book(self) -> str | None:
        """Where the addresses are kept: who looks for peers has a file for them, unless it is said otherwise."""
        given: str | None = self["book"]
        if given is not None or not self.outbound():
            return given
        return f"book-{self.net.name}.sqlite"

    def seeds(self) -> list[str] | None:
        """The seeds that are named; None if they are the network's. Raises LocalError for seeds and none at once, and
        for some that nobody would ask.
        """
        if self["seed"] and self["no-seeds"]:
            raise LocalError("--seed and --no-seeds exclude each other")
        if self["seed"] and not self.outbound():
            raise LocalError("--seed: no others are looked for; --outbound above 0 says how many")
        return self["seed"] if self["seed"] or self["no-seeds"] else None

    def keep_blocks(self) -> int:
        """How many blocks to keep. Raises LocalError on a network where there is no chain of them."""
        most: int = self["keep-blocks"]
        if most and self.net.trade is None:
            raise LocalError(f"--keep-blocks: {self.net.name} has no chain of blocks to keep the newest of")
        return most

    def store_path(self) -> str:
        """Where headers or blocks are kept. Raises LocalError for a network of which a node can follow nothing."""
        return self["store"] or f"{what_is_kept(self.net)}-{self.net.name}.sqlite"

    def _parse(self, words: Sequence[str]) -> None:
        self._lists = {}
        super().parseOptions(words)  # type: ignore[no-untyped-call]
        self.update({name: [] for name in LISTS} | {**self} | self._lists)

    def _leave_out_pid_file(self) -> None:
        """twistd writes one of its own accord; in the foreground nobody needs it, unless it was asked for."""
        program: Any = self.parent
        if program and program.get("nodaemon") and not any(word.startswith("--pid") for word in sys.argv):
            program["pidfile"] = ""

    def _take_file(self, path: str) -> None:
        kinds = {name: option.kind for name, option in OPTIONS.items()}
        for name, value in read_config(path, kinds).items():
            try:
                self[name] = OPTIONS[name].read(value)
            except ValueError as error:
                raise LocalError(f"{path}: {name}: {error}") from None

    def _one_line(self, text: str) -> str:
        """Twisted's words for a mistake, and where it names a wrong option, the one that was meant."""
        text = text.removeprefix("Parameter type enforcement failed: ")
        words = text.split()
        if "not recognized" in text:
            return text + nearest(words[1], [f"--{name}" for name in (*OPTIONS, "config", "help", "version")])
        return text


def _collector(name: str) -> Callable[[Options, str], None]:
    """What usage calls each time that an option is given; its help is the docstring."""

    def collect(self: Options, given: str) -> None:
        self._lists.setdefault(name, []).append(given)

    collect.__doc__ = OPTIONS[name].text
    return collect


for _name in LISTS:
    setattr(Options, f"opt_{_name.replace('-', '_')}", _collector(_name))


def make_service(options: Options, reactor: Any, leave: Callable[[int], object]) -> Service:
    """The service that the options ask for. Raises SystemExit with one line for those that cannot be right.

    :param leave: called with an exit code when the service ends by itself.
    """
    try:
        with of_option("log-level"):
            set_log_levels(options["log-level"])
        if options["demo"]:
            return DemoService(reactor, leave, network=options.net)
        _check_places(options, reactor)
        return NodeProgram(
            reactor,
            options.net,
            store=options.store_path(),
            connect=options["connect"],
            listen=options["listen"],
            keep_blocks=options.keep_blocks(),
            timing=options.timing(),
            company=options.company(),
            **options.settings,
            leave=leave,
        )
    except LocalError as error:
        sys.exit(f"peernode: {error}")


def _check_places(options: Options, reactor: Any) -> None:
    """Whether there can be such places; the service, which looks again, knows no options."""
    with of_option("connect"):
        for where in options["connect"]:
            client_endpoint(reactor, where, options.net.port, proxy=options.settings.get("proxy"))
    with of_option("listen"):
        for where in options["listen"]:
            server_endpoint(reactor, where)


def makeService(options: Options) -> Service:
    """What twistd runs."""
    from twisted.internet import reactor

    use_threads_for_names(reactor)
    return make_service(options, reactor, partial(leave_twistd, reactor))
