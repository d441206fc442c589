"""Lanes on this machine: spawned processes, one or several for each GPU or for the CPU."""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import suppress
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess

from backend.scheduling import telemetry
from backend.scheduling.executors.worker import main
from backend.scheduling.jobs import (
    PATIENCE_S,
    PREEMPTED,
    Device,
    Job,
    Message,
    WorkerDiedError,
    WorkerPreemptedError,
    ends,
)

MOST_AT_ONCE = 200
# What a worker sends within this time is stored together: a transaction costs more than a message.
GATHER_S = 0.05
# Also of one that was still being started, and had no checkpoint to keep.
ASKED_TO_END = (PREEMPTED, -signal.SIGTERM, -signal.SIGUSR1)


class LocalExecutor:
    """The GPUs of this machine, or its CPU; ``per_device`` lanes share each of them."""

    def __init__(self, cpu_threads: int = 0, per_device: int = 1) -> None:
        self._devices = _devices(cpu_threads, per_device)

    def devices(self) -> list[Device]:
        """Those there were at the start: GPUs do not come and go."""
        return self._devices

    def worker(self, device: Device) -> LocalWorker:
        """The worker process of a lane."""
        return LocalWorker(device)

    def stop(self) -> None:
        """Nothing is left when the workers are closed."""


def _devices(cpu_threads: int, per_device: int) -> list[Device]:
    gpus: list[str | None] = list(telemetry.gpus())
    threads = 0 if gpus else max(1, (cpu_threads or (os.cpu_count() or 2) - 1) // per_device)
    return [
        Device(_name(gpu, number, per_device), gpu, threads)
        for gpu in (gpus or [None])
        for number in range(1, per_device + 1)
    ]


def _name(gpu: str | None, number: int, per_device: int) -> str:
    name = "CPU" if gpu is None else f"GPU {gpu}"
    return name if per_device == 1 else f"{name} · {number}"


class LocalWorker:
    """The worker process of one lane, started when it is first needed and after every death."""

    def __init__(self, device: Device) -> None:
        self.device = device
        self._lock = threading.Lock()
        self._process: BaseProcess | None = None
        self._connection: Connection | None = None
        # Whether it has said anything, and so is past its start: a signal would end it before.
        self._heard = False

    def run(self, job: Job) -> Iterator[Sequence[Message]]:
        """Run one job and yield what the worker says, at least once a second.

        Raises WorkerDiedError where the process ends before the job does, and
        WorkerPreemptedError where it was asked to.
        """
        connection = self._ready()
        try:
            while connection.poll():
                connection.recv()  # signs of life since the last job
            connection.send(job)
            while True:
                messages = _gathered(connection)
                self._heard = self._heard or bool(messages)
                yield messages
                if any(ends(message) for message in messages):
                    return
        except (EOFError, OSError) as error:
            code = self._reap()
            if code in ASKED_TO_END:
                raise WorkerPreemptedError("the worker was asked to end") from error
            raise WorkerDiedError(_cause(code)) from error

    def _ready(self) -> Connection:
        with self._lock:
            alive = self._process is not None and self._process.is_alive()
            if not alive or self._connection is None:
                context = multiprocessing.get_context("spawn")
                ours, theirs = context.Pipe()
                self._process = context.Process(
                    target=main, args=(theirs, self.device), name=self.device.name, daemon=True
                )
                self._process.start()
                theirs.close()
                self._connection, self._heard = ours, False
            return self._connection

    def checkpoint(self) -> None:
        """Ask for a checkpoint at the end of the step; one that is being started has nothing to
        keep."""
        with self._lock:
            if self._heard and self._process is not None and self._process.pid is not None:
                with suppress(ProcessLookupError):
                    os.kill(self._process.pid, signal.SIGUSR1)

    def terminate(self) -> None:
        """Ask the process to end: with a checkpoint at the end of the step, or else at once."""
        with self._lock:
            if self._process is not None and self._process.is_alive():
                self._process.terminate()

    def kill(self) -> None:
        """End the process at once; the lane's next job starts a new one."""
        with self._lock:
            if self._process is not None and self._process.is_alive():
                self._process.kill()

    def _reap(self) -> int | None:
        with self._lock:
            if self._process is None:
                return None
            self._process.join(timeout=2)
            if self._process.is_alive():
                self._process.kill()
                self._process.join()
            code = self._process.exitcode
            if self._connection is not None:
                self._connection.close()
            self._process = self._connection = None
            return code

    def close(self) -> None:
        """Kill the process and wait for it."""
        self.kill()
        self._reap()


def _gathered(connection: Connection) -> list[Message]:
    """What the worker says within a moment of its first word, up to the end of its job; nothing
    where it says nothing for a second."""
    messages: list[Message] = []
    ready = connection.poll(PATIENCE_S)
    until = time.monotonic() + GATHER_S
    while ready and len(messages) < MOST_AT_ONCE:
        messages.append(connection.recv())
        if ends(messages[-1]):
            break
        ready = connection.poll(max(0.0, until - time.monotonic()))
    return messages


def _cause(code: int | None) -> str:
    """An exit code in words."""
    if code is None or code >= 0:
        return f"the worker process ended (exit code {code})"
    if code == -signal.SIGKILL:
        return "the worker process was killed (SIGKILL), as the system does where memory runs out"
    return f"the worker process crashed ({signal.Signals(-code).name})"
