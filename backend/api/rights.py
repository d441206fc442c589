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
    ``shared``, share links may ask it too: of what it reads they see their experiments alone. With
    ``account`` it changes what an account is, or who can come as it: no access token may.
    """

    right: Right
    own: bool = False
    shared: bool = False
    account: bool = False


@dataclass(frozen=True)
class Open:
    """Nobody needs to have signed in."""

    because: str


def needs(
    right: Right, *, own: bool = False, shared: bool = False, account: bool = False
) -> Callable[[_Function], _Function]:
    """A route is for those who have ``right``."""
    return _marked(Needs(right, own, shared, account))


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


@dataclass(frozen=True)
class Asked:
    """What a request asks: the route's path with its parameters by name, empty where there is no
    such route (the page, its parts, what is not there), and what it needs."""

    route: str
    needs: Needs | Open | None


class RouteRights:
    """What is needed, by method and path."""

    def __init__(self, routes: Iterable[tuple[str, object]]) -> None:
        """``routes`` with what their paths begin with, in the application's order."""
        self._rows = [
            (compile_path(path)[0], route.methods or set(), Asked(path, mark(route)))
            for path, route in (
                (prefix + route.path, route)
                for prefix, route in routes
                if isinstance(route, APIRoute)
            )
        ]

    def find(self, method: str, path: str) -> Asked:
        """What a request asks; the first route that fits answers, as in the application."""
        for pattern, methods, asked in self._rows:
            if method in methods and pattern.match(path):
                return asked
        return Asked("", Open("the page, or nothing that is there"))
