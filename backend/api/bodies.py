"""JSON as it comes in: read by one set of rules, whichever route takes it.

What JSON leaves open is refused, since the one who wrote it and the one who reads it may take it
differently: numbers that are none, names that stand twice, characters that are halves of others.
"""

from __future__ import annotations

import json
import math
import re
from collections import Counter
from collections.abc import Callable, Coroutine
from typing import Any

from fastapi import Request, Response
from fastapi.concurrency import run_in_threadpool
from fastapi.routing import APIRoute
from pydantic_core import from_json
from starlette.exceptions import HTTPException

# Of objects and lists in one another; what a recursion over it can bear.
MOST_DEPTH = 32
# Of these in a body: each takes time and memory that all requests share. The largest import has
# about as many.
MOST_PARTS = 4_000_000
# An escape that may be half of a character.
_HALF = re.compile(rb"\\u[dD][89a-fA-F]")
# A larger body is read beside the loop that all requests share.
_SMALL = 50_000
_BOM = b"\xef\xbb\xbf"


class BodyError(ValueError):
    """The text is not JSON as it is taken here; a sentence that says why."""


def read_json(body: bytes) -> Any:
    """The value that ``body`` is in JSON. Raises BodyError.

    It is UTF-8, nests at most ``MOST_DEPTH`` deep, names nothing twice in an object, and its
    numbers are finite.
    """
    body = body.removeprefix(_BOM)
    if (parts := body.count(b"[") + body.count(b"{")) > MOST_PARTS:
        raise BodyError(f"the body has {parts} objects and lists; allowed: up to {MOST_PARTS}")
    try:
        if _HALF.search(body):
            from_json(body)  # refuses them
        value = json.loads(
            body.decode(), object_pairs_hook=_object, parse_float=_number, parse_constant=_none
        )
    except BodyError:
        raise
    except (ValueError, RecursionError) as error:
        raise BodyError(f"the body cannot be read as JSON: {error}") from error
    _check_depth(value)
    return value


def _number(text: str) -> float:
    value = float(text)
    if math.isinf(value):
        raise BodyError(f"the body cannot be read as JSON: {text[:40]} is too large for a number")
    return value


def _none(text: str) -> Any:
    raise BodyError(f"the body cannot be read as JSON: {text} is no number of JSON")


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        ((name, count),) = Counter(name for name, _ in pairs).most_common(1)
        raise BodyError(f"the body cannot be read as JSON: {name[:100]!r} is named {count} times")
    return found


def _check_depth(value: Any) -> None:
    level = [value]
    for _ in range(MOST_DEPTH + 1):
        level = [
            inner
            for outer in level
            if isinstance(outer, dict | list)
            for inner in (outer.values() if isinstance(outer, dict) else outer)
            if isinstance(inner, dict | list)
        ]
        if not level:
            return
    raise BodyError(f"the body nests too deep; allowed: up to {MOST_DEPTH} objects and lists")


class _JsonRequest(Request):
    async def json(self) -> Any:
        """The body, read once; 400 where it is none."""
        if not hasattr(self, "_json"):
            body = await self.body()
            try:
                small = len(body) < _SMALL
                self._json = read_json(body) if small else await run_in_threadpool(read_json, body)
            except BodyError as error:
                raise HTTPException(400, str(error)) from error
        return self._json


class JsonRoute(APIRoute):
    """A route whose body is read by :func:`read_json`."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """FastAPI's own, given such a request."""
        handle = super().get_route_handler()

        async def handler(request: Request) -> Response:
            return await handle(_JsonRequest(request.scope, request.receive))

        return handler
