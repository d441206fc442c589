"""Which addresses of the network notices may be sent to: public ones, and those that are named.

It knows numbers alone: a name is resolved by whoever connects, and what came of that is asked here.
"""

from __future__ import annotations

from collections.abc import Sequence
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network

Network = IPv4Network | IPv6Network

# An IPv6 address that leads to an IPv4 one: NAT64, whose last 32 bits are it.
_NAT64 = ip_network("64:ff9b::/96")
_NOT_PUBLIC = "is private, loopback or link-local"


def refusal(address: str, reachable: Sequence[Network]) -> str | None:
    """Why nothing is sent to the address, in words that do not say it; None: it may be."""
    try:
        number = ip_address(address.partition("%")[0])
    except ValueError:
        return "is no address of the internet"
    inner = _leads_to(number)
    named = any(
        each in network for each in (number, inner) if each is not None for network in reachable
    )
    public = all(_is_public(each) for each in (number, inner) if each is not None)
    return None if public or named else _NOT_PUBLIC


def _is_public(number: IPv4Address | IPv6Address) -> bool:
    if number in _NAT64:  # it is what it leads to
        return True
    # Of 6to4 and site-local addresses older releases of Python say that they are global.
    older = isinstance(number, IPv6Address) and (number.is_site_local or number.sixtofour)
    return number.is_global and not (number.is_multicast or number.is_reserved or older)


def _leads_to(number: IPv4Address | IPv6Address) -> IPv4Address | None:
    """The IPv4 address that an IPv6 one leads to, if any."""
    if isinstance(number, IPv4Address):
        return None
    if number in _NAT64:
        return IPv4Address(int(number) & 0xFFFFFFFF)
    return number.ipv4_mapped or number.sixtofour or (number.teredo or (None, None))[1]
