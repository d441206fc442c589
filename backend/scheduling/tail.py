"""The newest changes in memory: read once for all open streams, and not where nothing is new."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from typing import TypeAlias

from fastapi.concurrency import run_in_threadpool
from sqlalchemy.exc import DBAPIError

from backend.errors import UnavailableError
from backend.storage.database import Database

# Number, kind, and what a stream is told.
Row: TypeAlias = tuple[int, str, dict[str, object]]
# How many changes after a number a reader is given; the same as are kept here.
MOST = 500

ReadAfter: TypeAlias = Callable[[Database, int, int | None], list[Row]]


class Tail:
    """Of one event loop."""

    def __init__(self, database: Database, read: ReadAfter, newest: int) -> None:
        """``read`` gives changes after a number, of all experiments or of one, oldest first."""
        self._database = database
        self._read = read
        self._rows: deque[Row] = deque()
        self._since = self._newest = newest
        self._numbers: object = None
        self._reading = asyncio.Lock()

    async def after(self, last: int, experiment: int | None) -> tuple[list[Row], int]:
        """Changes after ``last``, oldest first, at most so many at a time; and the number of the
        last change that was looked at, of whichever experiment."""
        async with self._reading:
            await self._go_on()
            seen = self._newest
        if last < self._since:  # a stream that begins further back
            rows = await run_in_threadpool(self._read, self._database, last, experiment)
            return rows, rows[-1][0] if rows else max(last, seen)
        rows = [
            row
            for row in self._rows
            if row[0] > last and experiment in (None, row[2]["experiment"])
        ]
        return rows, max(last, seen)

    async def _go_on(self) -> None:
        numbers = None
        if not self._database.shared:
            with suppress(DBAPIError, UnavailableError):  # who reads is told why
                numbers = await self._database.looks.numbers(None)
        if numbers is not None and numbers == self._numbers:
            return
        full = True
        while full:  # what is written meanwhile is for the next who asks
            rows = await run_in_threadpool(self._read, self._database, self._newest, None)
            full = len(rows) >= MOST
            self._rows.extend(rows)
            self._newest = rows[-1][0] if rows else self._newest
            while len(self._rows) > MOST:
                self._since = self._rows.popleft()[0]
        self._numbers = numbers
