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
from peerproto.node.program import NodeProgram, leave_twistd
from peerproto.node.settings import SETTINGS, keywords, seconds
from peerproto.peer.factory import USER_AGENT, PeerFactory
from peerproto.peer.logs import set_log_levels

NETWORK = "bitcoin-mainnet"

TIMES = {
    "handshake-timeout": ("handshake", "Seconds that the whole handshake may take."),
    "idle-timeout": ("idle", "Seconds without a complete message after which a peer is ended."),
    "ping-interval": ("ping", "Seconds between two pings."),
    "grace": ("grace", "Seconds that an ending connection may take."),
}
"""The options that are times: the field of `Timing`, and the explanation."""


def _seconds_of(name: str, given: str) -> float:
    """A time on the command line; Twisted does not say which option it was."""
    try:
        return seconds(given)
    except ValueError as error:
        raise ValueError(f"--{name}: {error}") from None


MOST_OUTBOUND = 1000


def _whole_number(given: str | int) -> int:
    """Raises ValueError."""
    try:
        number = int(given)
    except ValueError:
        number = -1
    if not 0 <= number <= MOST_OUTBOUND:
        raise ValueError(f"{given!r} is no number from 0 to {MOST_OUTBOUND}")
    return number


def _outbound(given: str) -> int:
    """The same for the command line; Twisted does not say which option it was."""
    try:
        return _whole_number(given)
    except ValueError as error:
        raise ValueError(f"--outbound: {error}") from None


def _checked(name: str, value: Any) -> Any:
    """A value of a file. Raises ValueError."""
    if name == "outbound":
        return _whole_number(value)
    return seconds(value) if name in TIMES else value


def _time(name: str) -> list[Any]:
    """The row of an option that is a time, for `usage.Options`."""
    field, text = TIMES[name]
    text = f"{text} [default: the network's own, for Bitcoin {getattr(Timing, field):g}]"
    return [name, None, None, text, partial(_seconds_of, name)]


LISTS = ("connect", "listen", "log-level", "user-agent-comment")
"""The options that may be given again."""


def _settings() -> list[list[Any]]:
    """The rows of the options that say what peers are like, but for lists, and flags that are off."""
    rows = [[name, None, None, setting.text] for name, setting in SETTINGS.items() if name not in LISTS]
    return [row for row in rows if row[0] != "no-stall-handler"]


PARAMETERS: list[list[Any]] = [
    [
        "network",
        None,
        None,
        f"The network, one of those that `peerproto networks` lists. [default: {NETWORK}; {DEMO} with --demo]",
    ],
    [
        "policy",
        None,
        None,
        "Whose way to follow where the references of a network differ: btcd or core. [default: the network's first]",
    ],
    [
        "store",
        None,
        None,
        "SQLite file of headers, or of a graph's blocks. [default: headers-NETWORK.sqlite, blocks-NETWORK.sqlite]",
    ],
    [
        "outbound",
        None,
        0,
        "How many other peers to look for and call, at most one of each network group. [default: 0]",
        _outbound,
    ],
    [
        "book",
        None,
        None,
        "SQLite file of the addresses, bans and ended connections. [default: none, they are forgotten]",
    ],
    [
        "peers-file",
        None,
        None,
        "What an empty book begins with, one HOST:PORT a line. [default: what comes with the network]",
    ],
    ["user-agent", None, USER_AGENT, "What to call ourselves, at most 256 bytes."],
    *_settings(),
    *map(_time, TIMES),
    [
        "config",
        "c",
        None,
        "TOML file of these options by their long names; the command line wins. [default: none]",
    ],
]

FLAGS: list[list[Any]] = [
    [
        "demo",
        None,
        "Let two nodes on loopback sync what is made here, show what each saw, and end. [default: off]",
    ],
    ["allow-local", None, "Call addresses of private networks, too. [default: off but on local nets]"],
    ["no-stall-handler", None, SETTINGS["no-stall-handler"].text],
]

KINDS = {
    **{row[0]: "text" for row in PARAMETERS if row[0] != "config"},
    **dict.fromkeys(TIMES, "seconds"),
    "outbound": "number",
    **{row[0]: "flag" for row in FLAGS},
    **dict.fromkeys(LISTS, "list"),
    **{name: setting.kind for name, setting in SETTINGS.items()},
}
"""What may stand in a file, and of which type."""


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

    optParameters = PARAMETERS
    optFlags = FLAGS
    compData = usage.Completions(optActions={"config": usage.CompleteFiles("*.toml")})

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self._lists: dict[str, list[str]] = {}

    def opt_connect(self, where: str) -> None:
        """A peer to keep connected, HOST[:PORT] or an endpoint string; may be given again. [default: none]"""
        self._lists.setdefault("connect", []).append(where)

    def opt_listen(self, where: str) -> None:
        """Where to accept peers, an endpoint string; may be given again. [default: nowhere]"""
        self._lists.setdefault("listen", []).append(where)

    def opt_log_level(self, level: str) -> None:
        """What is logged, NAMESPACE=LEVEL as in peerproto.messages=debug; may be given again. [default: info]"""
        self._lists.setdefault("log-level", []).append(level)

    def opt_user_agent_comment(self, comment: str) -> None:
        """A comment on the program that is named; may be given again. [default: none]"""
        self._lists.setdefault("user-agent-comment", []).append(comment)

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
            self.settings = {"user_agent": self["user-agent"], **keywords(self, self.net)}
            PeerFactory(self.net, **self.settings)
        except (LocalError, usage.UsageError) as error:
            sys.exit(f"peernode: {self._one_line(str(error))}")

    def timing(self) -> Timing:
        """The network's timing with what was given."""
        given = {field: self[name] for name, (field, _) in TIMES.items() if self[name] is not None}
        return replace(self.net.timing, **given)

    def company(self) -> dict[str, Any]:
        """Whom to look for, and what is kept of them: keywords of `peerproto.node.company.Company`."""
        return {
            "outbound": self["outbound"],
            "book": self["book"],
            "peers_file": self["peers-file"],
            "allow_local": bool(self["allow-local"]),
        }

    def store_path(self) -> str:
        """Where headers or blocks are kept. Raises LocalError for a network of which a node can follow nothing."""
        return self["store"] or f"{what_is_kept(self.net)}-{self.net.name}.sqlite"

    def _parse(self, words: Sequence[str]) -> None:
        self._lists = {}
        super().parseOptions(words)  # type: ignore[no-untyped-call]
        self.update({name: [] for name in LISTS} | {**self} | self._lists)

    def _take_file(self, path: str) -> None:
        for name, value in read_config(path, KINDS).items():
            try:
                self[name] = _checked(name, value)
            except ValueError as error:
                raise LocalError(f"{path}: {name}: {error}") from None

    def _one_line(self, text: str) -> str:
        """Twisted's words for a mistake, and where it names a wrong option, the one that was meant."""
        text = text.removeprefix("Parameter type enforcement failed: ")
        words = text.split()
        if "not recognized" in text:
            return text + nearest(words[1], [f"--{name}" for name in (*KINDS, "config", "help", "version")])
        return text


def make_service(options: Options, reactor: Any, leave: Callable[[int], object]) -> Service:
    """The service that the options ask for. Raises SystemExit with one line for those that cannot be right.

    :param leave: called with an exit code when the service ends by itself.
    """
    try:
        set_log_levels(options["log-level"])
        if options["demo"]:
            return DemoService(reactor, leave, network=options.net)
        return NodeProgram(
            reactor,
            options.net,
            store=options.store_path(),
            connect=options["connect"],
            listen=options["listen"],
            timing=options.timing(),
            company=options.company(),
            **options.settings,
            leave=leave,
        )
    except LocalError as error:
        sys.exit(f"peernode: {error}")


def makeService(options: Options) -> Service:
    """What twistd runs."""
    from twisted.internet import reactor

    return make_service(options, reactor, partial(leave_twistd, reactor))
