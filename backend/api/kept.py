"""What each answer depends on: as long as that does not change, it is given again as it was.

Every route that reads says either ``@kept(…)`` or ``@fresh("why")``, and a test asks all of them.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, TypeVar

from fastapi.routing import APIRoute
from starlette.datastructures import QueryParams
from starlette.routing import compile_path

from backend.storage.versions import Topics

_Function = TypeVar("_Function", bound=Callable[..., Any])
_MARK = "_loraone_kept"
_EXPERIMENT = re.compile(r"e([1-9]\d{0,9})(:.+)?", re.DOTALL)

On = Callable[[Mapping[str, str], QueryParams], Topics]


@dataclass(frozen=True)
class Kept:
    """An answer that is the same until something of ``on`` is written, or for ``seconds`` at most.

    ``unless`` says of which questions it is not kept, ``personal`` which ones have another answer
    for everybody who asks, even where they see the same. ``slow`` is one that may take seconds, as
    it reads all that runs have measured: others do not wait for it. ``process`` is one that also
    reads what only the server's own process knows (:mod:`backend.api.process_state`).
    """

    on: On
    seconds: float | None = None
    process: bool = False
    slow: bool = False
    unless: Callable[[QueryParams], bool] = lambda query: False
    personal: Callable[[QueryParams], bool] = lambda query: False


@dataclass(frozen=True)
class Fresh:
    """An answer that is computed each time."""

    because: str


def everything(path: Mapping[str, str], query: QueryParams) -> Topics:
    """Anything that is stored."""
    return None


def nothing(path: Mapping[str, str], query: QueryParams) -> Topics:
    """It is the same for as long as the server runs."""
    return ()


def experiment(path: Mapping[str, str], query: QueryParams) -> Topics:
    """The experiment in the path, its runs, and all that they measured."""
    key = path["experiment_id"]
    return (int(key),) if key.isascii() and key.isdigit() and len(key) <= 10 else None


def basket(path: Mapping[str, str], query: QueryParams) -> Topics:
    """The experiments that are named; of single runs nobody knows here whose they are."""
    items = [_EXPERIMENT.fullmatch(item) for item in query.getlist("of")]
    return None if None in items else {int(item[1]) for item in items if item is not None}


def kept(
    on: On,
    *,
    seconds: float | None = None,
    process: bool = False,
    slow: bool = False,
    unless: Callable[[QueryParams], bool] = lambda query: False,
    personal: Callable[[QueryParams], bool] = lambda query: False,
) -> Callable[[_Function], _Function]:
    """The answer of a route depends on ``on`` and nothing else."""
    return _marked(Kept(on, seconds, process, slow, unless, personal))


def fresh(because: str) -> Callable[[_Function], _Function]:
    """The answer of a route is computed each time, and why."""
    return _marked(Fresh(because))


def _marked(mark: Kept | Fresh) -> Callable[[_Function], _Function]:
    def set_mark(function: _Function) -> _Function:
        setattr(function, _MARK, mark)
        return function

    return set_mark


def mark(route: APIRoute) -> Kept | Fresh | None:
    """What a route says of its answers."""
    found: Kept | Fresh | None = getattr(route.endpoint, _MARK, None)
    return found


class KeptRoutes:
    """The routes whose answers are kept, by path."""

    def __init__(self, prefix: str, routes: Iterable[object]) -> None:
        reading = [r for r in routes if isinstance(r, APIRoute) and "GET" in (r.methods or ())]
        self._prefix = prefix
        self._rows = [(compile_path(prefix + route.path)[0], mark(route)) for route in reading]

    def find(self, path: str) -> tuple[Kept, dict[str, str]] | None:
        """How the answer of ``path`` is kept, and what stands in the path."""
        if not path.startswith(self._prefix):
            return None
        for pattern, row in self._rows:
            if match := pattern.match(path):  # the first one answers, as in the application
                return (row, match.groupdict()) if isinstance(row, Kept) else None
        return None
