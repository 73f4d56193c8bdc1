"""How mistakes in options are told, and the options that several commands have."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, NoReturn

from peerproto.errors import LocalError
from peerproto.networks import named, nearest
from peerproto.wire.codec import Codec

if TYPE_CHECKING:
    from peerproto.peer.socks import Proxy

_TOP_PVER = 0x7FFF_FFFF
"""The highest number that fits the version message's field."""


class Parser(argparse.ArgumentParser):
    """Says what is wrong in one line that names the option, and ends with exit code 2.

    Options are not recognised by their beginnings: what a script writes must not come to mean two things.
    Descriptions are shown with the line breaks that they have.
    """

    def __init__(self, **settings: Any) -> None:
        shape = argparse.RawDescriptionHelpFormatter
        super().__init__(allow_abbrev=False, formatter_class=shape, **settings)

    def error(self, message: str) -> NoReturn:
        self.exit(2, f"{self.prog}: {message.removeprefix('argument ')}\n")

    def parse_known_args(  # type: ignore[override]
        self, args: Sequence[str] | None = None, namespace: argparse.Namespace | None = None
    ) -> tuple[argparse.Namespace, list[str]]:
        """Refuse what is not known here, so that the command's own parser can say what is nearest."""
        found, unknown = super().parse_known_args(args, namespace)
        if unknown:
            self.error(self._why_unknown(unknown[0].partition("=")[0]))
        return found, unknown

    def _why_unknown(self, word: str) -> str:
        if not word.startswith("-"):
            return f"{word!r} is one argument too many"
        known = [option for option in self._option_string_actions if option.startswith("--")]
        return f"there is no option {word!r}{nearest(word, known)}"


def one_of(choices: Sequence[str]) -> Callable[[str], str]:
    """A type for `add_argument`: one of a few words."""

    def check(word: str) -> str:
        if word not in choices:
            raise argparse.ArgumentTypeError(f"there is no {word!r}{nearest(word, choices)}")
        return word

    return check


def network_name(word: str) -> str:
    """A type for `add_argument`: the name of a network."""
    try:
        return named(word).name
    except LocalError as error:
        raise argparse.ArgumentTypeError(str(error)) from None


def protocol_version(word: str) -> int:
    """A type for `add_argument`: a protocol version."""
    number = int(word) if word.isascii() and word.isdecimal() and len(word) < 20 else 0
    if not 0 < number <= _TOP_PVER:
        raise argparse.ArgumentTypeError(f"{word!r} is no protocol version: 1 to {_TOP_PVER} are allowed")
    return number


def seconds(word: str) -> float:
    """A type for `add_argument`: a time in seconds."""
    try:
        value = float(word)
    except ValueError:
        value = 0.0
    if not 0 < value <= 86_400:
        raise argparse.ArgumentTypeError(f"{word!r} is no time: a number of seconds above 0, at most 86400")
    return value


def proxy(word: str) -> Proxy:
    """A type for `add_argument`: a proxy."""
    from peerproto.peer.socks import proxy_at

    try:
        return proxy_at(word)
    except LocalError as error:
        raise argparse.ArgumentTypeError(str(error)) from None


def add_proxy(parser: argparse.ArgumentParser) -> None:
    """The option that says through what a peer is called."""
    parser.add_argument(
        "--proxy",
        type=proxy,
        metavar="URL",
        help="call through a SOCKS5 proxy, socks5://[USER:PASSWORD@]HOST[:PORT], which alone looks up names; the peer "
        "must be a HOST[:PORT] then (default: none)",
    )


def add_network(parser: argparse.ArgumentParser) -> None:
    """The options that say which network is spoken, and whose way."""
    parser.add_argument(
        "--network",
        required=True,
        type=network_name,
        metavar="NAME",
        help="the network, one of those that `peerproto networks` lists; required",
    )
    add_policy(parser)


def add_policy(parser: argparse.ArgumentParser) -> None:
    """The option that says whose way is followed."""
    parser.add_argument(
        "--policy",
        metavar="NAME",
        help="whose way to follow where the references of a network differ: btcd or core on bitcoin and litecoin "
        "(default: the network's first, as `peerproto networks` lists them)",
    )


def add_pver(parser: argparse.ArgumentParser) -> None:
    """The option for the protocol version."""
    parser.add_argument(
        "--pver",
        type=protocol_version,
        metavar="N",
        help="the protocol version that is spoken (default: the network's highest)",
    )


def add_codec(parser: argparse.ArgumentParser) -> None:
    """The options that say how frames are read and written."""
    add_network(parser)
    add_pver(parser)
    parser.add_argument(
        "--encoding",
        default="witness",
        type=one_of(("witness", "base")),
        metavar="witness|base",
        help="how transactions stand in frames: with their witnesses (BIP144), or without, as a peer without "
        "service bit 3 has them (default: %(default)s)",
    )


def codec_of(options: argparse.Namespace) -> Codec:
    """The codec that the options of `add_codec` say. Raises LocalError."""
    network = named(options.network, options.policy)
    return network.codec(options.pver, options.encoding == "witness")
