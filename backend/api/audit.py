"""The audit trail: who did what, and from where."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, get_args

from fastapi import APIRouter, Query
from fastapi.responses import StreamingResponse

from backend.api.answers import sends
from backend.api.deps import DatabaseDep, Reading
from backend.api.kept import fresh
from backend.api.rights import needs
from backend.api.schemas.audit import AuditOut
from backend.people import audit
from backend.storage.database import Database
from loraone.spec.base import MOST_INT

router = APIRouter(tags=["audit"])

# Rows that are read at a time.
_PART = 1000

_Person = Annotated[int | None, Query(ge=1, le=MOST_INT, description="What this person did alone")]
_Action = Annotated[audit.Action | None, Query(description="This action alone, such as sign-in")]


@router.get("/audit")
@fresh("it is read seldom")
@needs("admin")
def read_audit(
    session: Reading,
    before: Annotated[
        int | None, Query(ge=1, le=MOST_INT, description="What came before this row")
    ] = None,
    limit: Annotated[int, Query(ge=1, le=1000)] = 100,
    person: _Person = None,
    action: _Action = None,
) -> list[AuditOut]:
    """What was done, the newest first."""
    rows = audit.rows(session, limit, before=before, person=person, action=action)
    return [AuditOut.of(row) for row in rows]


@router.get("/audit/actions")
@fresh("it is read seldom")
@needs("admin")
def actions() -> list[audit.Action]:
    """All that the trail can say that people did."""
    return list(get_args(audit.Action))


@router.get("/audit/file", response_class=StreamingResponse, responses=sends("application/jsonl"))
@fresh("a file that is asked for once")
@needs("admin")
def download_audit(
    database: DatabaseDep, person: _Person = None, action: _Action = None
) -> StreamingResponse:
    """All of it as JSON Lines, the oldest first."""
    return StreamingResponse(
        _lines(database, person, action),
        media_type="application/jsonl",
        headers={"Content-Disposition": 'attachment; filename="audit.jsonl"'},
    )


def _lines(database: Database, person: int | None, action: str | None) -> Iterator[str]:
    after = 0
    while True:
        with database.read() as session:
            rows = audit.rows(session, _PART, after=after, person=person, action=action)
            lines = [AuditOut.of(row).model_dump_json() + "\n" for row in rows]
        if not lines:
            return
        after = rows[-1].id
        yield "".join(lines)
