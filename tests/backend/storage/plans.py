"""The statements that code sends, and how the database says it would carry them out."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import Engine, event
from sqlalchemy.orm import Session

from backend.storage.database import Database

# Tables that grow with what is stored.
GROWING = ("runs", "experiments", "experiments_1", "metrics", "artifacts", "changes", "run_sizes")


@dataclass
class Sent:
    """Statements with their parameters, in order."""

    statements: list[tuple[str, Any]] = field(default_factory=list)

    def plans(self, database: Database) -> dict[str, list[str]]:
        """SQLite's plan of each statement."""
        with database.engine.connect() as connection:
            raw = connection.connection.dbapi_connection
            assert raw is not None
            return {
                statement: [
                    str(row[3])
                    for row in raw.cursor().execute(f"EXPLAIN QUERY PLAN {statement}", given)
                ]
                for statement, given in self.statements
            }


@contextmanager
def listening(session: Session) -> Iterator[Sent]:
    """What a session sends meanwhile: those that write have an engine of their own."""
    with listening_to(session.get_bind().engine) as sent:
        yield sent


@contextmanager
def listening_to(engine: Engine) -> Iterator[Sent]:
    """What is sent by an engine meanwhile."""
    sent = Sent()

    def hear(conn: Any, cursor: Any, statement: str, given: Any, *_: Any) -> None:
        if statement.lstrip().upper().startswith(("SELECT", "UPDATE", "DELETE", "WITH")):
            sent.statements.append((statement, given))

    event.listen(engine, "before_cursor_execute", hear)
    try:
        yield sent
    finally:
        event.remove(engine, "before_cursor_execute", hear)


def scans(plan: list[str]) -> list[str]:
    """Steps that read a growing table row by row. A walk through an index that has all that is
    asked for reads no row."""
    walked = re.compile(rf"SCAN ({'|'.join(GROWING)})\b(?! USING COVERING INDEX)")
    return [step for step in plan if walked.match(step)]
