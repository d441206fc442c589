"""Rows that are removed by a statement, of tables that are in no answer about experiments."""

from __future__ import annotations

from typing import Any, cast

from sqlalchemy import CursorResult, Delete
from sqlalchemy.orm import Session

from backend.storage.versions import NO_EXPERIMENT, TOUCHES


def removed(session: Session, query: Delete) -> int:
    """Remove them; how many it were."""
    options = {TOUCHES: NO_EXPERIMENT, "synchronize_session": False}
    return cast("CursorResult[Any]", session.execute(query, execution_options=options)).rowcount
