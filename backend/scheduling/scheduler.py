"""All lanes of this server: which there are, whether they may begin anything, what was left."""

from __future__ import annotations

import logging
import threading
import time
from contextlib import suppress

from sqlalchemy.exc import DBAPIError

from backend.scheduling import checkpoints, disk
from backend.scheduling.feed import Feed
from backend.scheduling.jobs import Device, Executor
from backend.scheduling.lane import Lane
from backend.scheduling.leadership import Leadership
from backend.scheduling.work import Work
from backend.settings import Settings
from backend.storage.database import Database
from backend.storage.emptying import Emptying
from backend.storage.measuring import measure
from backend.storage.store import changes, lanes, runs

log = logging.getLogger(__name__)

# How often it sees to its lanes, and how often to what costs more.
TICK_S, RARELY_S = 1.0, 5.0
# How long it empties the bin at a time, and measures what runs take.
EMPTYING_S = MEASURING_S = 0.5


class Scheduler:
    """Starts lanes where there are devices, on the one server that runs the queue."""

    def __init__(
        self, database: Database, feed: Feed, settings: Settings, executor: Executor
    ) -> None:
        self.leads = False
        self.emptying = Emptying(database, settings)
        self._work = Work(database, feed, settings)
        self._executor = executor
        self._leadership = Leadership(database)
        self._stopping = threading.Event()
        self._lanes: dict[Device, Lane] = {}
        self._written: dict[str, tuple[int | None, float | None]] = {}
        self._disk = disk.State("ok", 0)
        self._thread = threading.Thread(target=self._keep_going, name="scheduler", daemon=True)

    def start(self) -> None:
        """Queue again what a dead server left running, then start all lanes."""
        try:
            self._tick(rarely=True)
        except DBAPIError as error:  # such as a full disk: it may pass
            log.warning("the queue cannot be run yet: %s", error.orig)
        self._thread.start()

    def begin_to_stop(self) -> None:
        """Ask the workers to end, and wait for none of them: :meth:`stop` does."""
        self._stopping.set()
        for lane in list(self._lanes.values()):
            lane.stop()

    def stop(self) -> None:
        """Stop all lanes; what was running goes back into the queue."""
        self._stopping.set()
        self.wake()
        if self._thread.ident is not None:
            self._thread.join(timeout=20)
        self._stop_lanes()
        self._work.mirroring.stop()
        self._leadership.give_up()
        self._executor.stop()

    def wake(self) -> None:
        """Say that there may be work."""
        self._work.wake()

    def interrupt(self, run_id: int) -> None:
        """Kill the worker that runs ``run_id``, if one of this server does."""
        for lane in list(self._lanes.values()):
            lane.interrupt(run_id)

    def checkpoint(self) -> None:
        """Have all lanes keep a checkpoint of what they train."""
        for lane in list(self._lanes.values()):
            lane.worker.checkpoint()

    def may_begin(self, device: Device) -> bool:
        """Whether there is disk space for another run, and database and device are still there."""
        with suppress(DBAPIError):
            self._work.database.check_file()
            return self._disk.state != "full" and device in self._executor.devices()
        return False  # what a run would measure now, nobody would find

    @property
    def alive(self) -> bool:
        """Whether it sees to the queue."""
        return self._thread.is_alive() and not self._stopping.is_set()

    def notices(self) -> list[str]:
        """What a user should know of the queue, if anything."""
        return [sentence for sentence in (self._disk.sentence, self._work.trouble) if sentence]

    def _keep_going(self) -> None:
        rarely = time.monotonic()
        said: str | None = None
        while not self._stopping.wait(TICK_S):
            due = time.monotonic() - rarely >= RARELY_S
            rarely = time.monotonic() if due else rarely
            try:
                self._tick(rarely=due)
                said = None
            except Exception as error:
                reason = str(getattr(error, "orig", None) or error)
                if reason != said:  # once, not each second
                    log.warning("the scheduler could not see to its lanes: %s", reason)
                said = reason

    def _tick(self, *, rarely: bool) -> None:
        led, self.leads = self.leads, self._leadership.held(self.leads)
        if led and not self.leads:
            log.warning("another server runs the queue now")
            self._stop_lanes()
        if not self.leads:
            return
        if rarely or not led:
            was, self._disk = self._disk, disk.read(self._work.settings)
            if self._disk.state not in ("ok", was.state):
                self._tell_of_disk()
            self._recover()
            self._match_lanes()
            disk.trim(self._work.settings)
            checkpoints.sweep(self._work.database, self._work.settings)
            self.emptying.go_on(EMPTYING_S)
            measure(self._work.database, self._work.settings.logs, MEASURING_S)
        self._write_readings()

    def _tell_of_disk(self) -> None:
        with suppress(DBAPIError):  # such as because it is full: the page says it too
            with self._work.database.write() as session:
                self._work.tell(session, "disk", "disk", self._disk.sentence)
            self._work.feed.wake()

    def _recover(self) -> None:
        with self._work.database.write() as session:
            driven = [lane.driving for lane in self._lanes.values() if lane.driving]
            count = runs.recover(session, driven)
            changes.prune(session)
        if count:
            log.warning("%d runs were running when the server died; queued again", count)
            self.wake()

    def _match_lanes(self) -> None:
        """Start lanes for new devices, and end those of devices that are gone."""
        devices = self._executor.devices()
        for device in [known for known in self._lanes if known not in devices]:
            lane = self._lanes[device]
            lane.stop()
            if not lane.alive:
                lane.join()
                del self._lanes[device]
        new = [device for device in devices if device not in self._lanes]
        if {device.name for device in self._lanes} != set(self._written) or new:
            names = [device.name for device in devices]
            with self._work.database.write() as session:
                lanes.present(session, names)
            self._written = dict.fromkeys(names, (None, None))
            self._work.feed.wake()
        for device in new:
            self._lanes[device] = Lane(
                self._work, device, self._executor.worker(device), self.may_begin
            )
            self._lanes[device].start()

    def _stop_lanes(self) -> None:
        for lane in self._lanes.values():
            lane.stop()
        for lane in self._lanes.values():
            lane.join()
        self._lanes = {}
        self._written = {}

    def _write_readings(self) -> None:
        """Write what devices measure where other servers and pages read it, if it has changed."""
        changed = {}
        for device, lane in self._lanes.items():
            beat = lane.watch.beat if lane.watch is not None else None
            reading = (None, None) if beat is None else (beat.memory, beat.temperature)
            if _differs(reading, self._written.get(device.name, (None, None))):
                changed[device.name] = reading
        if changed:
            with self._work.database.write() as session:
                for name, (memory, temperature) in changed.items():
                    lanes.measured(session, name, memory, temperature)
            self._written |= changed


def _differs(
    reading: tuple[float | None, float | None], was: tuple[float | None, float | None]
) -> bool:
    """Whether a page would show another number."""
    for new, old in zip(reading, was, strict=True):
        if (new is None) != (old is None):
            return True
        if new is not None and old is not None and abs(new - old) > 0.02 * abs(old):
            return True
    return False
