"""What is said to a SOCKS5 proxy until it has connected us (RFC 1928; user and password: RFC 1929). Pure."""

from __future__ import annotations

from collections.abc import Callable, Generator
from dataclasses import dataclass, field
from ipaddress import ip_address
from urllib.parse import SplitResult, unquote_to_bytes, urlsplit

from peerproto.errors import ConnectFailed, LocalError, Reason

SCHEMES = ("socks5", "socks5h")
PORT = 1080
"""Where a proxy listens if it is not said."""

_FORM = "socks5://[USER:PASSWORD@]HOST[:PORT]"


@dataclass(frozen=True)
class Proxy:
    """Where a proxy is, and what it is told of us if it asks; both or none of `user` and `password`, in bytes."""

    host: str
    port: int = PORT
    user: bytes | None = None
    password: bytes = field(default=b"", repr=False)

    def __str__(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


def proxy_at(text: str) -> Proxy:
    """What `socks5://[USER:PASSWORD@]HOST[:PORT]` says; user and password may be escaped as in URLs.

    Raises LocalError, whose text repeats nothing of it, for it may show a password.
    """
    try:
        url = urlsplit(text)
        port = PORT if url.port is None else url.port
    except ValueError:
        raise _no_proxy("host or port are none") from None
    if url.scheme not in SCHEMES or not url.hostname or url.path.strip("/") or url.query or url.fragment:
        raise _no_proxy("it must have these parts and no others")
    if not port:
        raise _no_proxy("port 0, 1 to 65535 are allowed")
    return Proxy(url.hostname, port, *_login(url))


def _login(url: SplitResult) -> tuple[bytes | None, bytes]:
    if url.username is None:
        return None, b""
    user, password = map(unquote_to_bytes, (url.username, url.password or ""))
    if not (0 < len(user) < 256 and 0 < len(password) < 256):
        raise _no_proxy("user and password must have 1 to 255 bytes each")
    return user, password


def _no_proxy(why: str) -> LocalError:
    return LocalError(f"the proxy is no {_FORM}: {why}")


def target_of(host: str, port: int) -> bytes:
    """What a proxy is to connect to: an address as such, any other host by name. Raises LocalError."""
    try:
        address = ip_address(host)
    except ValueError:
        name = _name(host)
        return bytes((3, len(name))) + name + port.to_bytes(2, "big")
    return (b"\1" if address.version == 4 else b"\4") + address.packed + port.to_bytes(2, "big")


def _name(host: str) -> bytes:
    try:
        name = host.encode("ascii" if host.isascii() else "idna")
    except UnicodeError as error:
        raise LocalError(f"{host!r} is no name of a host: {error}") from None
    if not 0 < len(name) < 256:
        raise LocalError(f"{host!r} is no name of a host: it has {len(name)} bytes, 1 to 255 are allowed")
    return name


_REFUSALS = {
    1: "it has failed, and does not say why",
    2: "its rules do not allow it",
    3: "the network cannot be reached",
    4: "the host cannot be reached",
    5: "refused: nothing listens there",
    6: "too far away (TTL expired)",
    7: "it does not connect to anything",
    8: "it knows no addresses of this kind",
}
_SIZES = {1: 4, 4: 16}


def negotiation(write: Callable[[bytes], object], proxy: Proxy, target: bytes) -> Generator[int, bytes, None]:
    """Talk a proxy into connecting us; yields of how many bytes the next step must be made.

    :param target: see `target_of`.

    Raises ConnectFailed.
    """
    yield from _log_in(write, proxy)
    write(b"\5\1\0" + target)
    version, refusal, _, kind = yield 4
    _check_version(version)
    if refusal:
        raise _failed(_REFUSALS.get(refusal, f"error {refusal}"))
    size = (yield 1)[0] if kind == 3 else _SIZES.get(kind)
    if size is None:
        raise _failed("it does not speak SOCKS5")
    yield size + 2


def _log_in(write: Callable[[bytes], object], proxy: Proxy) -> Generator[int, bytes, None]:
    user, password = proxy.user, proxy.password
    methods = b"\0" if user is None else b"\0\2"
    write(bytes((5, len(methods))) + methods)
    version, method = yield 2
    _check_version(version)
    if user is not None and method == 2:
        write(bytes((1, len(user))) + user + bytes((len(password),)) + password)
        _, refused = yield 2
        if refused:
            raise _failed("it does not accept our user and password")
    elif method:
        asks = "it asks for a user and a password"
        raise _failed(asks if user is None else "it wants neither a user and password nor nothing")


def _check_version(version: int) -> None:
    if version != 5:
        raise _failed("it does not speak SOCKS5")


def _failed(text: str) -> ConnectFailed:
    return ConnectFailed(text, Reason.PROXY)
