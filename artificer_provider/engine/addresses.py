"""Where a call comes from, as far as it can be believed."""

from __future__ import annotations

import ipaddress
import re
from typing import TYPE_CHECKING, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

Address: TypeAlias = ipaddress.IPv4Address | ipaddress.IPv6Address
Network: TypeAlias = ipaddress.IPv4Network | ipaddress.IPv6Network

#: As proxies write one: perhaps in brackets, perhaps with a port.
_WRITTEN = re.compile(r"\[(?P<six>[^\]]+)\](:\d+)?|(?P<four>[\d.]+)(:\d+)?|(?P<bare>[^\[\]]+)")
_MAPPED = ipaddress.IPv6Network("::ffff:0:0/96")


def read_address(text: str) -> Address | None:
    """Read an address; None when it is none. IPv4 in an IPv6 dress, as some sockets give it, is IPv4."""
    found = _WRITTEN.fullmatch(text.strip())
    if found is None:
        return None
    try:
        address = ipaddress.ip_address(found["six"] or found["four"] or found["bare"])
    except ValueError:
        return None
    if isinstance(address, ipaddress.IPv6Address):
        return address.ipv4_mapped or ipaddress.IPv6Address(
            int(address)
        )  # without the zone: ours, not theirs
    return address


def read_network(text: str) -> Network:
    """
    Read a network in CIDR notation, or a single address.

    :raises ValueError: when it is none, saying why.
    """
    network = ipaddress.ip_network(text.strip())
    if isinstance(network, ipaddress.IPv6Network) and network.subnet_of(_MAPPED):
        return ipaddress.ip_network(
            (int(network.network_address) & 0xFFFFFFFF, network.prefixlen - _MAPPED.prefixlen)
        )
    return network


def is_within(address: Address | None, networks: Iterable[Network]) -> bool:
    """Tell whether an address is in one of some networks; one that is not known is in none."""
    return address is not None and any(address in network for network in networks)


def caller_address(peer: str | None, forwarded: Sequence[str], trusted: Sequence[Network]) -> Address | None:
    """
    Say where a call comes from: its socket's other end, unless that is a proxy of ours, which says for whom.

    :param peer: the address at the other end of the socket.
    :param forwarded: the ``X-Forwarded-For`` headers. Anybody can send one, so only what our own proxies have
        added counts: from the right, the first that is not one of them.
    :param trusted: where our proxies are.
    :returns: None when it cannot be told.
    """
    address = read_address(peer or "")
    hops = [hop for line in forwarded for hop in line.split(",") if hop.strip()]
    while hops and is_within(address, trusted):
        address = read_address(hops.pop())
    return address
