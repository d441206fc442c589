"""The worker of a lane: receives jobs, sends events and signs of life. It knows no database.

Nothing here imports torch before the device is pinned by ``CUDA_VISIBLE_DEVICES``.
"""

from __future__ import annotations

import faulthandler
import multiprocessing
import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from multiprocessing.connection import Connection
from pathlib import Path
from typing import TYPE_CHECKING

from backend.scheduling.jobs import CUT, MAX_LOG_BYTES, PREEMPTED, Device, Job, Message, Sent
from backend.scheduling.telemetry import Gauge
from loraone.catalog import TASKS
from loraone.events import Event, Progress
from loraone.runs.interruption import InterruptedRunError, Interruption

if TYPE_CHECKING:
    from loraone.runs.workspace import Workspace

BEAT_S = 1.0
# Progress that comes faster than anybody looks is left out; the first and the last are not.
PROGRESS_S = 0.1

Send = Callable[[Message], None]


class Performer:
    """Does jobs on one device, with model, data and gradient kept warm between them."""

    def __init__(self, device: Device) -> None:
        self.interruption = Interruption()
        if device.gpu is None:
            os.environ["CUDA_VISIBLE_DEVICES"] = ""
            os.environ["OMP_NUM_THREADS"] = str(device.threads)
        os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
        import torch
        from tqdm import tqdm

        # Its own is a semaphore of the system too, which is left behind when a worker is killed.
        tqdm.set_lock(threading.RLock())
        if device.gpu is None:
            torch.set_num_threads(device.threads)
        self._device = "cpu" if device.gpu is None else "cuda"
        self._workspace: Workspace | None = None

    def perform(self, job: Job, send: Send) -> None:
        """Run one job and send its events, the last of which is Finished or Failed.

        Raises InterruptedRunError where it was asked to end, and has kept a checkpoint.
        """
        from loraone.runs.run import run

        if self._workspace is None and not TASKS[job.spec.task].synthetic:
            # Its imports take seconds, which a problem without a model need not wait for.
            from loraone.runs.workspace import Workspace

            self._workspace = Workspace(self._device)
        if self._workspace is not None:
            self._workspace.share(job.gradients)
        self.interruption.answered()  # what was asked of the job before
        with _printing_to(job.log):
            events = run(
                job.spec,
                workspace=self._workspace,
                output=job.output,
                roots=job.roots,
                checkpoints=job.checkpoints,
                interruption=self.interruption,
            )
            for seq, event in enumerate(_throttle(events)):
                send(Sent(job.run_id, job.attempt, seq, event))


def main(connection: Connection, device: Device) -> None:
    """Serve jobs until the connection closes or the server is gone."""
    leave_signals_to_the_server()
    _die_first()
    if device.gpu is not None:
        os.environ["CUDA_VISIBLE_DEVICES"] = device.gpu
    threading.Thread(target=die_with_parent, daemon=True).start()
    sending = threading.Lock()

    def send(message: Message) -> None:
        with sending:
            connection.send(message)

    busy = threading.Event()
    busy.set()
    threading.Thread(target=beat, args=(device, send, busy), daemon=True).start()
    performer = Performer(device)
    _listen_to_signals(performer.interruption)
    while not performer.interruption.ending:
        try:
            job: Job = connection.recv()
        except EOFError:
            return
        busy.set()
        try:
            performer.perform(job, send)
        except InterruptedRunError:
            break
        busy.clear()
    os._exit(PREEMPTED)


def _listen_to_signals(interruption: Interruption) -> None:
    """SIGUSR1, Slurm's warning, makes a checkpoint at the end of the step, and SIGTERM ends the
    process with one. Where there is nothing to keep, such as before the first step, it ends at
    once. After a warning the run goes on: what it does until the end comes is kept then."""

    def end(*_: object) -> None:
        if not interruption.listening:
            os._exit(PREEMPTED)
        interruption.end()

    signal.signal(signal.SIGTERM, end)
    signal.signal(signal.SIGUSR1, lambda *_: interruption.ask())


def beat(device: Device, send: Send, busy: threading.Event) -> None:
    """Send a sign of life every second while there is work, as long as somebody takes it."""
    gauge = Gauge(device)
    with suppress(OSError):
        while busy.wait():
            send(gauge.read())
            time.sleep(BEAT_S)


def die_with_parent() -> None:
    """End this process when the server is gone, even in the middle of a long computation."""
    parent = multiprocessing.parent_process()
    assert parent is not None
    parent.join()
    os._exit(1)


def leave_signals_to_the_server() -> None:
    """Ctrl-C in a terminal goes to all processes, and means the server, which ends its workers."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGUSR1, signal.SIG_IGN)  # a batch system warns all processes


def _die_first() -> None:
    """Where the machine runs out of memory, the kernel is to take the worker, not the server."""
    with suppress(OSError):
        Path("/proc/self/oom_score_adj").write_text("1000")


def _throttle(events: Iterator[Event]) -> Iterator[Event]:
    """Without progress that follows other progress of its phase too closely."""
    phase, at = "", 0.0
    for event in events:
        if isinstance(event, Progress):
            now = time.monotonic()
            again = event.phase == phase and 0 < event.done < event.total
            if again and now - at < PROGRESS_S:
                continue
            phase, at = event.phase, now
        yield event


@contextmanager
def _printing_to(log: Path) -> Iterator[None]:
    """Send what this process prints, also from C and in a crash, to a file of limited size."""
    log.parent.mkdir(parents=True, exist_ok=True)
    file = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    _flush()
    kept = [os.dup(1), os.dup(2)]
    os.dup2(file, 1)
    os.dup2(file, 2)
    faulthandler.enable(file)
    done = threading.Event()
    watching = threading.Thread(target=_cut, args=(file, done), daemon=True)
    watching.start()
    try:
        yield
    finally:
        _flush()
        done.set()
        watching.join()
        faulthandler.disable()
        for number, was in zip((1, 2), kept, strict=True):
            os.dup2(was, number)
            os.close(was)
        empty = os.fstat(file).st_size == 0
        os.close(file)
        if empty:
            log.unlink(missing_ok=True)


def _flush() -> None:
    for stream in (sys.stdout, sys.stderr):
        with suppress(OSError):  # a server's own output may be on a full disk, or closed
            if stream is not None:
                stream.flush()


def _cut(file: int, done: threading.Event) -> None:
    """Keep the beginning of a log that grows too large: what went wrong first says most."""
    while True:
        ending = done.wait(BEAT_S)
        if os.fstat(file).st_size > MAX_LOG_BYTES:
            os.ftruncate(file, MAX_LOG_BYTES // 2)
            os.write(file, CUT)
        if ending:
            return
