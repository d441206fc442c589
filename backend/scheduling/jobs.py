"""What lanes and workers say to each other, wherever the worker is. No torch, no database."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol, TypeAlias

from loraone.events import Event, Failed, Finished
from loraone.spec.experiment import RunSpec

# How long a lane waits for its worker before it looks at the clock.
PATIENCE_S = 1.0
# Of what an attempt at a run prints, the beginning is kept.
MAX_LOG_BYTES = 1_000_000
# How a worker's process ends that was asked to, as sysexits.h has it: it may be tried again.
PREEMPTED = 75
CUT = b"\n... more was printed than is kept ...\n"


@dataclass(frozen=True)
class Device:
    """One GPU by its index, or the CPU with a number of threads; ``node`` is a cluster's."""

    name: str
    gpu: str | None
    threads: int
    node: str = ""


@dataclass(frozen=True)
class Job:
    """One attempt at one run.

    ``output`` is the folder for what it writes, ``log`` the file for what it prints, and
    ``gradients`` the folder in which workers share starting points (None: they do not). All
    attempts keep their ``checkpoints`` in one folder.
    """

    run_id: int
    attempt: int
    spec: RunSpec
    output: Path
    roots: tuple[Path, ...]
    log: Path
    gradients: Path | None = None
    checkpoints: Path | None = None


@dataclass(frozen=True)
class Sent:
    """One event of an attempt, numbered from 0."""

    run_id: int
    attempt: int
    seq: int
    event: Event


@dataclass(frozen=True)
class Beat:
    """A sign of life: bytes in use on the device and on the host, degrees Celsius."""

    memory: int | None
    host_memory: int
    temperature: float | None


@dataclass(frozen=True)
class Printed:
    """What a worker on another machine printed; one on this machine writes to the job's log."""

    text: str


@dataclass(frozen=True)
class Written:
    """A piece of a file that a worker on another machine wrote, relative to the job's output."""

    path: str
    data: bytes
    first: bool


Message: TypeAlias = Sent | Beat | Printed | Written


def ends(message: Message) -> bool:
    """Whether it is the last of its job."""
    return isinstance(message, Sent) and isinstance(message.event, Finished | Failed)


class WorkerDiedError(RuntimeError):
    """The worker ended in the middle of a run."""


class WorkerPreemptedError(WorkerDiedError):
    """It was asked to end, and has: nothing is wrong with the run."""


class Worker(Protocol):
    """Does the jobs of one lane, one after the other; every method may be called from any thread
    but :meth:`run`, which is the lane's own."""

    def run(self, job: Job) -> Iterator[Sequence[Message]]:
        """Do a job: what came since the last time, at least once a second, maybe nothing.

        Ends after Finished or Failed. Raises WorkerDiedError where the worker ends before, and
        WorkerPreemptedError where it was asked to.
        """

    def checkpoint(self) -> None:
        """Ask for a checkpoint at the end of the step; the job goes on."""

    def terminate(self) -> None:
        """Ask the worker to end: with a checkpoint at the end of the step, or else at once."""

    def kill(self) -> None:
        """End the worker at once; the lane's next job starts a new one."""

    def close(self) -> None:
        """Kill, and wait for the end."""


class Executor(Protocol):
    """Knows the devices, and makes the worker of a lane."""

    def devices(self) -> list[Device]:
        """The devices there are now; in a cluster they come and go."""

    def worker(self, device: Device) -> Worker:
        """A worker for the lane of ``device``; nothing is started before its first job."""

    def stop(self) -> None:
        """Let go of the cluster, if it is one."""


def append_log(file: Path, text: str) -> None:
    """Keep the beginning of what was printed, whatever is sent: it would fill the disk."""
    file.parent.mkdir(parents=True, exist_ok=True)
    with file.open("ab") as opened:
        size = opened.tell()
        data = text.encode("utf-8", errors="replace")
        if size < MAX_LOG_BYTES:
            opened.write(data[: MAX_LOG_BYTES - size])
            if size + len(data) > MAX_LOG_BYTES:
                opened.write(CUT)
