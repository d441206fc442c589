"""The server's side of its readers (:mod:`backend.web.reader`): starts them, asks them, and goes
on without one that is not up yet, dies or hangs."""

from __future__ import annotations

import asyncio
import logging
import threading
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager

from starlette.types import Scope

from backend.settings import Settings
from backend.web.exchange import Reply
from backend.web.reader_process import ReaderProcess

# Before one that has ended is started again; twice as long after each that never answered.
PAUSE_S, LONGEST_PAUSE_S = 1.0, 60.0
# Questions of each kind that one reader has at a time: slow ones do not hold up the others.
AT_ONCE = 2
# How often one that waits for a place looks whether the readers still live.
_LOOK_S = 1.0

# Called when a question gets its place, before it is sent.
Begin = Callable[[], Awaitable[None]]

log = logging.getLogger(__name__)


class _Reader:
    """A process at a time, started when it is needed."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._lock = threading.Lock()
        self._thread: threading.Thread | None = None
        self._process: ReaderProcess | None = None
        self._pause, self._not_before = 0.0, 0.0
        self._stopped = False
        # Questions that it has, by whether they are slow.
        self.has: Counter[bool] = Counter()

    def ready(self) -> ReaderProcess | None:
        """The process, if it is up; it is started where there is none."""
        process = self._process
        if process is not None:
            return process if process.up else None
        with self._lock:
            if self._thread is None and not self._stopped and time.monotonic() > self._not_before:
                thread = threading.Thread(target=self._live, daemon=True, name="reader")
                try:
                    thread.start()
                except RuntimeError as error:  # of threads there may be no more
                    self._missing(f"it cannot be started: {error}")
                else:
                    self._thread = thread
        return None

    def stop(self) -> None:
        """End the process, and start no other."""
        with self._lock:
            self._stopped = True
            thread, process = self._thread, self._process
        if process is not None:
            process.kill()
        if thread is not None:
            thread.join(timeout=5)

    def _live(self) -> None:
        why = "it has ended"
        try:
            process = ReaderProcess(self._settings)
            with self._lock:
                self._process = process
                if self._stopped:
                    process.kill()
            process.live()
            if process.answered:
                self._pause = 0.0
        except Exception as error:
            why = f"it cannot be started: {getattr(error, 'strerror', None) or error}"
        with self._lock:
            self._missing(why)
            self._thread = self._process = None

    def _missing(self, why: str) -> None:
        if not self._stopped and not self._pause:
            log.warning("a reader is missing: %s; the server computes answers itself", why)
        self._pause = min(max(PAUSE_S, 2 * self._pause), LONGEST_PAUSE_S)
        self._not_before = time.monotonic() + self._pause


class Readers:
    """The processes that compute answers, for whoever asks, on one event loop."""

    def __init__(self, settings: Settings) -> None:
        self._readers = [_Reader(settings) for _ in range(settings.readers)]
        self._waiting: list[asyncio.Future[None]] = []

    def start(self) -> None:
        """Begin to start them all, so that the first questions need not wait for their imports."""
        for reader in self._readers:
            reader.ready()

    async def ask(self, scope: Scope, slow: bool, begin: Begin) -> Reply | None:
        """The answer to a request, for which there is waited for a place for one of its kind;
        then it begins. None where this process has to compute it.

        Raises QuestionLostError where a reader ended while it had the question.
        """
        while up := [reader for reader in self._readers if reader.ready() is not None]:
            reader = min(up, key=lambda reader: (reader.has[slow], reader.has.total()))
            process = reader.ready()
            if process is None or reader.has[slow] >= AT_ONCE:
                await self._freed()
                continue
            with self._place(reader, slow):
                await begin()
                reply = await process.ask(scope)
            if reply is not None:
                return reply
        return None

    @contextmanager
    def _place(self, reader: _Reader, slow: bool) -> Iterator[None]:
        reader.has[slow] += 1
        try:
            yield
        finally:
            reader.has[slow] -= 1
            for waiting in self._waiting:
                if not waiting.done():
                    waiting.set_result(None)

    async def _freed(self) -> None:
        """Until there may be a place, or readers may have ended."""
        freed: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.append(freed)
        try:
            await asyncio.wait([freed], timeout=_LOOK_S)
        finally:
            self._waiting.remove(freed)

    def stop(self) -> None:
        """End them all."""
        for reader in self._readers:
            reader.stop()
