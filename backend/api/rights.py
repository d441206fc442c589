"""What each route needs of whoever asks: every one says ``@needs(…)`` or ``@open_to_all("why")``.

It is asked before a route is reached (:mod:`backend.web.access`), and a route that says nothing
is refused to everybody; a test walks them all.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any, TypeVar

from fastapi.routing import APIRoute
from starlette.routing import compile_path

from backend.people.roles import Right

_Function = TypeVar("_Function", bound=Callable[..., Any])
_MARK = "_loraone_rights"


@dataclass(frozen=True)
class Needs:
    """A right. With ``own``, also that what is changed is one's own, which the route checks; with
    ``shared``, share links may ask it too: of what it reads they see their experiments alone.
    """

    right: Right
    own: bool = False
    shared: bool = False


@dataclass(frozen=True)
class Open:
    """Nobody needs to have signed in."""

    because: str


def needs(
    right: Right, *, own: bool = False, shared: bool = False
) -> Callable[[_Function], _Function]:
    """A route is for those who have ``right``."""
    return _marked(Needs(right, own, shared))


def open_to_all(because: str) -> Callable[[_Function], _Function]:
    """A route is for everybody who reaches the server, and why."""
    return _marked(Open(because))


def _marked(mark: Needs | Open) -> Callable[[_Function], _Function]:
    def set_mark(function: _Function) -> _Function:
        setattr(function, _MARK, mark)
        return function

    return set_mark


def mark(route: APIRoute) -> Needs | Open | None:
    """What a route says that it needs."""
    found: Needs | Open | None = getattr(route.endpoint, _MARK, None)
    return found


class RouteRights:
    """What is needed, by method and path."""

    def __init__(self, prefix: str, routes: Iterable[object]) -> None:
        self._prefix = prefix
        self._rows = [
            (compile_path(prefix + route.path)[0], route.methods or set(), mark(route))
            for route in routes
            if isinstance(route, APIRoute)
        ]

    def find(self, method: str, path: str) -> Needs | Open | None:
        """What a request needs. What is no route of the API needs nothing: the page, its parts,
        and what is not there."""
        if not f"{path}/".startswith(f"{self._prefix}/"):
            return Open("the page")
        known: set[str] = set()
        for pattern, methods, found in self._rows:
            if pattern.match(path):
                if method in methods:  # the first one answers, as in the application
                    return found
                known |= methods
        return Open("there is no such route")
