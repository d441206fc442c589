"""An executor whose devices come and go as a test says, workers that do what it says, a database
that fails when it says so, and what is stored."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Protocol

from sqlalchemy import select
from sqlalchemy.orm import Session

from backend.scheduling.feed import Feed
from backend.scheduling.jobs import Device, Job, Message, Sent, WorkerDiedError
from backend.scheduling.lane import Lane
from backend.storage.database import Database
from backend.storage.store import experiments
from backend.storage.tables import MetricRow, Run
from loraone.events import Event, Finished, Metric
from loraone.spec.experiment import ExperimentSpec

CPU = Device("CPU", None, 1)
KILLED = "the worker process was killed"


class FakeWorker:
    """Does a job by calling ``act`` with itself and the job."""

    def __init__(self, act: Act) -> None:
        self.act = act
        self.jobs: list[Job] = []
        self.killed = threading.Event()
        self.closed = self.checkpoints = 0

    def run(self, job: Job) -> Iterator[Sequence[Message]]:
        """What ``act`` yields."""
        self.jobs.append(job)
        self.killed.clear()
        yield from self.act(self, job)

    def checkpoint(self) -> None:
        """Count how often it was asked for one."""
        self.checkpoints += 1

    def terminate(self) -> None:
        """The same as :meth:`kill`: it has nothing to keep."""
        self.kill()

    def kill(self) -> None:
        """Let :func:`hang` end."""
        self.killed.set()

    def close(self) -> None:
        """Kill, and count how often that was asked for."""
        self.kill()
        self.closed += 1


Act = Callable[[FakeWorker, Job], Iterator[Sequence[Message]]]


class FakeExecutor:
    """Devices that come and go, each with a worker that does what ``act`` says."""

    def __init__(self, act: Act, *devices: Device) -> None:
        self.act = act
        self.present = list(devices)
        self.workers: dict[str, FakeWorker] = {}
        self.stopped = False

    def devices(self) -> list[Device]:
        """Those there are now."""
        return list(self.present)

    def worker(self, device: Device) -> FakeWorker:
        """A new worker; the last one of each device is kept."""
        self.workers[device.name] = FakeWorker(self.act)
        return self.workers[device.name]

    def stop(self) -> None:
        """Remember it."""
        self.stopped = True


class BreakableDatabase(Database):
    """Raises ``error`` instead of writing, as long as there is one."""

    error: Exception | None = None

    @contextmanager
    def write(self) -> Iterator[Session]:
        """A session, or the error."""
        if self.error is not None:
            raise self.error
        with super().write() as session:
            yield session


class CountingFeed(Feed):
    """Counts how often it was woken."""

    count = 0

    def wake(self) -> None:
        """Count."""
        self.count += 1
        super().wake()


def sent(job: Job, seq: int, event: Event) -> Sent:
    """An event of a job."""
    return Sent(job.run_id, job.attempt, seq, event)


def succeed(worker: FakeWorker, job: Job) -> Iterator[Sequence[Message]]:
    """Three steps, and the end."""
    for step in (1, 2, 3):
        yield [sent(job, step, Metric(step, {"train_loss": 1 / step}, 0.1 * step, step))]
    yield [sent(job, 4, Finished({"eval_loss": 0.5}))]


def hang(worker: FakeWorker, job: Job) -> Iterator[Sequence[Message]]:
    """One step, and then nothing more until it is killed."""
    yield [sent(job, 1, Metric(1, {"train_loss": 1.0}, 0.1, 1))]
    while not worker.killed.wait(0.01):
        yield []
    raise WorkerDiedError(KILLED)


def die(worker: FakeWorker, job: Job) -> Iterator[Sequence[Message]]:
    """One step, and then death."""
    yield [sent(job, 1, Metric(1, {"train_loss": 1.0}, 0.1, 1))]
    raise WorkerDiedError(KILLED)


def first_then(first: Act, others: Act) -> Act:
    """``first`` for the first job of all workers together, ``others`` for all after it."""
    begun = threading.Event()

    def act(worker: FakeWorker, job: Job) -> Iterator[Sequence[Message]]:
        chosen = others if begun.is_set() else first
        begun.set()
        yield from chosen(worker, job)

    return act


def launch(database: Database, runs: int = 1) -> list[int]:
    """Queue an experiment of so many runs, and say their ids."""
    rates = [1e-3 * (number + 1) for number in range(runs)]
    spec = {"methods": ["lora"], "grid": {"learning_rates": rates}}
    with database.write() as session:
        stored = experiments.create(session, ExperimentSpec.model_validate(spec))
        return [run.id for run in experiments.runs(session, stored.id)]


def read(database: Database, run_id: int) -> Run:
    """A run as it is stored now."""
    with database.read() as session:
        run = session.get_one(Run, run_id)
        session.expunge(run)
        return run


def status(database: Database, run_id: int) -> str:
    """Where a run stands."""
    return read(database, run_id).status


def steps(database: Database, run_id: int) -> list[int]:
    """The steps of which a metric of the run is stored."""
    query = select(MetricRow.step).where(MetricRow.run_id == run_id).order_by(MetricRow.step)
    with database.read() as session:
        return list(session.scalars(query))


def wait(condition: Callable[[], object], seconds: float = 20) -> None:
    """Until it holds; an assertion says that it never did."""
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "waited in vain"
        time.sleep(0.01)


class Begin(Protocol):
    """Starts a lane."""

    def __call__(
        self, act: Act, may_begin: Callable[[Device], bool] = ...
    ) -> tuple[Lane, FakeWorker]: ...


def ended(database: Database, *run_ids: int) -> Callable[[], bool]:
    """Asks whether these runs have ended."""
    return lambda: all(status(database, key) in ("succeeded", "failed") for key in run_ids)
