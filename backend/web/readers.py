"""The server's side of its readers (:mod:`backend.web.reader`): starts them, asks them, and goes
on without one that is not up yet, dies or hangs."""

from __future__ import annotations

import asyncio
import itertools
import logging
import os
import socket
import subprocess
import sys
import threading
import time
from contextlib import suppress
from dataclasses import dataclass

from starlette.types import Scope

from backend.settings import Settings
from backend.web.exchange import Reply, answer_of, frame, frames, question

# A reader without a sign of life for so long hangs; one whose answer takes so long may go on for
# ever. Signs come every second, but everything else on the machine has precedence.
SILENT_S, LONGEST_S = 10.0, 120.0
# How often that is looked at.
_LOOK_S = 1.0
# Before one that has ended is started again; twice as long after each that never answered.
PAUSE_S, LONGEST_PAUSE_S = 1.0, 60.0
# Questions that one reader has at a time.
AT_ONCE = 2

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class _Waiting:
    loop: asyncio.AbstractEventLoop
    answer: asyncio.Future[Reply | None]

    def hand(self, answer: Reply | None) -> None:
        """From any thread."""
        with suppress(RuntimeError):  # the loop is closed: nobody waits
            self.loop.call_soon_threadsafe(self._set, answer)

    def _set(self, answer: Reply | None) -> None:
        if not self.answer.done():
            self.answer.set_result(answer)


class _Process:
    """A reader's process from its start to its end, and who waits for what it answers."""

    def __init__(self, settings: Settings) -> None:
        self._numbers = itertools.count(1)
        self._lock = threading.Lock()
        self._sending = threading.Lock()
        self._waiting: dict[int, _Waiting] = {}
        self._ended = False
        # Whether it has said that it is there, and has ever answered.
        self.up = self.answered = False
        self._heard = time.monotonic()
        self._connection, theirs = socket.socketpair()
        with theirs:
            try:
                self._process = subprocess.Popen(
                    # Not from the folder that the server was started in, whatever is there.
                    [sys.executable, "-P", "-m", "backend.web.reader", str(theirs.fileno())],
                    env={**os.environ, "CUDA_VISIBLE_DEVICES": ""},
                    pass_fds=[theirs.fileno()],
                    stdin=subprocess.DEVNULL,
                    stdout=subprocess.DEVNULL,
                    process_group=0,  # Ctrl-C means the server
                )
            except OSError:
                self._connection.close()
                raise
        self._send(0, settings.model_dump_json().encode())

    @property
    def load(self) -> int:
        """Questions that it has not answered yet."""
        return len(self._waiting)

    def listen(self) -> None:
        """Hand out what it answers, until it has ended."""
        try:
            for number, payload in frames(self._connection):
                self.up, self._heard = True, time.monotonic()
                with self._lock:
                    waiting = self._waiting.pop(number, None)
                if waiting is not None:
                    self.answered = True
                    waiting.hand(answer_of(payload))
        except (OSError, ValueError):
            pass  # it has ended, or says what none would
        finally:
            self._end()

    def _end(self) -> None:
        self.kill()
        self._process.wait()
        with self._lock:
            self._ended = True
            left = list(self._waiting.values())
            self._waiting.clear()
        self._connection.close()
        for waiting in left:
            waiting.hand(None)

    def kill(self) -> None:
        """End it, whatever it does; :meth:`listen` sees to the rest."""
        self._process.kill()

    async def ask(self, scope: Scope) -> Reply | None:
        """Its answer; None where it gives none."""
        loop = asyncio.get_running_loop()
        number, answer = next(self._numbers), loop.create_future()
        with self._lock:
            if self._ended:
                return None
            self._waiting[number] = _Waiting(loop, answer)
        asked = time.monotonic()
        try:
            self._send(number, question(scope))
            while not (await asyncio.wait([answer], timeout=_LOOK_S))[0]:
                now = time.monotonic()
                if now - max(self._heard, asked) > SILENT_S or now - asked > LONGEST_S:
                    log.warning("a reader hangs: it is ended, and started again")
                    self.kill()
                    return None
            reply: Reply | None = answer.result()
            return reply
        finally:
            with self._lock:
                self._waiting.pop(number, None)

    def _send(self, number: int, payload: bytes) -> None:
        # Some kilobytes, of few questions at a time: the socket's buffer holds them all.
        with self._sending, suppress(OSError):
            self._connection.sendall(frame(number, payload))


class _Reader:
    """A process at a time, started when it is needed."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._lock = threading.Lock()
        self._thread: threading.Thread | None = None
        self._process: _Process | None = None
        self._pause, self._not_before = 0.0, 0.0
        self._stopped = False

    def ready(self) -> _Process | None:
        """The process, if it is up; it is started where there is none."""
        process = self._process
        if process is not None:
            return process if process.up else None
        with self._lock:
            if self._thread is None and not self._stopped and time.monotonic() > self._not_before:
                self._thread = threading.Thread(target=self._live, daemon=True, name="reader")
                self._thread.start()
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
        answered, why = False, "it has ended"
        try:
            process = _Process(self._settings)
            with self._lock:
                self._process = process
                if self._stopped:
                    process.kill()
            process.listen()
            answered = process.answered
        except OSError as error:
            why = f"it cannot be started: {error.strerror}"
        if answered:
            self._pause = 0.0
        if not self._stopped and not self._pause:
            log.warning("a reader is missing: %s; the server computes answers itself", why)
        with self._lock:
            self._pause = min(max(PAUSE_S, 2 * self._pause), LONGEST_PAUSE_S)
            self._not_before = time.monotonic() + self._pause
            self._thread = self._process = None


class Readers:
    """The processes that compute answers, for whoever asks."""

    def __init__(self, settings: Settings) -> None:
        self._readers = [_Reader(settings) for _ in range(settings.readers)]
        self.at_once = AT_ONCE * settings.readers

    def start(self) -> None:
        """Begin to start them all, so that the first questions need not wait for their imports."""
        for reader in self._readers:
            reader.ready()

    async def ask(self, scope: Scope) -> Reply | None:
        """The answer to a request; None where this process has to compute it."""
        up = [process for reader in self._readers if (process := reader.ready()) is not None]
        if not up:
            return None
        return await min(up, key=lambda process: process.load).ask(scope)

    def stop(self) -> None:
        """End them all."""
        for reader in self._readers:
            reader.stop()
