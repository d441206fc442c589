"""What every route refuses, as the OpenAPI document declares it: problems, each with its status.

A route names only what is particular about it, with :func:`backend.api.answers.refuses`; what the
server asks of every request of a kind is declared here, once.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from fastapi import FastAPI

from backend.api.answers import DESCRIPTIONS
from backend.api.rights import Needs, RouteRights

_PROBLEM = {"application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}}}


def install(app: FastAPI, rights: RouteRights) -> None:
    """Complete the document of ``app`` when it is first asked for."""
    plain = app.openapi

    def complete() -> dict[str, Any]:
        if app.openapi_schema is None:
            for path, operations in plain()["paths"].items():
                for method, operation in operations.items():
                    needed = rights.find(method.upper(), path).needs
                    _declare(method, operation, asks=isinstance(needed, Needs))
        return plain()

    app.openapi = complete  # type: ignore[method-assign]


def _declare(method: str, operation: dict[str, Any], *, asks: bool) -> None:
    responses = operation["responses"]
    responses.pop("422", None)
    own = {int(status) for status in responses if status.startswith(("4", "5"))}
    own |= {401, 403} if asks else set()  # who it is, and whether they may
    for status in sorted(own | set(_of_all(method, operation))):
        responses[str(status)] = {"description": DESCRIPTIONS[status], "content": _PROBLEM}


def _of_all(method: str, operation: dict[str, Any]) -> Iterator[int]:
    """What the connection, the middleware, the database and FastAPI answer to such a request."""
    # A full disk is met by whoever writes, and by what is sorted in a file for a reader.
    yield from (400, 408, 413, 431, 503, 507)
    if method not in ("get", "head", "options"):
        yield 403
    parameters = operation.get("parameters", [])
    if parameters or "requestBody" in operation:
        yield 422
    if any(one["in"] == "path" or one["name"] == "of" for one in parameters):
        yield 404
