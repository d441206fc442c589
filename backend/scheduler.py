"""Picks the next run for a free lane, stores what comes back, requeues what was lost."""

from __future__ import annotations

import logging
import shutil
import threading
from dataclasses import dataclass
from pathlib import Path

from pydantic import ValidationError

from backend.db import Database
from backend.executors.local import LocalWorker, WorkerDiedError
from backend.executors.worker import Device, Job
from backend.feed import Feed
from backend.store import results, runs
from backend.tables import Run
from loraone.specs import RunSpec

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class LaneState:
    """A lane and the run on it, if any."""

    name: str
    run_id: int | None
    pid: int | None


class Lane:
    """One device: a thread that takes runs from the queue and drives the lane's worker."""

    def __init__(self, scheduler: Scheduler, device: Device) -> None:
        self._scheduler = scheduler
        self.device = device
        self.worker = LocalWorker(device)
        self.current: int | None = None
        self.thread = threading.Thread(target=self._loop, name=f"lane {device.name}", daemon=True)

    def _loop(self) -> None:
        while not self._scheduler.stopping.is_set():
            try:
                busy = self._next()
            except Exception:
                log.exception("lane %s: unexpected error; going on", self.device.name)
                busy = False
            if not busy:
                self._scheduler.wait_for_work()

    def _next(self) -> bool:
        scheduler = self._scheduler
        with scheduler.database.write() as session:
            run = runs.claim(session, self.device.name)
            if run is None:
                return False
            self.current = run.id
            try:
                job = scheduler.job(run)
            except ValidationError as error:  # an older release stored a spec we cannot read
                runs.finish(session, run, "failed", error={"code": "spec", "message": str(error)})
                return True
        scheduler.feed.wake()
        shutil.rmtree(job.output.parent, ignore_errors=True)
        try:
            self._drive(job)
        except WorkerDiedError as error:
            self._lost(job, str(error))
        except Exception as error:
            # What the worker still sends of this job must not be taken for the next one's.
            self.worker.close()
            self._lost(job, f"its results could not be stored: {error}")
            raise
        finally:
            self.current = None
        return True

    def _drive(self, job: Job) -> None:
        """Send the job to the worker and store what comes back."""
        scheduler = self._scheduler
        for sent in self.worker.run(job):
            with scheduler.database.write() as session:
                live = results.append(
                    session, sent.run_id, sent.attempt, sent.seq, sent.event, scheduler.artifacts
                )
            scheduler.feed.wake()
            if not live:
                self.worker.kill()  # cancelled meanwhile, or requeued

    def _lost(self, job: Job, reason: str) -> None:
        with self._scheduler.database.write() as session:
            run = session.get(Run, job.run_id)
            if run is not None and run.status == "running" and run.attempt == job.attempt:
                if self._scheduler.stopping.is_set():
                    runs.requeue(session, run, "the server was stopped during the run")
                else:
                    runs.lose(session, run, reason)
        self._scheduler.feed.wake()


class Scheduler:
    """All lanes of this server."""

    def __init__(
        self,
        database: Database,
        feed: Feed,
        artifacts: Path,
        roots: list[Path],
        devices: list[Device],
    ) -> None:
        self.database = database
        self.feed = feed
        self.artifacts = artifacts
        self.roots = tuple(roots)
        self.stopping = threading.Event()
        self._work = threading.Condition()
        self._lanes = [Lane(self, device) for device in devices]

    def start(self) -> None:
        """Queue again what a dead server left running, then start all lanes."""
        with self.database.write() as session:
            count = runs.recover(session)
        if count:
            log.warning("%d runs were running when the server died; queued again", count)
        for lane in self._lanes:
            lane.thread.start()

    def stop(self) -> None:
        """Stop all lanes; what was running goes back into the queue."""
        self.stopping.set()
        self.wake()
        for lane in self._lanes:
            lane.worker.kill()
        for lane in self._lanes:
            if lane.thread.ident is not None:
                lane.thread.join(timeout=20)
            lane.worker.close()

    def wake(self) -> None:
        """Say that there may be work."""
        with self._work:
            self._work.notify_all()

    def wait_for_work(self) -> None:
        """Wait until :meth:`wake`, or a second, whichever is first."""
        with self._work:
            self._work.wait(timeout=1.0)

    def interrupt(self, run_id: int) -> None:
        """Kill the worker that runs ``run_id``, if one does: how a run is cancelled."""
        for lane in self._lanes:
            if lane.current == run_id:
                lane.worker.kill()

    def lanes(self) -> list[LaneState]:
        """What every lane is doing."""
        return [LaneState(lane.device.name, lane.current, lane.worker.pid) for lane in self._lanes]

    def job(self, run: Run) -> Job:
        """The job that this attempt at ``run`` sends to a worker."""
        return Job(
            run.id,
            run.attempt,
            RunSpec.model_validate(run.spec),
            self.artifacts / str(run.id) / str(run.attempt),
            self.roots,
        )
