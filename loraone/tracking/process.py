"""The process that talks to trackers: what hangs or crashes here keeps no run from going on.

Each tracker of a run has a thread, so that one that is slow holds up none of the others. It is told
with tuples over a pipe and answers over the same: see :func:`main`.
"""

from __future__ import annotations

import os
import queue
import signal
import threading
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from multiprocessing.connection import Connection
from pathlib import Path

from loraone.catalog.trackers import TRACKERS
from loraone.tracking.origin import Origin
from loraone.tracking.rows import INTERRUPTED, Row
from loraone.tracking.secrecy import without_secrets
from loraone.tracking.tools import TOOLS, Tool

# What trackers would wait for or print otherwise; whoever has set them has other wishes.
_PATIENCE = {
    "MLFLOW_HTTP_REQUEST_TIMEOUT": "10",
    "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "2",
    "MLFLOW_ENABLE_ASYNC_LOGGING": "false",
    "WANDB_INIT_TIMEOUT": "30",
    "WANDB_SILENT": "true",
    "WANDB_QUIET": "true",
    "GIT_PYTHON_REFRESH": "quiet",
}
# Of whoever started this, and none of the trackers' business.
_NOT_THEIRS = ("LORAONE_", "RANK", "LOCAL_RANK", "WORLD_SIZE", "MASTER_ADDR", "ACCELERATE_")


@dataclass(frozen=True)
class Limits:
    """How long a tracker may take to begin before that is said, how many rows may wait for it, how
    many errors in a row end it, and how long a process without a run stays."""

    begin_s: float = 30.0
    rows: int = 10_000
    errors: int = 3
    idle_s: float = 60.0


class Telling:
    """One tracker of one run, in a thread of its own."""

    def __init__(
        self,
        name: str,
        origin: Origin,
        folder: Path,
        limits: Limits,
        outbox: queue.SimpleQueue[str],
    ) -> None:
        self._name = name
        self._limits = limits
        self._outbox = outbox
        self._began = time.monotonic()
        self._ready = self._waited = self._given_up = False
        self._step = self._dropped = 0
        self._inbox: queue.SimpleQueue[Row | str] = queue.SimpleQueue()
        args = (origin, folder)
        self._thread = threading.Thread(target=self._tell, args=args, daemon=True)
        self._thread.start()

    def row(self, row: Row) -> None:
        """Take it, or leave it out where too many wait."""
        if self._given_up:
            return
        if self._inbox.qsize() < self._limits.rows:
            self._inbox.put(row)
            return
        self._dropped += 1
        if self._dropped == 1:
            self._say("is slower than the run: some of its numbers are left out there")

    def end(self, status: str) -> None:
        """End the run there, after what it was told before."""
        self._inbox.put(status)

    @property
    def over(self) -> bool:
        """Whether it has ended."""
        return not self._thread.is_alive()

    def look(self) -> None:
        """Say once that it has not begun yet, for too long."""
        late = time.monotonic() - self._began > self._limits.begin_s
        if late and not self._ready and not self._waited and not self.over:
            self._waited = True
            self._say(f"has not answered for {self._limits.begin_s:g} seconds")

    def _tell(self, origin: Origin, folder: Path) -> None:
        try:
            tool = TOOLS[self._name](origin, folder)
            tool.begin()
            self._ready = True
        except BaseException as error:  # SystemExit too: wandb's
            self._given_up = True
            self._say(f"does not take the run: {_words(error)}")
            return
        status = self._follow(tool)
        try:
            tool.end(status, self._step)
        except BaseException as error:
            self._say(f"did not take the run's end: {_words(error)}")

    def _follow(self, tool: Tool) -> str:
        """Hand on what comes, up to the status that it ends with."""
        errors = 0
        while not isinstance(told := self._inbox.get(), str):
            if self._given_up:
                continue
            self._step = self._step if told.step is None else max(self._step, told.step)
            try:
                tool.log(told.values, self._step if told.step is None else told.step)
                errors = 0
            except BaseException as error:
                errors += 1
                self._given_up = errors == self._limits.errors
                if self._given_up or errors == 1:
                    more = ", and is told nothing more" if self._given_up else ""
                    self._say(f"did not take some numbers: {_words(error)}{more}")
        return told

    def _say(self, what: str) -> None:
        self._outbox.put(f"{TRACKERS[self._name].label} {what}")


def main(connection: Connection, folder: Path, limits: Limits) -> None:
    """Mirror runs, one after the other, until nobody is there or nothing comes.

    Takes ``("begin", names, origin)``, ``("row", row)``, ``("end", status)``; answers ``("said",
    sentence)`` and, when all trackers have ended the run, ``("ended", "")``.
    """
    _by_itself(folder)
    from accelerate.state import PartialState

    PartialState()  # its trackers ask whether they are on the main process
    with suppress(EOFError, OSError):
        while connection.poll(limits.idle_s):
            _, names, origin = connection.recv()
            _mirror(connection, names, origin, folder, limits)
    # Threads of trackers that hang must not keep it.
    os._exit(0)


def _mirror(
    connection: Connection, names: Sequence[str], origin: Origin, folder: Path, limits: Limits
) -> None:
    outbox: queue.SimpleQueue[str] = queue.SimpleQueue()
    told = [Telling(name, origin, folder, limits, outbox) for name in names]
    ending = gone = False
    while not ending or not all(telling.over for telling in told):
        try:
            waited = connection.poll(0.1 if ending else 0.5)
            kind, body = connection.recv() if waited else ("", None)
        except (EOFError, OSError):  # whoever ran it was killed; its trackers are told that
            gone, kind, body = True, "end", INTERRUPTED
        for telling in told:
            telling.look()
            if isinstance(body, Row):
                telling.row(body)
            elif body is not None:
                telling.end(body)
        ending = ending or kind == "end"
        if gone:
            _wait(told)
            raise EOFError
        _hand_over(connection, outbox)
    _hand_over(connection, outbox)
    connection.send(("ended", ""))


def _wait(told: Sequence[Telling]) -> None:
    """For trackers that can still be told, not for long: nobody is there who would end this."""
    until = time.monotonic() + 10
    while time.monotonic() < until and not all(telling.over for telling in told):
        time.sleep(0.1)


def _hand_over(connection: Connection, outbox: queue.SimpleQueue[str]) -> None:
    with suppress(queue.Empty):
        while True:
            said = outbox.get_nowait()
            with suppress(OSError):
                connection.send(("said", without_secrets(said, os.environ)))


def _words(error: BaseException) -> str:
    text = str(error).strip()
    return f"{type(error).__name__}: {text}" if text else type(error).__name__


def _by_itself(folder: Path) -> None:
    """Quiet, behind everything else that computes, without a GPU; what trackers write beside what
    they are told to goes to ``folder``."""
    for meant in (signal.SIGINT, signal.SIGUSR1):  # for whoever started it
        signal.signal(meant, signal.SIG_IGN)
    with suppress(OSError):
        os.nice(10)
    folder.mkdir(parents=True, exist_ok=True)
    os.chdir(folder)
    for name in [name for name in os.environ if name.startswith(_NOT_THEIRS)]:
        del os.environ[name]
    os.environ.update(CUDA_VISIBLE_DEVICES="", OMP_NUM_THREADS="1", ACCELERATE_USE_CPU="true")
    for name, value in _PATIENCE.items():
        os.environ.setdefault(name, value)
    # They print addresses, with passwords in them.
    nothing = os.open(os.devnull, os.O_RDWR)
    for number in (0, 1, 2):
        os.dup2(nothing, number)
    os.close(nothing)
