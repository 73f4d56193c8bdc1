"""`twistd peernode`: its options, from the command line and from a file, and the service that they make."""

from __future__ import annotations

import sys
import tomllib
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from twisted.application.service import Service
from twisted.python import usage

from peerproto import __version__, networks
from peerproto.errors import LocalError
from peerproto.network import Timing
from peerproto.networks import nearest
from peerproto.node.service import PeerNodeService
from peerproto.peer.factory import USER_AGENT

_TIMES = {
    "handshake-timeout": "handshake",
    "idle-timeout": "idle",
    "ping-interval": "ping",
    "grace": "grace",
}


def _seconds(text: str) -> float:
    seconds = float(text)
    if not 0 < seconds < 1e9:
        raise ValueError(f"{text} is no number of seconds above 0")
    return seconds


_PARAMETERS: list[list[Any]] = [
    ["network", None, "bitcoin-mainnet", "The network, one of those that `peerproto networks` lists."],
    ["policy", None, "btcd", "Whose way to follow where references differ: btcd or core."],
    ["store", None, None, "SQLite file of the header chain; by default headers-NETWORK.sqlite."],
    ["user-agent", None, USER_AGENT, "What to call ourselves, at most 256 bytes."],
    ["handshake-timeout", None, Timing.handshake, "Seconds for the whole handshake.", _seconds],
    [
        "idle-timeout",
        None,
        Timing.idle,
        "Seconds without a complete message until a peer is ended.",
        _seconds,
    ],
    ["ping-interval", None, Timing.ping, "Seconds between two pings.", _seconds],
    ["grace", None, Timing.grace, "Seconds that an ending connection may take.", _seconds],
    ["config", "c", None, "TOML file of these options by their long names; the command line wins."],
]
_FLAGS: list[list[Any]] = [
    ["demo", None, "Sync headers between two nodes on loopback, show what each saw, and end."],
]


class Options(usage.Options):
    """The options of a node. A mistake ends the program with one line, as `SystemExit`."""

    synopsis = "[options]"
    longdesc = "Keeps connections to peers of a Bitcoin-like network, follows its header chain and serves it."

    optParameters = _PARAMETERS
    optFlags = _FLAGS
    compData = usage.Completions(optActions={"config": usage.CompleteFiles("*.toml")})

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self._lists: dict[str, list[str]] = {"connect": [], "listen": []}

    def opt_connect(self, where: str) -> None:
        """A peer to keep connected: HOST[:PORT] or an endpoint string. May be given again."""
        self._lists["connect"].append(where)

    def opt_listen(self, where: str) -> None:
        """Where to accept peers, an endpoint string: tcp:19444:interface=127.0.0.1. May be given again."""
        self._lists["listen"].append(where)

    def opt_version(self) -> None:
        """Show the version and end."""
        print(f"peerproto {__version__}")
        sys.exit(0)

    def parseOptions(self, options: Sequence[str] | None = None) -> None:
        """Read the file, then the command line over it."""
        words = list(sys.argv[1:] if options is None else options)
        try:
            file = read_config(config_path(words), self.names()) if config_path(words) else {}
            self._take_file(file)
            super().parseOptions(words)  # type: ignore[no-untyped-call]
            for name in self._lists:
                self[name] = self._lists[name] or file.get(name, [])
            self["net"] = networks.named(self["network"], self["policy"])
        except (LocalError, usage.UsageError) as error:
            sys.exit(f"peernode: {self._with_nearest(str(error))}")

    def names(self) -> list[str]:
        """The long names of all options."""
        return [*(row[0] for row in _PARAMETERS), *(row[0] for row in _FLAGS), *self._lists]

    def timing(self) -> Timing:
        """The network's timing with what was given."""
        given = {field: self[name] for name, field in _TIMES.items()}
        timing: Timing = self["net"].timing
        return replace(timing, **given)

    def store_path(self) -> str:
        """Where the header chain is kept."""
        return self["store"] or f"headers-{self['network']}.sqlite"

    def _take_file(self, file: dict[str, Any]) -> None:
        """What the file says stands where the command line says nothing."""
        coerce = {row[0]: row[4] for row in _PARAMETERS if len(row) > 4}
        for name, value in file.items():
            if name in self._lists:
                continue
            try:
                self.opts[name] = coerce.get(name, lambda given: given)(value)
            except (TypeError, ValueError) as error:
                raise LocalError(f"{name}: {error}") from None

    def _with_nearest(self, text: str) -> str:
        """Twisted names the wrong option; this adds the one that was meant."""
        words = text.split()
        if "not recognized" in text and len(words) > 1:
            return text + nearest(words[1], [f"--{name}" for name in self.names()])
        return text


def config_path(words: Sequence[str]) -> str:
    """The file that a command line names, before the rest of it is looked at."""
    for word, following in zip(words, [*words[1:], ""], strict=True):
        if word in ("--config", "-c"):
            return following
        if word.startswith("--config="):
            return word.partition("=")[2]
    return ""


def read_config(path: str, names: Sequence[str]) -> dict[str, Any]:
    """What a TOML file says. Raises LocalError naming the file, the key and what is allowed."""
    try:
        with open(path, "rb") as file:
            found = tomllib.load(file)
    except (OSError, tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise LocalError(f"--config {path}: {error}") from None
    for name, value in found.items():
        if name not in names or name == "config":
            raise LocalError(f"{path}: there is no option {name!r}{nearest(name, names)}")
        _check_type(path, name, value)
    return found


def _check_type(path: str, name: str, value: Any) -> None:
    if name in ("connect", "listen"):
        right, wanted = (
            isinstance(value, list) and all(isinstance(item, str) for item in value),
            "a list of strings",
        )
    elif name in _TIMES:
        right, wanted = isinstance(value, int | float) and not isinstance(value, bool), "a number of seconds"
    elif name == "demo":
        right, wanted = isinstance(value, bool), "true or false"
    else:
        right, wanted = isinstance(value, str), "a string"
    if not right:
        raise LocalError(f"{path}: {name} is {value!r}, {wanted} is asked")


class NodeCommand(PeerNodeService):
    """The node as a program: what keeps it from starting is one line and exit code 1."""

    def startService(self) -> None:
        """Start, or end the program."""
        try:
            super().startService()
        except LocalError as error:
            print(f"peernode: {error}", file=sys.__stderr__)
            raise SystemExit(1) from None


def makeService(options: Options) -> Service:
    """What twistd runs."""
    from twisted.internet import reactor

    if options["demo"]:
        from peerproto.node.demo import DemoService

        return DemoService(reactor)
    try:
        return NodeCommand(
            reactor,
            options["net"],
            store=options.store_path(),
            connect=options["connect"],
            listen=options["listen"],
            user_agent=options["user-agent"],
            timing=options.timing(),
        )
    except LocalError as error:
        sys.exit(f"peernode: {error}")
