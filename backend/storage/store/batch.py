"""Rows that nothing reads before the commit: they wait in the session, and are inserted together.

One statement for each table, at the next flush or the commit. Among objects of the unit of work
SQLite would be sent those whose number it gives one by one, and each costs a lane as much as a
statement of hundreds.
"""

from __future__ import annotations

from typing import Any, cast

from sqlalchemy import Table, event, insert
from sqlalchemy.orm import Session, SessionTransaction, UOWTransaction

from backend.storage.tables import Base
from backend.storage.versions import TOUCHES

_KEY = "batch"


def add(session: Session, table: type[Base], touches: int, /, **values: Any) -> None:
    """Insert a row with these columns; the answers about the experiment ``touches`` change."""
    waiting = session.info.setdefault(_KEY, {})
    waiting.setdefault((table, touches), []).append(values)


def _insert(session: Session) -> None:
    for (table, touches), rows in session.info.pop(_KEY, {}).items():
        session.execute(
            insert(cast(Table, table.__table__)),
            rows,
            execution_options={TOUCHES: touches},
        )


@event.listens_for(Session, "after_flush")
def _with_flush(session: Session, context: UOWTransaction) -> None:
    _insert(session)  # what they refer to is there now


@event.listens_for(Session, "before_commit")
def _with_commit(session: Session) -> None:
    session.flush()
    _insert(session)  # a session without objects that changed is not flushed


@event.listens_for(Session, "after_soft_rollback")
def _forget(session: Session, transaction: SessionTransaction) -> None:
    session.info.pop(_KEY, None)
