"""What of a request is refused before anything of it is read: who asks, and for what address.

Nothing is parsed that can be compared: a header may hold anything.
"""

from __future__ import annotations

from starlette.datastructures import Headers
from starlette.types import Scope

from backend.api.schemas.problem import Problem
from backend.settings import LOOPBACK
from backend.web.problems import problem
from backend.web.site import Site

_SAFE = ("GET", "HEAD", "OPTIONS")
# Longer than any basket and list of labels that are taken (:mod:`backend.results.basket`), with the
# columns of a table and a search.
MOST_TARGET = 20_000


def refusal(scope: Scope, headers: Headers, site: Site) -> Problem | None:
    """Why the request is not taken, or None."""
    return (
        _of_host(headers, site) or _of_origin(scope["method"], headers, site) or _of_target(scope)
    )


def _of_host(headers: Headers, site: Site) -> Problem | None:
    named = headers.getlist("host")
    host = named[0] if len(named) == 1 else ", ".join(named)
    if len(named) == 1 and site.takes(host):
        return None
    # The other names are told to nobody who does not know them.
    return problem(
        400,
        f"host {host!r} is not allowed; allowed: {', '.join(LOOPBACK)}, and what "
        "LORAONE_PUBLIC_URL names",
    )


def _of_origin(method: str, headers: Headers, site: Site) -> Problem | None:
    if method in _SAFE:
        return None
    origins = headers.getlist("origin")
    foreign = [origin for origin in origins if not site.owns(origin, headers["host"])]
    if foreign:
        return problem(403, f"requests from {foreign[0]!r} may not change anything here")
    # What a browser says of itself, also where it leaves Origin out.
    said = headers.get("sec-fetch-site")
    if said not in ("same-origin", "none", None):
        return problem(403, f"requests of a {said[:20]!r} page may not change anything here")
    if not origins and said is None and _signs_by_itself(headers, site):
        return problem(
            403,
            "a request that a browser signs by itself must say which page it comes from, by "
            "Origin or Sec-Fetch-Site; programs send an access token instead",
        )
    return None


def _signs_by_itself(headers: Headers, site: Site) -> bool:
    """Whether a browser says who asks whichever page asks: by a cookie, or by what it told a
    proxy once."""
    if headers.get("authorization", "").lower().startswith("bearer "):
        return False
    return site.by_proxy or (site.by_cookie and "cookie" in headers)


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
