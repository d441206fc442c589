"""All lanes of this server: which there are, whether they may begin anything, what was left."""

from __future__ import annotations

import logging
import threading
import time

from sqlalchemy.exc import DBAPIError

from backend.scheduling import disk
from backend.scheduling.executors.jobs import Device, Executor, Job
from backend.scheduling.feed import Feed
from backend.scheduling.lane import Lane
from backend.scheduling.leadership import Leadership
from backend.settings import Settings
from backend.storage.database import Database
from backend.storage.store import lanes, runs
from backend.storage.tables import Run
from loraone.spec.experiment import RunSpec

log = logging.getLogger(__name__)

# How often it looks after things, and how often at those that cost more.
TICK_S, RARELY_S = 1.0, 5.0


class Scheduler:
    """Starts lanes where there are devices, on the one server that runs the queue."""

    def __init__(
        self, database: Database, feed: Feed, settings: Settings, executor: Executor
    ) -> None:
        self.database = database
        self.feed = feed
        self.settings = settings
        self.trouble: str | None = None
        self.leads = False
        self._executor = executor
        self._leadership = Leadership(database)
        self._stopping = threading.Event()
        self._work = threading.Condition()
        self._lanes: dict[Device, Lane] = {}
        self._told: dict[str, tuple[int | None, float | None]] = {}
        self._disk = disk.State("ok", 0)
        self._thread = threading.Thread(target=self._look_after, name="scheduler", daemon=True)

    def start(self) -> None:
        """Queue again what a dead server left running, then start all lanes."""
        try:
            self._tick(rarely=True)
        except DBAPIError as error:  # such as a full disk: it may pass
            log.warning("the queue cannot be run yet: %s", error.orig)
        self._thread.start()

    def stop(self) -> None:
        """Stop all lanes; what was running goes back into the queue."""
        self._stopping.set()
        self.wake()
        if self._thread.ident is not None:
            self._thread.join(timeout=20)
        self._stop_lanes()
        self._leadership.give_up()
        self._executor.stop()

    def wake(self) -> None:
        """Say that there may be work."""
        with self._work:
            self._work.notify_all()

    def wait_for_work(self) -> None:
        """Wait until :meth:`wake`, or a second, whichever is first."""
        with self._work:
            self._work.wait(timeout=1.0)

    def interrupt(self, run_id: int) -> None:
        """Kill the worker that runs ``run_id``, if one of this server does."""
        for lane in list(self._lanes.values()):
            lane.interrupt(run_id)

    def may_begin(self, device: Device) -> bool:
        """Whether there is disk space for another run, and the device is still there."""
        return self._disk.state != "full" and device in self._executor.devices()

    def notices(self) -> list[str]:
        """What a user should know of the queue, if anything."""
        found = [self._disk.sentence] if self._disk.sentence else []
        if self.trouble:
            found.append(self.trouble)
        return found

    def job(self, run: Run) -> Job:
        """The job that this attempt at ``run`` sends to a worker."""
        settings = self.settings
        attempt = str(run.attempt)
        return Job(
            run.id,
            run.attempt,
            RunSpec.model_validate(run.spec),
            settings.artifacts / str(run.id) / attempt,
            tuple(settings.roots),
            settings.logs / str(run.id) / f"{attempt}.log",
            settings.gradients,
        )

    def _look_after(self) -> None:
        rarely = time.monotonic()
        while not self._stopping.wait(TICK_S):
            due = time.monotonic() - rarely >= RARELY_S
            rarely = time.monotonic() if due else rarely
            try:
                self._tick(rarely=due)
            except Exception as error:
                log.warning("the scheduler could not look after its lanes: %s", error)

    def _tick(self, *, rarely: bool) -> None:
        led, self.leads = self.leads, self._leadership.held(self.leads)
        if led and not self.leads:
            log.warning("another server runs the queue now")
            self._stop_lanes()
        if not self.leads:
            return
        if rarely or not led:
            self._disk = disk.read(self.settings)
            self._recover()
            self._match_lanes()
            disk.trim(self.settings)
        self._tell()

    def _recover(self) -> None:
        with self.database.write() as session:
            driven = [lane.driving for lane in self._lanes.values() if lane.driving]
            count = runs.recover(session, driven)
        if count:
            log.warning("%d runs were running when the server died; queued again", count)
            self.wake()

    def _match_lanes(self) -> None:
        """Start lanes for new devices, and end those of devices that are gone."""
        devices = self._executor.devices()
        for device in [one for one in self._lanes if one not in devices]:
            lane = self._lanes[device]
            lane.stop()
            if not lane.alive:
                lane.join()
                del self._lanes[device]
        new = [device for device in devices if device not in self._lanes]
        if {device.name for device in self._lanes} != set(self._told) or new:
            names = [device.name for device in devices]
            with self.database.write() as session:
                lanes.present(session, names)
            self._told = dict.fromkeys(names, (None, None))
            self.feed.wake()
        for device in new:
            self._lanes[device] = Lane(self, device, self._executor.worker(device))
            self._lanes[device].start()

    def _stop_lanes(self) -> None:
        for lane in self._lanes.values():
            lane.stop()
        for lane in self._lanes.values():
            lane.join()
        self._lanes = {}
        self._told = {}

    def _tell(self) -> None:
        """Write what devices tell where other servers and pages read it, if it has changed."""
        changed = {}
        for device, lane in self._lanes.items():
            beat = lane.watch.beat if lane.watch is not None else None
            told = (None, None) if beat is None else (beat.memory, beat.temperature)
            if _differs(told, self._told.get(device.name, (None, None))):
                changed[device.name] = told
        if changed:
            with self.database.write() as session:
                for name, (memory, temperature) in changed.items():
                    lanes.measured(session, name, memory, temperature)
            self._told |= changed


def _differs(
    told: tuple[float | None, float | None], was: tuple[float | None, float | None]
) -> bool:
    """Whether a page would show another number."""
    for new, old in zip(told, was, strict=True):
        if (new is None) != (old is None):
            return True
        if new is not None and old is not None and abs(new - old) > 0.02 * abs(old):
            return True
    return False
