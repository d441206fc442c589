"""Whether the database can be used now, asked often: cheap while it is well, bounded when not."""

from __future__ import annotations

import asyncio
import sqlite3
import time
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing

from sqlalchemy import text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError

from backend.storage.database import Database
from backend.storage.database_file import database_file

# For how long an answer is as good as a new one. The file itself is looked at each time.
FRESH_S = 1.0
# How long a writer may keep others waiting before the database counts as locked, and how long
# an answer is waited for at all: a disk or a network may give none.
LOCKED_S, PATIENCE_S = 1.5, 3.0


class DatabaseHealth:
    """Asks the database at most once a second, in a thread of its own, however many want to know;
    a disk may not answer even who only looks at the file.

    SQLite is asked through a connection of its own, which reads the file anew and takes the lock
    of writers for a moment.
    """

    def __init__(self, database: Database) -> None:
        self._database = database
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="database health")
        self._asking: Future[str | None] | None = None
        self._well_until = 0.0

    async def trouble(self) -> str | None:
        """Why the database cannot be used, in a sentence; None where it can."""
        if self._asking is None or self._asking.done():
            self._asking = self._thread.submit(self._ask)
        try:
            answer = asyncio.shield(asyncio.wrap_future(self._asking))
            return await asyncio.wait_for(answer, PATIENCE_S)
        except TimeoutError:
            return f"the database has not answered for {PATIENCE_S:g} s"

    def stop(self) -> None:
        """Ask no more."""
        self._thread.shutdown(wait=False, cancel_futures=True)

    def _ask(self) -> str | None:
        try:
            self._database.check_file(writable=True)
        except DBAPIError as error:
            return str(error.orig)
        if time.monotonic() < self._well_until:
            return None
        try:
            self._ask_once()
        except (sqlite3.Error, DBAPIError, PoolTimeoutError) as error:
            return f"the database cannot be used: {getattr(error, 'orig', None) or error}"
        self._well_until = time.monotonic() + FRESH_S
        return None

    def _ask_once(self) -> None:
        file = database_file(self._database.url)
        if file is None:
            with self._database.engine.connect() as connection:
                connection.execute(text("SELECT version_num FROM alembic_version"))
            return
        # It must not be made anew where it is gone.
        address = f"{file.as_uri()}?mode=rw"
        with closing(sqlite3.connect(address, uri=True, timeout=LOCKED_S)) as connection:
            connection.execute("SELECT version_num FROM alembic_version").fetchone()
            connection.execute("BEGIN IMMEDIATE")
            connection.execute("ROLLBACK")
