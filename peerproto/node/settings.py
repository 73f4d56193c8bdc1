"""The options of a node that say what its peers are like: from words, or from a file, to keywords of `PeerFactory`."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from peerproto.errors import LocalError
from peerproto.network import Network
from peerproto.networks import nearest
from peerproto.peer.factory import PeerFactory
from peerproto.peer.socks import proxy_at

__all__ = ["SETTINGS", "Setting", "bits_of", "keywords", "of_option", "seconds"]

LONGEST = 86_400.0


def seconds(given: str | float) -> float:
    """A time. Raises ValueError."""
    try:
        found = float(given)
    except ValueError:
        found = 0.0
    if not 0 < found <= LONGEST:
        raise ValueError(f"{given!r} is no time: seconds above 0, at most {LONGEST:g}, are allowed")
    return found


def bits_of(network: Network, text: str) -> int:
    """The bit set that `NETWORK,BLOOM` or `9,0x400` says, names and numbers mixed as one likes. Raises ValueError."""
    named = {name: 1 << bit for bit, name in network.services.items()}
    bits = 0
    for word in filter(None, map(str.strip, text.split(","))):
        number = named.get(word.upper())
        bits |= _whole(word, f"no service{nearest(word.upper(), named)}") if number is None else number
    if bits >> 64:
        raise ValueError(f"{bits:#x} has {bits.bit_length()} bits, at most 64 are allowed")
    return bits


def _whole(given: str | int, what: str = "no number") -> int:
    try:
        number = given if isinstance(given, int) else int(given, 0)
    except ValueError:
        number = -1
    if number < 0:
        raise ValueError(f"{given!r} is {what}")
    return number


def _number(network: Network, given: str | int) -> int:
    return _whole(given)


def _version(network: Network, given: str | int) -> int:
    """One that can be spoken: of a lower one every peer would end, and a higher one is not known here."""
    version, least, most = _whole(given), network.least_protocol_version, network.protocol_version
    if version and not least <= version <= most:
        raise ValueError(f"{version} is none: {least} to {most} are allowed, or 0 for the network's own")
    return version


def _port(network: Network, given: str | int) -> int:
    port = _whole(given)
    if port > 65535:
        raise ValueError(f"port {port}, at most 65535 is allowed")
    return port


def _switch(network: Network, given: str | bool) -> bool:
    if given not in (True, False, "yes", "no"):
        raise ValueError(f"{given!r} is neither yes nor no")
    return given in (True, "yes")


def _hash(network: Network, given: str) -> bytes:
    """Bytes in the order of the wire, of the digits that people write."""
    if not re.fullmatch("[0-9a-fA-F]{40}", given):
        raise ValueError(f"{given!r} is no id: 40 hexadecimal digits are asked")
    return bytes.fromhex(given)[::-1]


def _proxy(network: Network, given: str) -> str:
    proxy_at(given)
    return given


def _as_it_is(network: Network, given: Any) -> Any:
    return given


@dataclass(frozen=True)
class Setting:
    """An option of that kind.

    :ivar keyword: of `PeerFactory`. :ivar kind: what it is in a file, one of `peerproto.node.configfile.KINDS`.
    :ivar read: its value, of the network and what was given. Raises ValueError, LocalError.
    :ivar text: the explanation, with the default.
    """

    keyword: str
    kind: str
    read: Callable[[Network, Any], Any]
    text: str


SETTINGS: dict[str, Setting] = {
    "user-agent-name": Setting(
        "user_agent_name",
        "text",
        _as_it_is,
        "A program that is built on that, told behind it as NAME:VERSION(COMMENT; COMMENT)/. [default: none]",
    ),
    "user-agent-version": Setting("user_agent_version", "text", _as_it_is, "Its version. [default: none]"),
    "user-agent-comment": Setting(
        "user_agent_comments",
        "list",
        _as_it_is,
        "A comment on the program that is named; may be given again. [default: none]",
    ),
    "services": Setting(
        "services",
        "text",
        bits_of,
        "What we say that we offer: names or numbers, as NETWORK,0x8. [default: nothing]",
    ),
    "services-wanted": Setting(
        "services_wanted", "text", bits_of, "What peers that we call must offer, likewise. [default: nothing]"
    ),
    "protocol-version": Setting(
        "protocol_version",
        "number",
        _version,
        "The highest protocol version that is spoken; 0 for the network's own. [default: 0]",
    ),
    "least-protocol-version": Setting(
        "least_protocol_version",
        "number",
        _number,
        "The lowest protocol version that a peer may speak. [default: the network's own]",
    ),
    "relay": Setting(
        "relay",
        "flag",
        _switch,
        "yes or no: whether transactions shall be announced to us. [default: no, but where blocks are not then]",
    ),
    "subnetwork": Setting(
        "subnetwork",
        "text",
        _hash,
        "The id of the subnetwork that is followed, in hex, on a network that has them. [default: all]",
    ),
    "port": Setting(
        "port",
        "number",
        _port,
        "The port at which others can call us, on a network whose versions tell it. [default: 0, none]",
    ),
    "trickle-interval": Setting(
        "trickle_interval",
        "seconds",
        lambda network, given: seconds(given),
        "How long announcements are gathered, in seconds. [default: the network's own, for Bitcoin 10]",
    ),
    "proxy": Setting(
        "proxy",
        "text",
        _proxy,
        "The SOCKS5 proxy through which all are called and names looked up, socks5://[USER:PASSWORD@]HOST[:PORT]. "
        "[default: none]",
    ),
    "no-stall-handler": Setting(
        "stall_handler",
        "flag",
        lambda network, given: not given,
        "Let no peer be ended for an answer that it owes. [default: off]",
    ),
}
"""The options by their long names, but for those that every network has the same kind of time for."""


_OPTIONS = {setting.keyword: name for name, setting in SETTINGS.items()} | {"user_agent": "user-agent"}
_KEYWORD = re.compile(r"^[a-z]+(?=: )|(?<!['\w])[a-z]+(?:_[a-z]+)+\b")
"""How a keyword stands in the words of an error: with an underscore anywhere outside quotes, else in front."""


def keywords(given: Mapping[str, Any], network: Network) -> dict[str, Any]:
    """The keywords of what was given, with which a factory can be made. Raises LocalError, which names the option."""
    found = {"user_agent": given["user-agent"]} if "user-agent" in given else {}
    for name, setting in SETTINGS.items():
        value = given[name]
        if value not in (None, [], 0) or value is False:
            with of_option(name):
                found[setting.keyword] = setting.read(network, value)
    try:
        PeerFactory(network, **found)
    except LocalError as error:
        raise LocalError(_KEYWORD.sub(_as_option, str(error))) from None
    return found


@contextmanager
def of_option(name: str) -> Iterator[None]:
    """What cannot be within is what that option says. Raises LocalError, which names it."""
    try:
        yield
    except (ValueError, LocalError) as error:
        raise LocalError(f"--{name}: {error}") from None


def _as_option(keyword: re.Match[str]) -> str:
    return f"--{_OPTIONS[keyword[0]]}" if keyword[0] in _OPTIONS else keyword[0]
