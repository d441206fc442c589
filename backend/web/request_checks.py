"""What of a request is refused before anything of it is read: who asks, and for what address.

Nothing is parsed that can be compared: a header may hold anything.
"""

from __future__ import annotations

import re

from starlette.datastructures import Headers
from starlette.types import Scope

from backend.api.schemas.problem import Problem
from backend.settings import LOOPBACK
from backend.web.problems import problem

_SAFE = ("GET", "HEAD", "OPTIONS")
_HOST = re.compile(r"(?P<name>\[[0-9A-Fa-f:.]+\]|[^:\[\]]+)(?::(?P<port>[0-9]{1,5}))?")
# Longer than any basket and list of labels that are taken (:mod:`backend.results.basket`), with the
# columns of a table and a search.
MOST_TARGET = 20_000


def refusal(scope: Scope, headers: Headers) -> Problem | None:
    """Why the request is not taken, or None."""
    return _of_host(headers) or _of_origin(scope["method"], headers) or _of_target(scope)


def _of_host(headers: Headers) -> Problem | None:
    named = headers.getlist("host")
    host = named[0] if len(named) == 1 else ", ".join(named)
    match = _HOST.fullmatch(host)
    if match and match["name"].strip("[]").lower() in LOOPBACK and int(match["port"] or 0) < 2**16:
        return None
    return problem(400, f"host {host!r} is not allowed; allowed: {', '.join(LOOPBACK)}")


def _of_origin(method: str, headers: Headers) -> Problem | None:
    if method in _SAFE:
        return None
    own = [f"{scheme}://{headers['host']}" for scheme in ("http", "https")]
    foreign = [origin for origin in headers.getlist("origin") if origin not in own]
    if foreign:
        return problem(403, f"requests from {foreign[0]!r} may not change anything here")
    # What a browser says of itself, also where it leaves Origin out.
    site = headers.get("sec-fetch-site", "none")
    if site not in ("same-origin", "none"):
        return problem(403, f"requests of a {site[:20]!r} page may not change anything here")
    return None


def _of_target(scope: Scope) -> Problem | None:
    """A NUL is in no name and no text that is stored; an address has an end."""
    query = scope.get("query_string", b"")
    if "\0" in scope["path"] or b"%00" in query or b"\0" in query:
        return problem(400, "the address holds the character NUL; allowed: text without it")
    if len(scope["path"]) + len(query) > MOST_TARGET:
        return problem(400, f"the address is too long; allowed: up to {MOST_TARGET} characters")
    return None


def stated_length(headers: Headers) -> int | None:
    """How many bytes the request says that it has; None where it says no number."""
    length = headers.get("content-length", "")
    if not (length.isascii() and length.isdecimal()):
        return None
    return int(length[:20])  # more digits than any size has are read as that many
