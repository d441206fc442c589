"""Looks at the database for those who must not wait: event loops.

Whether the file is still the one that was opened, and what others have committed, is asked in a
thread: a disk that hangs, or a lock on what SQLite keeps beside the file, holds up only those who
want to know, and not for long.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor

from backend.errors import UnavailableError
from backend.storage.versions import Topics, Versions

# How long a look is waited for.
PATIENCE_S = 3.0


class Looks:
    """One look at a time, for all who came before it began."""

    def __init__(self, check_file: Callable[[], None], versions: Versions) -> None:
        """``check_file`` raises where the file is not the one that was opened."""
        self._check_file = check_file
        self._versions = versions
        self._lock = threading.Lock()
        self._thread: ThreadPoolExecutor | None = None
        # The one that has not begun yet.
        self._next: Future[str | None] | None = None

    async def numbers(self, topics: Topics) -> tuple[object, ...] | None:
        """The numbers of ``topics``, as :meth:`Versions.of` has them.

        Raises OperationalError where the file is not the one that was opened, and UnavailableError
        where nothing says so within some seconds.
        """
        with self._lock:
            if self._thread is None:
                self._thread = ThreadPoolExecutor(1, thread_name_prefix="looks")
            if self._next is None:
                self._next = self._thread.submit(self._look)
            looking = asyncio.wrap_future(self._next)
        looking.add_done_callback(_retrieve)
        done, _ = await asyncio.wait([looking], timeout=PATIENCE_S)
        if not done:
            raise UnavailableError(f"the database has not answered for {PATIENCE_S:g} s")
        seen = looking.result()
        return None if seen is None else self._versions.numbers(topics, seen)

    def _look(self) -> str | None:
        with self._lock:
            self._next = None
        self._check_file()
        return self._versions.look()

    def stop(self) -> None:
        """Look no more, unless somebody still asks."""
        with self._lock:
            thread, self._thread, self._next = self._thread, None, None
        if thread is not None:
            thread.shutdown(wait=False, cancel_futures=True)


def _retrieve(looking: asyncio.Future[str | None]) -> None:
    """Somebody may have stopped waiting for what went wrong."""
    if not looking.cancelled():
        looking.exception()
