"""One shape for every error: RFC 9457 problem+json, with the fields that a form can mark.

The other rooms raise :mod:`backend.errors`; which HTTP status each of them is stands here alone.
"""

from __future__ import annotations

import errno
import logging
from collections.abc import Mapping, Sequence
from http import HTTPStatus
from math import ceil
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError
from starlette.exceptions import HTTPException

from backend.api.schemas.problem import Problem
from backend.errors import (
    MOST_PROBLEMS,
    ConflictError,
    DiskFullError,
    FieldProblem,
    ForbiddenError,
    InvalidError,
    NobodyError,
    NotFoundError,
    QueueFullError,
    QuotaError,
    RefusedError,
    TooOftenError,
    UnavailableError,
    shortened,
)
from backend.storage.database import Database
from backend.web.headers import SECURITY
from loraone.errors import LoraOneError
from loraone.spec.validation import problems

log = logging.getLogger(__name__)

# Fields whose values are repeated to nobody.
_SECRET = frozenset({"password", "current", "new", "secret", "address"})

STATUS: dict[type[RefusedError], int] = {
    NobodyError: 401,
    ForbiddenError: 403,
    NotFoundError: 404,
    ConflictError: 409,
    InvalidError: 422,
    TooOftenError: 429,
    QueueFullError: 429,
    DiskFullError: 507,
    UnavailableError: 503,
}


def problem(status: int, detail: str, errors: Sequence[FieldProblem] = ()) -> Problem:
    """The body of an error response."""
    return Problem(
        title=HTTPStatus(status).phrase,
        status=status,
        detail=shortened(detail),
        errors=list(errors),
    )


def mistake() -> Problem:
    """The body where the server itself is wrong."""
    return problem(500, "the server made a mistake; its log says which")


def of_refusal(error: RefusedError) -> Problem:
    """The body for what another room refused."""
    status = next(STATUS[kind] for kind in type(error).__mro__ if kind in STATUS)
    fields = error.problems if isinstance(error, InvalidError | QuotaError) else ()
    return problem(status, str(error), fields)


def refusal(error: RefusedError) -> JSONResponse:
    """The response for what another room refused."""
    return answer(of_refusal(error), _headers(error))


def _headers(error: RefusedError) -> dict[str, str]:
    """What HTTP says of it besides."""
    if isinstance(error, NobodyError):
        return {"WWW-Authenticate": "Bearer"}
    again = error.again if isinstance(error, UnavailableError | TooOftenError) else None
    return {} if again is None else {"Retry-After": f"{ceil(again)}"}


def answer(body: Problem, headers: Mapping[str, str] | None = None) -> JSONResponse:
    """The response for a problem. Not all of them pass the middleware that adds headers."""
    return JSONResponse(
        body.model_dump(),
        status_code=body.status,
        headers={**SECURITY, **(headers or {})},
        media_type="application/problem+json",
    )


def _shown(item: dict[str, Any]) -> dict[str, Any]:
    return item if _SECRET.isdisjoint(item["loc"]) else {**item, "input": None, "ctx": {}}


def install(app: FastAPI) -> None:
    """Make every error of ``app`` a problem."""

    @app.exception_handler(RefusedError)
    async def _refused(request: Request, error: RefusedError) -> JSONResponse:
        return refusal(error)

    @app.exception_handler(LoraOneError)
    async def _library(request: Request, error: LoraOneError) -> JSONResponse:
        return answer(of_refusal(InvalidError(FieldProblem.of_library(error))))

    @app.exception_handler(Exception)
    async def _bug(request: Request, error: Exception) -> JSONResponse:
        """Starlette raises it again, so that uvicorn logs it."""
        return answer(mistake())

    @app.exception_handler(MemoryError)
    async def _memory(request: Request, error: MemoryError) -> JSONResponse:
        log.error("there is not enough memory for an answer", exc_info=error)
        return answer(problem(503, "the server has not enough memory for this answer"))

    @app.exception_handler(DBAPIError)
    async def _database(request: Request, error: DBAPIError) -> JSONResponse:
        if Database.is_damage(error):
            log.error("the database is damaged: %s", error.orig)
            return answer(problem(503, f"the database is damaged, restore a backup: {error.orig}"))
        if Database.is_full(error):
            log.error("the disk is full: %s", error.orig)
            return answer(problem(507, f"the disk is full, nothing of it is stored: {error.orig}"))
        if not Database.is_passing(error):
            log.error("a statement failed", exc_info=error)
            return answer(problem(500, "the database refused a statement"))
        return answer(problem(503, f"the database does not take this now, try again: {error.orig}"))

    @app.exception_handler(PoolTimeoutError)
    async def _busy(request: Request, error: PoolTimeoutError) -> JSONResponse:
        return answer(problem(503, "the database answers too many others now, try again"))

    @app.exception_handler(OSError)
    async def _disk(request: Request, error: OSError) -> JSONResponse:
        log.error("a file could not be used", exc_info=error)
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            return answer(problem(507, f"the disk is full: {error.strerror}"))
        return answer(problem(503, f"a file of the server cannot be used: {error.strerror}"))

    @app.exception_handler(HTTPException)
    async def _http(request: Request, error: HTTPException) -> JSONResponse:
        # 405 says what would be allowed in a header.
        return answer(problem(error.status_code, str(error.detail)), error.headers)

    @app.exception_handler(RequestValidationError)
    async def _request(request: Request, error: RequestValidationError) -> JSONResponse:
        found = error.errors()
        items = [_shown({**item, "loc": item["loc"][1:]}) for item in found[:MOST_PROBLEMS]]
        rows = [FieldProblem(**row) for row in problems(items)]
        # A list whose items are all wrong is also said to be too short.
        count = sum(item["type"] != "too_short" for item in found)
        return answer(of_refusal(InvalidError(*rows, further=max(0, count - len(items)))))
