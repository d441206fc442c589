"""A lane: takes runs from the queue, has its worker do them, and stores what comes back."""

from __future__ import annotations

import logging
import shutil
import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path, PurePosixPath

from sqlalchemy.orm import Session

from backend.logs import logged
from backend.people import quotas
from backend.scheduling.jobs import (
    Device,
    Job,
    Message,
    Printed,
    Sent,
    Worker,
    WorkerDiedError,
    WorkerPreemptedError,
    Written,
    append_log,
)
from backend.scheduling.mirroring import Asked
from backend.scheduling.watch import LimitError, StalledError, Watch
from backend.scheduling.work import Work
from backend.storage.store import lanes, queue, results, runs
from backend.storage.tables import Experiment, now
from loraone.errors import SpecError
from loraone.events import Progress
from loraone.tracking.mirror import Mirror
from loraone.tracking.rows import FAILED, INTERRUPTED, status

log = logging.getLogger(__name__)
# Written where lines are for programs: see backend/logs.py.
ends = logging.getLogger("loraone.runs")

# How often a lane checks whether its run is still wanted, and how often it says that it lives.
CHECK_S, BEAT_S = 1.0, 5.0


class Lane:
    """A thread, the worker on its device, and the run they are at."""

    def __init__(
        self, work: Work, device: Device, worker: Worker, may_begin: Callable[[Device], bool]
    ) -> None:
        """``may_begin`` says whether the device may take a run now, whatever waits."""
        self._work = work
        self._may_begin = may_begin
        self.device = device
        self.worker = worker
        self.stopping = threading.Event()
        self._patient_until: float | None = None
        self.driving: tuple[int, int] | None = None
        self.watch: Watch | None = None
        self._warm: str | None = None
        self._experiment: int | None = None
        self._status = INTERRUPTED
        self._asked: Asked | None = None
        self._mirror: Mirror | None = None
        self._thread = threading.Thread(target=self._loop, name=f"lane {device.name}", daemon=True)

    def start(self) -> None:
        """Begin to take runs."""
        self._thread.start()

    def stop(self) -> None:
        """Take no more runs and put the current one back, with a checkpoint if it trains;
        :meth:`join` waits for that, and so does whoever asks again."""
        self.stopping.set()
        if self._patient_until is None:
            self._patient_until = time.monotonic() + self._work.settings.grace_seconds
            self.worker.terminate()
        elif time.monotonic() > self._patient_until:
            self.worker.kill()

    def join(self) -> None:
        """Wait until nothing of the lane is left."""
        if self._thread.ident is not None:
            self._thread.join(timeout=max(0.0, (self._patient_until or 0.0) - time.monotonic()))
            self.worker.kill()
            self._thread.join(timeout=20)
        self.worker.close()

    @property
    def alive(self) -> bool:
        """Whether the lane may still take or drive a run."""
        return self._thread.is_alive()

    def interrupt(self, run_id: int) -> None:
        """Kill the worker if it is at this run: how a run is cancelled."""
        if self.driving is not None and self.driving[0] == run_id:
            self.worker.kill()

    def _loop(self) -> None:
        busy = False
        while not self.stopping.is_set():
            try:
                busy = self._next(busy)
            except Exception:
                log.exception("lane %s: unexpected error; going on", self.device.name)
                busy = False
            if not busy:
                self._work.wait()

    def _next(self, going: bool) -> bool:
        """Take a run and see it through. Whoever is ``going`` had one just now, and does not ask
        first whether there is another."""
        if not self._may_begin(self.device):
            return False
        if not going and not self._may_claim():
            return False
        job = self._claim()
        if job is None:
            return False
        self._work.feed.wake()
        shutil.rmtree(job.output.parent, ignore_errors=True)
        with logged(experiment=self._experiment, run=job.run_id, lane=self.device.name):
            began = time.monotonic()
            try:
                self._see_through(job)
            except Exception:
                log.exception("lane %s: unexpected error; going on", self.device.name)
                return False
            about = {"status": self._status, "duration": round(time.monotonic() - began, 3)}
            ends.info("run %d %s", job.run_id, self._status, extra=about)
        return True

    def _see_through(self, job: Job) -> None:
        self._status = INTERRUPTED
        self._mirror = self._work.mirroring.begin(job, self._asked)
        try:
            self._drive(job)
        except WorkerPreemptedError as error:
            self._lost(job, str(error), asked=True)
        except (WorkerDiedError, StalledError) as error:
            self.worker.close()
            self._lost(job, str(error))
        except LimitError as error:
            self.worker.close()
            self._refused(job, error)
        except Exception as error:
            # What the worker still sends of this job must not be taken for the next one's.
            self.worker.close()
            # Of a database's error its own words, without the statement.
            cause = getattr(error, "orig", None) or error
            self._lost(job, f"its results could not be stored: {cause}")
            raise
        finally:
            self.driving = self.watch = None
            if self._mirror is not None:
                self._mirror.end()
            self._work.feed.wake()

    def _may_claim(self) -> bool:
        """Look before the write lock is taken: a lane that waits does not keep others from it."""
        with self._work.database.read() as session:
            if lanes.mode(session, self.device.name) == "drained":
                self.worker.close()
                return False
            return queue.is_due(session, quotas.out_of_hours(session, self._work.settings))

    def _claim(self) -> Job | None:
        with self._work.database.write() as session:
            held = quotas.out_of_hours(session, self._work.settings)
            run = queue.claim(session, self.device.name, self._warm, held)
            if run is None:
                return None
            try:
                job = self._work.job(run)
            except SpecError as error:  # such as a method whose plug-in is gone
                runs.finish(session, run, "failed", error={**error.as_dict(), "code": "spec"})
                return None
            self._experiment = run.experiment_id
            self._warm = session.get_one(Experiment, run.experiment_id).author
            self._asked = self._work.mirroring.asked(session, run, job.spec)
            # In the same transaction: whoever asks for runs that nobody drives must see it.
            self.driving = run.id, run.attempt
            return job

    def _drive(self, job: Job) -> None:
        """Send the job to the worker and store what comes back, until it ends or is unwanted."""
        watch = self.watch = Watch(self._work.settings)
        checked = beaten = time.monotonic()
        for messages in self.worker.run(job):
            watch.check(messages)
            _keep_files(job, messages)
            sent = [message for message in messages if isinstance(message, Sent)]
            at = time.monotonic()
            if not sent and at - checked < CHECK_S:
                continue
            checked = at
            beat = at - beaten >= BEAT_S
            beaten = at if beat else beaten

            def store(session: Session, sent: list[Sent] = sent, beat: bool = beat) -> bool:
                return self._append(session, job, sent, beat)

            live = self._work.write(store, self.stopping)
            watch.paused(time.monotonic() - at)
            if sent:
                self._work.feed.wake()
            if not live:  # cancelled meanwhile, or queued again
                self.worker.close()
                return
            for message in sent:
                self._status = status(message.event) or self._status
                if self._mirror is not None:
                    self._mirror.tell(message.event)

    def _append(self, session: Session, job: Job, sent: Sequence[Sent], beat: bool) -> bool:
        """Store events; False where nobody wants them any more. The last one ends the run."""
        artifacts = self._work.settings.artifacts
        # Held, as the session forgets what nobody holds: each event would read the run anew.
        run = runs.live(session, job.run_id, job.attempt)
        for message in _last_of_phases(sent):
            number = message.run_id, message.attempt, message.seq
            if not results.append(session, *number, message.event, artifacts):
                return False
        if sent:
            return True
        if run is not None and beat:
            run.heartbeat_at = now()
        return run is not None

    def _lost(self, job: Job, reason: str, *, asked: bool = False) -> None:
        def lose(session: Session) -> None:
            run = runs.live(session, job.run_id, job.attempt)
            if run is not None and self.stopping.is_set():
                runs.requeue(session, run, "the server was stopped during the run")
            elif run is not None and asked:
                runs.preempt(session, run, reason)
            elif run is not None:
                runs.lose(session, run, reason)
                said = f"lane {self.device.name}: run {run.id} was lost: {reason}"
                self._work.tell(session, "lane", f"lane {self.device.name}", said)

        self._work.write(lose, self.stopping)

    def _refused(self, job: Job, error: LimitError) -> None:
        def fail(session: Session) -> None:
            run = runs.live(session, job.run_id, job.attempt)
            if run is not None:
                runs.finish(session, run, "failed", error=error.as_dict())
                self._status = FAILED

        self._work.write(fail, self.stopping)


def _last_of_phases(sent: Sequence[Sent]) -> list[Sent]:
    """Without progress that more of the same phase follows: nobody would see it."""
    kept: list[Sent] = []
    phase: str | None = None
    for message in reversed(sent):
        if isinstance(message.event, Progress):
            if message.event.phase == phase:
                continue
            phase = message.event.phase
        kept.append(message)
    return kept[::-1]


def _keep_files(job: Job, messages: Sequence[Message]) -> None:
    """Write what a worker on another machine printed and wrote to where a local one would."""
    for message in messages:
        if isinstance(message, Printed):
            append_log(job.log, message.text)
        elif isinstance(message, Written):
            target = _inside(job.output, message.path)
            target.parent.mkdir(parents=True, exist_ok=True)
            with target.open("wb" if message.first else "ab") as file:
                file.write(message.data)


def _inside(folder: Path, path: str) -> Path:
    parts = PurePosixPath(path)
    if parts.is_absolute() or ".." in parts.parts:
        raise ValueError(f"{path!r} is not inside the run's folder")
    return folder / parts
