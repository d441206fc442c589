"""One process of a reader (:mod:`backend.web.reader`), from its start to its end."""

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
from queue import SimpleQueue

import psutil
from starlette.types import Scope

from backend.settings import Settings
from backend.web.exchange import BEGUN, Reply, answer_of, frame, frames, question

# A reader without a sign of life for so long hangs; one whose answer takes so long may go on for
# ever. Signs come every second, but everything else on the machine has precedence: one that works
# and was given less of a processor than that is waited for.
SILENT_S, LONGEST_S = 10.0, 120.0
# One that was not heard of for so long is asked nothing new: it may hang.
QUIET_S = 5.0
# How often that is looked at.
_LOOK_S = 1.0

log = logging.getLogger(__name__)


class QuestionLostError(RuntimeError):
    """The process ended while it had a question; ``alone`` where nothing else can be why."""

    def __init__(self, *, alone: bool = False) -> None:
        super().__init__("the process ended before it had an answer")
        self.alone = alone


@dataclass
class _Waiting:
    loop: asyncio.AbstractEventLoop
    answer: asyncio.Future[Reply | None]
    # Whether the process has the question, and so may end because of it.
    begun: bool = False

    def hand(self, answer: Reply | None) -> None:
        """From any thread; None where there will be no answer."""
        with suppress(RuntimeError):  # the loop is closed: nobody waits
            self.loop.call_soon_threadsafe(self._set, answer)

    def _set(self, answer: Reply | None) -> None:
        if not self.answer.done():
            self.answer.set_result(answer)


class ReaderProcess:
    """Who waits for what it answers, too."""

    def __init__(self, settings: Settings) -> None:
        self._numbers = itertools.count(1)
        self._lock = threading.Lock()
        self._waiting: dict[int, _Waiting] = {}
        self._ended = False
        self._up = False
        # Whether it has ever answered.
        self.answered = False
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
            except BaseException:
                self._connection.close()
                raise
        # What is to be sent. A process that is stopped takes nothing, and whoever sends waits.
        self._outbox: SimpleQueue[bytes | None] = SimpleQueue()
        self._outbox.put(frame(0, settings.model_dump_json().encode()))

    @property
    def pid(self) -> int:
        """Its number in the system."""
        return self._process.pid

    @property
    def up(self) -> bool:
        """Whether it has said that it is there, and has not ended or fallen silent."""
        return self._up and not self._ended and time.monotonic() - self._heard < QUIET_S

    def live(self) -> None:
        """Hand out what it answers, until it has ended."""
        try:
            threading.Thread(target=self._send, daemon=True, name="to a reader").start()
            for number, payload in frames(self._connection):
                self._up, self._heard = True, time.monotonic()
                waiting = self._waiting.get(number)
                if waiting is not None and payload == BEGUN:
                    waiting.begun = True
                elif waiting is not None:
                    self.answered = True
                    waiting.hand(answer_of(payload))
        except (OSError, ValueError):
            pass  # it has ended, or says what none would
        finally:
            self._end()

    def _send(self) -> None:
        with suppress(OSError):  # it has ended
            while (data := self._outbox.get()) is not None:
                self._connection.sendall(data)

    def _end(self) -> None:
        self.kill()
        self._process.wait()
        with self._lock:
            self._ended = True
            left = list(self._waiting.values())
            self._waiting.clear()
        self._outbox.put(None)
        self._connection.close()
        for waiting in left:
            waiting.hand(None)

    def kill(self) -> None:
        """End it, whatever it does; :meth:`live` sees to the rest."""
        self._process.kill()

    def _spent(self) -> float:
        """Seconds of processors that it was given so far."""
        try:
            times = psutil.Process(self.pid).cpu_times()
        except psutil.Error:  # it has ended
            return 0.0
        return float(times.user + times.system)

    async def ask(self, scope: Scope) -> Reply | None:
        """Its answer; None where it ended, or hangs, before it had the question.

        Raises QuestionLostError where it had the question.
        """
        loop = asyncio.get_running_loop()
        number, waiting = next(self._numbers), _Waiting(loop, loop.create_future())
        with self._lock:
            if self._ended:
                return None
            self._waiting[number] = waiting
        asked, looks = time.monotonic(), list[float]()
        self._outbox.put(frame(number, question(scope)))
        try:
            while not (await asyncio.wait([waiting.answer], timeout=_LOOK_S))[0]:
                now = time.monotonic()
                looks.append(self._spent())
                endless = now - asked > LONGEST_S
                starved = looks[-2:][0] < looks[-1] < looks[0] + SILENT_S
                if endless or (now - max(self._heard, asked) > SILENT_S and not starved):
                    log.warning("a reader hangs: it is ended, and started again")
                    self.kill()
                    break
            else:
                endless, reply = False, waiting.answer.result()
                if reply is not None:
                    return reply
            if waiting.begun:
                raise QuestionLostError(alone=endless)
            return None
        finally:
            with self._lock:
                self._waiting.pop(number, None)
