"""Whom we do not want to hear of: addresses and networks of them, each until some time."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from typing import NamedTuple

from peerproto.errors import LocalError

__all__ = ["Ban", "Bans", "net_of"]

Net = IPv4Network | IPv6Network
Key = tuple[int, int, int]
"""Version, length and the first bits of a network: looking for these is much faster than for the network."""


class Ban(NamedTuple):
    """`what` is a network of addresses (`192.0.2.0/24`; one address has all bits), `until` in seconds since 1970."""

    what: str
    until: float
    reason: str
    by: str


def net_of(text: str) -> Net:
    """The network that an address or a CIDR says; bits behind its length do not matter, IPv4 in IPv6 is IPv4.

    Raises LocalError for any other text.
    """
    try:
        net = ip_network(text.strip(), strict=False)
    except ValueError:
        raise LocalError(f"{text!r} is no address and no network of them, as 192.0.2.0/24") from None
    if net.version == 6 and net.network_address.ipv4_mapped is not None and net.prefixlen >= 96:
        return IPv4Network((net.network_address.ipv4_mapped, net.prefixlen - 96), strict=False)
    return net


class Bans:
    """The list of bans. What is allowed is never banned, whatever is said here of a network that it is in.

    :param now: the wall clock, in seconds since 1970: a ban ends when its time has come, even if we did not run.
    :param allowed: addresses and networks. Raises LocalError for what is neither.
    :ivar when_banned: called with each new ban, to end those peers that it is about.
    :ivar changed: the networks whose bans are not as they were told when this was last emptied.
    """

    def __init__(self, now: Callable[[], float], allowed: Collection[str] = ()) -> None:
        self.when_banned: list[Callable[[Ban], object]] = []
        self.changed: set[str] = set()
        self._now = now
        self._allowed = [net_of(text) for text in allowed]
        self._bans: dict[Key, Ban] = {}
        self._lengths: dict[int, set[int]] = {4: set(), 6: set()}

    def __iter__(self) -> Iterator[Ban]:
        """The bans that hold now."""
        self._expire()
        return iter(list(self._bans.values()))

    def __len__(self) -> int:
        """How many hold now."""
        self._expire()
        return len(self._bans)

    def get(self, what: str) -> Ban | None:
        """The ban of just this address or network. Raises LocalError for what is neither."""
        self._expire()
        return self._bans.get(_key_of(net_of(what)))

    def ban(self, what: str, until: float, reason: str, by: str) -> Ban:
        """Ban an address or network; a ban of the same is replaced. Raises LocalError for what is neither.

        :param until: in seconds since 1970. :param by: whom, for people: `operator`, `score`.
        """
        ban = self.restore(Ban(what, until, reason, by))
        self.changed.add(ban.what)
        for tell in list(self.when_banned):
            tell(ban)
        return ban

    def unban(self, what: str) -> bool:
        """Take back the ban of just this address or network; whether there was one. Raises LocalError as `ban`."""
        net = net_of(what)
        if self._bans.pop(_key_of(net), None) is None:
            return False
        self.changed.add(str(net))
        return True

    def restore(self, ban: Ban) -> Ban:
        """Put in a ban that was there before, told to nobody; as it is written here. Raises LocalError as `ban`."""
        net = net_of(ban.what)
        self._bans[_key_of(net)] = kept = ban._replace(what=str(net))
        self._lengths[net.version].add(net.prefixlen)
        return kept

    def of(self, host: str) -> Ban | None:
        """The ban that holds for a host now, of the widest network; None if there is none, or it is no address."""
        try:
            address = ip_address(host.partition("%")[0]) if self._bans else None
        except ValueError:
            return None
        address = getattr(address, "ipv4_mapped", None) or address
        if address is None or any(address in net for net in self._allowed):
            return None
        found = (self._bans.get(_key(address, length)) for length in sorted(self._lengths[address.version]))
        now = self._now()
        return next((ban for ban in found if ban is not None and ban.until > now), None)

    def _expire(self) -> None:
        now = self._now()
        for key in [key for key, ban in self._bans.items() if ban.until <= now]:
            self.changed.add(self._bans.pop(key).what)


def _key_of(net: Net) -> Key:
    return _key(net.network_address, net.prefixlen)


def _key(address: IPv4Address | IPv6Address, length: int) -> Key:
    return address.version, length, int(address) >> (address.max_prefixlen - length)
