"""Measures what runs take on the disk, after they have ended or something of them was removed."""

from __future__ import annotations

import time
from pathlib import Path

from sqlalchemy import select, update

from backend.storage.audience import EVERYTHING, looking_into_bin, reading_for
from backend.storage.database import Database
from backend.storage.store import sizes
from backend.storage.tables import RunSize
from backend.storage.versions import NO_EXPERIMENT, TOUCHES

# Runs that are measured before others may write again.
_AT_ONCE = 25


def measure(database: Database, logs: Path, seconds: float) -> int:
    """Measure what is due, for so long at most; how many runs that were."""
    until = time.monotonic() + seconds
    count = 0
    while time.monotonic() < until:
        found = _next(database, logs)
        if not found:
            break
        with database.write() as session:
            for key, size in found.items():
                query = update(RunSize).where(RunSize.run_id == key).values(bytes=size, due=False)
                session.execute(query, execution_options={TOUCHES: NO_EXPERIMENT})
        count += len(found)
    return count


def _next(database: Database, logs: Path) -> dict[int, int]:
    with reading_for(EVERYTHING), looking_into_bin(), database.read() as session:
        due = select(RunSize.run_id).where(RunSize.due).order_by(RunSize.run_id)
        found = {}
        for key in session.scalars(due.limit(_AT_ONCE)).all():
            size = sizes.of_runs(session, [key], logs)
            found[int(key)] = size.rows + size.files + size.logs
        return found
