"""Lanes on this machine: one spawned process for each GPU, or one for the CPU."""

from __future__ import annotations

import multiprocessing
import os
import shutil
import subprocess
import threading
from collections.abc import Iterator
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess

from backend.executors.worker import Device, Job, Sent, main
from loraone.events import Failed, Finished


class WorkerDiedError(RuntimeError):
    """The worker process ended in the middle of a run."""


def devices(cpu_threads: int) -> list[Device]:
    """The GPUs that ``nvidia-smi`` lists and ``CUDA_VISIBLE_DEVICES`` allows, or the CPU.

    torch could tell too, but the server does not import it.
    """
    gpus = _gpus()
    if gpus:
        return [Device(f"GPU {gpu}", gpu, 0) for gpu in gpus]
    threads = cpu_threads or max(1, (os.cpu_count() or 1) - 1)
    return [Device("CPU", None, threads)]


def _gpus() -> list[str]:
    visible = os.environ.get("CUDA_VISIBLE_DEVICES")
    if visible is not None:
        return [part.strip() for part in visible.split(",") if part.strip() not in ("", "-1")]
    command = shutil.which("nvidia-smi")
    if command is None:
        return []
    try:
        listed = subprocess.run(
            [command, "--query-gpu=index", "--format=csv,noheader"],
            capture_output=True,
            text=True,
            timeout=10,
            check=True,
        )
    except (OSError, subprocess.SubprocessError):
        return []
    return [line.strip() for line in listed.stdout.splitlines() if line.strip().isdigit()]


class LocalWorker:
    """The worker process of one lane, started when it is first needed and after every death."""

    def __init__(self, device: Device) -> None:
        self.device = device
        self._lock = threading.Lock()
        self._process: BaseProcess | None = None
        self._connection: Connection | None = None

    def run(self, job: Job) -> Iterator[Sent]:
        """Run one job and yield its events.

        Raises WorkerDiedError where the process ends before the job does.
        """
        connection = self._ready()
        try:
            connection.send(job)
            while True:
                sent: Sent = connection.recv()
                yield sent
                if isinstance(sent.event, Finished | Failed):
                    return
        except (EOFError, OSError) as error:
            code = self._reap()
            raise WorkerDiedError(f"the worker process ended (exit code {code})") from error

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
                self._connection = ours
            return self._connection

    @property
    def pid(self) -> int | None:
        """The process's id, or None where it has not been started."""
        return self._process.pid if self._process is not None else None

    def kill(self) -> None:
        """End the process at once; the lane's next job starts a new one."""
        with self._lock:
            if self._process is not None and self._process.is_alive():
                self._process.kill()

    def _reap(self) -> int | None:
        with self._lock:
            if self._process is None:
                return None
            self._process.join(timeout=10)
            code = self._process.exitcode
            if self._connection is not None:
                self._connection.close()
            self._process = self._connection = None
            return code

    def close(self) -> None:
        """Kill the process and wait for it."""
        self.kill()
        self._reap()
