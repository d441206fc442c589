"""What runs on a node of a Ray cluster: the actor of one lane, and what shows that a node lives.

The actor does what a local worker process does, see :class:`~.worker.Performer`. Events, what it
prints, and the files that it writes stream back, so a node needs neither the database nor a shared
disk; models and data must lie under the allowed roots on every node.
"""

from __future__ import annotations

import queue
import shutil
import tempfile
import threading
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import ray

from backend.scheduling import checkpoints, disk
from backend.scheduling.executors.worker import Performer, beat
from backend.scheduling.jobs import (
    MAX_LOG_BYTES,
    Beat,
    Device,
    Job,
    Message,
    Printed,
    Sent,
    Written,
    ends,
)
from backend.settings import Settings
from backend.storage.scratch import RAY_SCRATCH, keep
from loraone.events import Artifact, Event, Failed

# Of a file, in one message.
PIECE_BYTES = 4_000_000


@ray.remote(num_cpus=0, max_retries=0)  # type: ignore[untyped-decorator]
def ping() -> None:
    """Done by a node that lives."""


@ray.remote(max_restarts=0, max_task_retries=0)
class Actor:
    """A worker on some node; dies with the server that started it, as all actors of a driver."""

    def __init__(self, device: Device) -> None:
        self._device = device
        self._performer: Performer | None = None
        # Its lock goes with this process; then the next actor or server removes the folder.
        self._scratch, self._lock = keep(Path(tempfile.gettempdir()), RAY_SCRATCH)

    def answer(self) -> None:
        """Done by an actor that lives."""

    def perform(self, job: Job) -> Iterator[list[Message]]:
        """Stream what happens in a job; the last list ends with Finished or Failed."""
        outbox: queue.Queue[Message | None] = queue.Queue(maxsize=1000)
        settings = Settings()  # of this node: its actors share gradients on its own disk
        disk.trim(settings)
        checkpoints.trim(settings)
        scratch = self._scratch / f"{job.run_id}-{job.attempt}"
        here = replace(
            job,
            output=scratch / "output",
            log=scratch / "log",
            gradients=settings.gradients,
            # Whoever has the run next goes on from there if the disk is the same.
            checkpoints=settings.checkpoints / str(job.run_id),
        )
        busy = threading.Event()
        busy.set()

        def work() -> None:
            try:
                if self._performer is None:
                    self._performer = Performer(self._device)
                self._performer.perform(here, lambda message: _put(outbox, message, here))
            except BaseException as error:
                failed = Failed("internal", f"{type(error).__name__}: {error}")
                outbox.put(Sent(job.run_id, job.attempt, 2**31 - 1, failed))
            finally:
                busy.clear()
                outbox.put(None)

        threading.Thread(target=beat, args=(self._device, outbox.put, busy), daemon=True).start()
        threading.Thread(target=work, daemon=True).start()
        read = 0
        held: list[Message] = []
        ended = False
        while not ended:
            messages, ended = _drain(outbox)
            text, read = _printed(here.log, read)
            # The end comes last: whoever sees it asks no more.
            held = [message for message in messages if ends(message)]
            first = [message for message in messages if not ends(message)]
            if text or first:
                yield [*([Printed(text)] if text else []), *first]
            if held:
                break
        text, read = _printed(here.log, read)
        shutil.rmtree(scratch, ignore_errors=True)
        yield [*([Printed(text)] if text else []), *held]


def _put(outbox: queue.Queue[Message | None], message: Message, job: Job) -> None:
    """Hand a message on; what an artifact consists of goes before it, in pieces."""
    event: Event | None = message.event if isinstance(message, Sent) else None
    if isinstance(event, Artifact):
        written = Path(event.path)
        files = [written] if written.is_file() else sorted(written.rglob("*"))
        for file in files:
            if file.is_file():
                _put_file(outbox, file, str(file.relative_to(job.output)))
        assert isinstance(message, Sent)
        relative = replace(event, path=str(written.relative_to(job.output)))
        message = replace(message, event=relative)
    outbox.put(message)


def _put_file(outbox: queue.Queue[Message | None], file: Path, path: str) -> None:
    with file.open("rb") as opened:
        outbox.put(Written(path, opened.read(PIECE_BYTES), first=True))
        while data := opened.read(PIECE_BYTES):
            outbox.put(Written(path, data, first=False))


def _drain(outbox: queue.Queue[Message | None]) -> tuple[list[Message], bool]:
    """What there is, after a short wait, and whether it was the last; few large pieces at once."""
    messages: list[Message] = []
    with suppress(queue.Empty):
        message = outbox.get(timeout=0.2)
        while message is not None:
            messages.append(message)
            if isinstance(message, Written | Beat) or len(messages) >= 200:
                return messages, False
            message = outbox.get_nowait()
        return messages, True
    return messages, False


def _printed(log_file: Path, read: int) -> tuple[str, int]:
    """What was printed since the last time, and how far that is; a log that was cut starts over."""
    try:
        size = log_file.stat().st_size
        if size <= read:
            return "", min(read, size)
        with log_file.open("rb") as file:
            file.seek(read)
            # What was printed since is cut before long; more is not read at once.
            text = file.read(min(size - read, MAX_LOG_BYTES))
    except OSError:
        return "", read
    return text.decode("utf-8", errors="replace"), size
