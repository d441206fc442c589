"""Space that SQLite keeps in its file for later, given back to the disk.

PostgreSQL has an autovacuum of its own that makes room for new rows; its files become smaller by
``VACUUM FULL``, which is for whoever runs that server to decide.
"""

from __future__ import annotations

import shutil
import sqlite3
from pathlib import Path

from sqlalchemy import select

from backend.storage.database import Database
from backend.storage.database_file import database_file
from backend.storage.tables import Run

# A file of this size is written anew within a second or two. Of a larger one at least this share
# must be free: SQLite fills free pages again before its file grows.
_SMALL = 200 * 2**20
_SHARE = 0.2
_LEAST = 2**20


def vacuum(database: Database, home: Path) -> int | None:
    """Give back what is worth it; bytes. None: not now, as a run writes or the disk has no room
    for the copy that it takes."""
    file = database_file(database.url)
    if file is None:
        return 0
    with database.read() as session:
        connection = session.connection()
        pages, free, size = (
            int(connection.exec_driver_sql(f"PRAGMA {name}").scalar_one())
            for name in ("page_count", "freelist_count", "page_size")
        )
        if not is_worth(pages * size, free * size):
            return 0
        runs = session.scalar(select(Run.id).where(Run.status == "running").limit(1))
        if runs is not None or shutil.disk_usage(home).free < 2 * pages * size:
            return None
    before = _bytes(file)
    try:
        database.rewrite()
    except sqlite3.OperationalError:  # another process has it: later
        return None
    return max(0, before - _bytes(file))


def is_worth(size: int, free: int) -> bool:
    """Whether a file of this size with so many free bytes should be written anew."""
    return free >= _LEAST and (size <= _SMALL or free >= _SHARE * size)


def _bytes(file: Path) -> int:
    beside = (file, file.with_name(f"{file.name}-wal"))
    return sum(path.stat().st_size for path in beside if path.exists())
