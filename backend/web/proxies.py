"""What stands between a browser and the server: what trusted proxies say of a request takes the
place of what they hide, and the path under which they publish the server is left out.

Whoever is not trusted may say what they like: it is left out, unread.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Receive, Scope, Send

log = logging.getLogger(__name__)

Address = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network

_SAID = (b"x-forwarded-for", b"x-forwarded-host", b"x-forwarded-proto", b"forwarded")


class ProxiesMiddleware:
    """Plain ASGI middleware, outside of all others: sets ``client``, ``scheme``, ``Host`` and
    ``path`` as if nobody stood between.

    ``scope["state"]["proxy"]`` is the address of the trusted proxy that a request came by, None
    where it came by none.
    """

    def __init__(self, app: ASGIApp, trusted: Sequence[Network], root: str) -> None:
        self.app = app
        self._trusted = trusted
        self._root = root
        self._told = False

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            scope = self._plain(scope)
        await self.app(scope, receive, send)

    def _plain(self, scope: Scope) -> Scope:
        peer = (scope.get("client") or ("", 0))[0]
        said = Headers(raw=[each for each in scope["headers"] if each[0] in _SAID])
        plain = {**scope, "path": inside(scope["path"], self._root)}
        plain["state"] = {**scope.get("state", {}), "proxy": None}
        plain["headers"] = [each for each in scope["headers"] if each[0] not in _SAID]
        if not self._trusts(address_of(peer)):
            self._tell(peer, said)
            return plain
        plain["state"]["proxy"] = peer
        asked_by = self._first_untrusted(said)
        if asked_by is not None:
            plain["client"] = (str(asked_by), 0)
        if (scheme := _last(said, "x-forwarded-proto")) in ("http", "https"):
            plain["scheme"] = scheme
        if host := _last(said, "x-forwarded-host"):
            others = [each for each in plain["headers"] if each[0] != b"host"]
            plain["headers"] = [*others, (b"host", host.encode("latin-1"))]
        return plain

    def _trusts(self, address: Address | None) -> bool:
        return address is not None and any(address in network for network in self._trusted)

    def _first_untrusted(self, said: Headers) -> Address | None:
        """Each proxy adds on the right whom it was asked by: what stands left of the first one
        that is not trusted may be invented. None where that is the proxy itself."""
        found = None
        for part in reversed(_parts(said, "x-forwarded-for")):
            address = address_of(part)
            if address is None:
                break
            found = address
            if not self._trusts(address):
                break
        return found

    def _tell(self, peer: str, said: Headers) -> None:
        """That what comes by a proxy seems to come from the proxy, once."""
        if "x-forwarded-for" in said and not self._told:
            self._told = True
            log.warning(
                "%s says for whom it asks, but is not named in LORAONE_TRUSTED_PROXIES: all who "
                "come by it are taken for one",
                peer,
            )


def inside(path: str, root: str) -> str:
    """A path as the routes know it; a proxy may have taken ``root`` off already."""
    if path == root:
        return "/"
    return path[len(root) :] if path.startswith(f"{root}/") else path


def address_of(text: str) -> Address | None:
    """An address, of which proxies may also say the port; None where it is none."""
    text = text.strip().strip('"')
    if text.startswith("["):
        text = text[1:].partition("]")[0]
    elif text.count(":") == 1:
        text = text.partition(":")[0]
    try:
        address = ip_address(text)
    except ValueError:
        return None
    mapped = address.ipv4_mapped if isinstance(address, IPv6Address) else None
    return mapped or address


def _parts(said: Headers, name: str) -> list[str]:
    return [part.strip() for line in said.getlist(name) for part in line.split(",")]


def _last(said: Headers, name: str) -> str:
    """What the nearest proxy says, which is trusted; empty where it says nothing."""
    parts = _parts(said, name)
    return parts[-1] if parts else ""
