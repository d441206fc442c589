"""Proxies of the environment: where they are, and where a request leads that goes by one.

The number that is connected to is the proxy's, and says nothing. So the host is read from what is
sent to it, before it is sent, and has to be known here: by numbers that notices may go to. What the
proxy makes of its name is the proxy's own; where it resolves otherwise, it has to look as well.
"""

from __future__ import annotations

import re
import socket
from collections.abc import Iterator, Sequence
from typing import Any
from urllib.parse import urlsplit
from urllib.request import getproxies_environment
from weakref import WeakSet

from backend.notifying.networks import Network, refusal

# What is passed on of the server's environment, in small letters too.
NAMES = ("HTTPS_PROXY", "HTTP_PROXY", "NO_PROXY")
_UNKNOWN = "is not known to this server, and its proxy is not asked (LORAONE_NOTICE_PROXY_NAMES)"
_REQUEST = re.compile(rb"[A-Z]+ \S+ HTTP/1\.[01]\r\n")
_LEADS_TO = re.compile(rb"[A-Z]+ http://(\[[0-9A-Fa-f:.]+\]|[\w.-]+)(?::\d+)?[/?]\S* HTTP/")


def named() -> dict[str, str]:
    """The proxies of the environment by what goes through them: http, https."""
    found = getproxies_environment()
    return {scheme: found[scheme] for scheme in ("http", "https") if scheme in found}


class Proxies:
    """Those of this process; ``names``: they may look up hosts that are not known here."""

    def __init__(self, reachable: Sequence[Network], *, names: bool = False) -> None:
        self._reachable = reachable
        self._names = names
        self._at = frozenset(_numbers())
        self._looked_at: WeakSet[Any] = WeakSet()

    def has(self, address: Any) -> bool:
        """Whether it is a proxy's."""
        return isinstance(address, tuple) and address[:2] in self._at

    def refusal(self, connection: Any, data: Any) -> str | None:
        """Why a connection of HTTP may not send this, as :func:`networks.refusal` says it."""
        if not self.has(connection.sock.getpeername()):
            return None  # the other end was looked at as it was connected to
        host = connection._tunnel_host
        if host is None:
            start = bytes(data) if isinstance(data, bytes | bytearray | memoryview) else b""
            if not _REQUEST.match(start):  # the rest of a request that was looked at
                return None if connection in self._looked_at else "is not named to the proxy"
            found = _LEADS_TO.match(start)
            if found is None:
                return "is not named to the proxy"
            self._looked_at.add(connection)
            host = found[1].decode()
        return self._refusal_of(host.strip("[]"))

    def _refusal_of(self, host: str) -> str | None:
        try:
            found = socket.getaddrinfo(host, None)
        except (OSError, UnicodeError):
            return None if self._names else _UNKNOWN
        said = (refusal(str(each[4][0]), self._reachable) for each in found)
        return next((why for why in said if why is not None), None)


def _numbers() -> Iterator[tuple[str, int]]:
    for url in named().values():
        try:
            parts = urlsplit(url if "://" in url else f"http://{url}")
            port = parts.port or (443 if parts.scheme == "https" else 80)
            for found in socket.getaddrinfo(parts.hostname, port, type=socket.SOCK_STREAM):
                yield str(found[4][0]), port
        except (OSError, ValueError):
            continue  # it is not there: nothing is sent
