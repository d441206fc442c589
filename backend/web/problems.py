"""One shape for every error: RFC 9457 problem+json, with the fields that a form can mark."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from http import HTTPStatus

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from pydantic import BaseModel
from sqlalchemy.exc import DBAPIError
from starlette.exceptions import HTTPException

from backend.storage.database import Database
from loraone.errors import LoraOneError
from loraone.spec.validation import problems

log = logging.getLogger(__name__)


class FieldProblem(BaseModel):
    """What is wrong with one field: its path, the value given, the range allowed."""

    path: str
    message: str
    value: str | int | float | bool | None = None
    allowed: str | None = None
    hint: str | None = None


class Problem(BaseModel):
    """The body of every error response."""

    type: str = "about:blank"
    title: str
    status: int
    detail: str
    errors: list[FieldProblem] = []


class ProblemError(Exception):
    """Raised anywhere in the API to answer with a problem."""

    def __init__(self, status: int, detail: str, errors: Sequence[FieldProblem] = ()) -> None:
        super().__init__(detail)
        self.problem = Problem(
            title=HTTPStatus(status).phrase, status=status, detail=detail, errors=list(errors)
        )


def not_found(noun: str, key: object) -> ProblemError:
    """There is no such thing."""
    return ProblemError(404, f"there is no {noun} {key}")


def invalid(errors: Sequence[FieldProblem]) -> ProblemError:
    """Fields are wrong: the first is the detail."""
    first = errors[0]
    more = f" (and {len(errors) - 1} more)" if len(errors) > 1 else ""
    return ProblemError(422, f"{first.path}: {first.message}{more}", errors)


def of_library(error: LoraOneError) -> FieldProblem:
    """The field that the library refused."""
    return FieldProblem(
        path=error.field or "",
        message=error.message,
        value=None if error.value is None else str(error.value),
        allowed=error.allowed,
        hint=error.hint,
    )


def answer(problem: Problem) -> JSONResponse:
    """The response for a problem."""
    return JSONResponse(
        problem.model_dump(),
        status_code=problem.status,
        media_type="application/problem+json",
    )


def install(app: FastAPI) -> None:
    """Make every error of ``app`` a problem."""

    @app.exception_handler(ProblemError)
    async def _problem(request: Request, error: ProblemError) -> JSONResponse:
        return answer(error.problem)

    @app.exception_handler(DBAPIError)
    async def _database(request: Request, error: DBAPIError) -> JSONResponse:
        if not Database.is_passing(error):
            log.error("a statement failed", exc_info=error)
            return answer(ProblemError(500, "the database refused a statement").problem)
        said = f"the database does not take this now, try again: {error.orig}"
        return answer(ProblemError(503, said).problem)

    @app.exception_handler(HTTPException)
    async def _http(request: Request, error: HTTPException) -> JSONResponse:
        return answer(ProblemError(error.status_code, str(error.detail)).problem)

    @app.exception_handler(RequestValidationError)
    async def _request(request: Request, error: RequestValidationError) -> JSONResponse:
        items = [{**item, "loc": item["loc"][1:]} for item in error.errors()]
        return answer(invalid([FieldProblem(**row) for row in problems(items)]).problem)
