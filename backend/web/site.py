"""What the server is called: by which hosts it may be asked, and which pages are its own.

A page of another site can send requests to any address, and by DNS rebinding even under a name of
its own. So only these names are answered: those of loopback, the address that is listened on, and
the public one.
"""

from __future__ import annotations

import re
import socket
from dataclasses import dataclass
from ipaddress import ip_address

from backend.settings import LOOPBACK, Settings

_HOST = re.compile(r"(?P<name>\[[0-9A-Fa-f:.]+\]|[^:\[\]]+)(?::(?P<port>[0-9]{1,5}))?")


@dataclass(frozen=True)
class Site:
    """Names in lower case; ``direct`` are those by which nobody stands between. ``by_cookie``:
    people sign in here; ``by_proxy``: a proxy says who asks."""

    direct: frozenset[str]
    public_host: str | None = None
    public_origin: str | None = None
    by_cookie: bool = False
    by_proxy: bool = False

    @classmethod
    def of(cls, settings: Settings) -> Site:
        """What a server with these settings is called."""
        listened = {settings.host.lower()} if _names_one(settings.host) else set()
        return cls(
            direct=frozenset(map(_plain, {*LOOPBACK, *listened})),
            public_host=None if settings.public_host is None else _plain(settings.public_host),
            public_origin=settings.public_origin,
            by_cookie=settings.auth != "none",
            by_proxy=settings.auth == "proxy",
        )

    def takes(self, host: str) -> bool:
        """Whether a ``Host`` header names this server."""
        name = _name(host)
        return name is not None and (name in self.direct or name == self.public_host)

    def owns(self, origin: str, host: str) -> bool:
        """Whether a page of ``origin``, which asks ``host``, is one of this server's.

        Under the public name it is its origin alone: a page that came by http may be anybody's.
        """
        if origin == self.public_origin:
            return True
        own = [f"{scheme}://{host}" for scheme in ("http", "https")]
        return origin in own and _name(host) in self.direct


def nameless(settings: Settings) -> str | None:
    """Why a server would have no name by which others could ask it, in a sentence."""
    if settings.public_url is not None or _names_one(settings.host):
        return None
    return (
        f"host {settings.host!r} is every address of this machine, so the server would not know "
        "what it is called: set LORAONE_PUBLIC_URL to the address under which people find it, "
        "such as https://lab.example.org, or listen on one address"
    )


def _names_one(host: str) -> bool:
    """Whether it is one address; 0.0.0.0 and ::, however they are written, are all."""
    try:
        return not ip_address(host).is_unspecified
    except ValueError:
        pass
    try:
        return any(socket.inet_aton(host))  # such as 0
    except OSError:
        return bool(host)


def _name(host: str) -> str | None:
    """The name in a ``Host`` header; None where it is none."""
    match = _HOST.fullmatch(host)
    if match is None or int(match["port"] or 0) >= 2**16:
        return None
    return _plain(match["name"].strip("[]").lower())


def _plain(name: str) -> str:
    """An IPv6 address in its one short form."""
    if ":" not in name:
        return name
    try:
        return str(ip_address(name))
    except ValueError:
        return name
