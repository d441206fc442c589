"""The body of every error response, as RFC 9457 has it."""

from __future__ import annotations

from pydantic import BaseModel

from backend.errors import FieldProblem


class Problem(BaseModel):
    """The body of every error response."""

    type: str = "about:blank"
    title: str
    status: int
    detail: str
    errors: list[FieldProblem] = []
