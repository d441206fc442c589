"""What routes answer with, as the OpenAPI document declares it where no schema says it."""

from __future__ import annotations

from typing import Any

from backend.api.schemas.problem import Problem

DESCRIPTIONS = {
    400: "The request cannot be read, or is not meant for this server",
    401: "Whoever asks has to sign in, or their token holds no longer",
    403: "Whoever asks may not; another site's page may change nothing here",
    404: "What it is about is not there",
    408: "The request came too slowly",
    409: "What it is about is not in a state for it",
    413: "The request is too large",
    422: "A field is wrong",
    429: "Too many runs wait, or it was tried too often of late",
    431: "The header, the address among it, is too large",
    503: "The database does not take this now",
    507: "The disk is full, or would be soon",
}

Responses = dict[int | str, dict[str, Any]]


def refuses(*statuses: int) -> Responses:
    """The refusals that are particular to a route."""
    return {status: {"model": Problem, "description": DESCRIPTIONS[status]} for status in statuses}


def sends(*kinds: str) -> Responses:
    """A successful answer of one of these content types."""
    return {200: {"content": {kind: {} for kind in kinds}, "description": "As the type says"}}


CSV, PARQUET = "text/csv", "application/vnd.apache.parquet"
FILE = sends(CSV, PARQUET)
FIGURE = sends("application/json", CSV, PARQUET)
