"""The scheduler with an executor whose devices come and go as the test says."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Protocol

import pytest

from backend.scheduling import scheduler as scheduling
from backend.scheduling.feed import Feed
from backend.scheduling.jobs import Beat, Device, Job, Message
from backend.scheduling.scheduler import Scheduler
from backend.settings import Settings
from backend.storage.database import Database
from backend.storage.store import changes, lanes, queue
from backend.storage.tables import LaneRow, Run
from tests.backend.scheduling.fakes import (
    CPU,
    FakeExecutor,
    FakeWorker,
    first_then,
    hang,
    launch,
    read,
    status,
    steps,
    succeed,
    wait,
)

OTHER = Device("GPU 0", "0", 0)


class Begin(Protocol):
    """Starts a scheduler on an executor."""

    def __call__(self, executor: FakeExecutor, **settings: Any) -> Scheduler: ...


@pytest.fixture
def begin(database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Begin]:
    """Starts schedulers that are stopped at the end."""
    monkeypatch.setattr(scheduling, "TICK_S", 0.02)
    monkeypatch.setattr(scheduling, "RARELY_S", 0.04)
    begun: list[Scheduler] = []

    def start(executor: FakeExecutor, **settings: Any) -> Scheduler:
        found = Scheduler(database, Feed(), Settings(home=tmp_path, **settings), executor)
        begun.append(found)
        found.start()
        return found

    yield start
    for scheduler in begun:
        scheduler.stop()


def listed(database: Database) -> list[str]:
    with database.read() as session:
        return [lane.name for lane in lanes.listed(session)]


def driving(executor: FakeExecutor, database: Database, key: int) -> str:
    """The device whose worker is in the middle of the run."""
    wait(lambda: steps(database, key) == [1])
    lane = read(database, key).lane
    assert lane in executor.workers
    return lane


def test_there_is_a_lane_for_each_device_and_what_waits_is_run(
    begin: Begin, database: Database
) -> None:
    executor = FakeExecutor(succeed, CPU, OTHER)
    keys = launch(database, 4)
    begin(executor)
    assert listed(database) == ["CPU", "GPU 0"]
    wait(lambda: {status(database, key) for key in keys} == {"succeeded"})
    taken = [job.run_id for worker in executor.workers.values() for job in worker.jobs]
    assert sorted(taken) == keys, "each once"


def test_of_the_feed_as_much_is_kept_as_open_pages_need(
    begin: Begin, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(changes, "KEPT", 5)
    with database.write() as session:
        for _ in range(50):
            changes.add_views(session)
    begin(FakeExecutor(succeed, CPU))

    def count() -> int:
        with database.read() as session:
            oldest, newest = changes.bounds(session)
            return newest - oldest + 1

    wait(lambda: count() == 5)


def test_what_a_dead_server_left_running_is_run_again(begin: Begin, database: Database) -> None:
    (key,) = launch(database)
    with database.write() as session:
        assert queue.claim(session, "CPU") is not None
    executor = FakeExecutor(succeed, CPU)
    begin(executor)
    wait(lambda: status(database, key) == "succeeded")
    run = read(database, key)
    assert (run.attempt, run.lost) == (2, 1)


def test_the_run_of_a_device_that_disappears_goes_on_another_and_its_lane_is_gone(
    begin: Begin, database: Database
) -> None:
    (key,) = launch(database)
    executor = FakeExecutor(first_then(hang, succeed), CPU, OTHER)
    begin(executor)
    gone = driving(executor, database, key)
    executor.present = [device for device in executor.present if device.name != gone]
    wait(lambda: status(database, key) == "succeeded")
    (kept,) = executor.present
    wait(lambda: listed(database) == [kept.name])
    assert executor.workers[gone].closed
    assert [job.attempt for job in executor.workers[kept.name].jobs] == [2]
    assert read(database, key).lost == 0


def test_a_device_that_comes_later_gets_a_lane(begin: Begin, database: Database) -> None:
    executor = FakeExecutor(succeed)
    begin(executor)
    (key,) = launch(database)
    assert listed(database) == []
    executor.present = [OTHER]
    wait(lambda: status(database, key) == "succeeded")
    assert listed(database) == ["GPU 0"]


def test_on_a_full_disk_nothing_is_begun_and_the_page_is_told(
    begin: Begin, database: Database
) -> None:
    executor = FakeExecutor(succeed, CPU)
    scheduler = begin(executor, disk_stop_gb=10**6)
    (key,) = launch(database)
    scheduler.wake()
    assert not scheduler.may_begin(CPU)
    (notice,) = scheduler.notices()
    assert "almost full" in notice
    assert status(database, key) == "queued"
    assert executor.workers["CPU"].jobs == []


def test_a_device_that_is_not_there_may_begin_nothing(begin: Begin) -> None:
    scheduler = begin(FakeExecutor(succeed, CPU))
    assert scheduler.may_begin(CPU)
    assert not scheduler.may_begin(OTHER)
    assert scheduler.notices() == []


def test_interrupting_kills_the_worker_at_that_run_alone(begin: Begin, database: Database) -> None:
    first, second = launch(database, 2)
    executor = FakeExecutor(hang, CPU, OTHER)
    scheduler = begin(executor)
    by_run = {key: executor.workers[driving(executor, database, key)] for key in (first, second)}
    scheduler.interrupt(first)
    wait(lambda: read(database, first).lost == 1)
    assert by_run[first].closed
    assert not by_run[second].killed.is_set()
    assert status(database, second) == "running"


def test_what_a_device_measures_is_stored_for_pages_and_other_servers(
    begin: Begin, database: Database
) -> None:
    def warm(worker: FakeWorker, job: Job) -> Iterator[Sequence[Message]]:
        yield [Beat(5_000_000_000, 1, 61.0)]
        yield from hang(worker, job)

    def measured() -> tuple[int | None, float | None]:
        with database.read() as session:
            lane = session.get_one(LaneRow, "CPU")
            return lane.memory, lane.temperature

    (key,) = launch(database)
    begin(FakeExecutor(warm, CPU))
    wait(lambda: measured() == (5_000_000_000, 61.0))
    with database.write() as session:
        session.get_one(Run, key).status = "cancelled"
    wait(lambda: measured() == (None, None))


def test_stopping_puts_every_run_back_and_lets_go_of_all_devices(
    begin: Begin, database: Database
) -> None:
    keys = launch(database, 2)
    executor = FakeExecutor(hang, CPU, OTHER)
    scheduler = begin(executor)
    for key in keys:
        driving(executor, database, key)
    scheduler.stop()
    for key in keys:
        run = read(database, key)
        assert (run.status, run.lost) == ("queued", 0)
        assert run.reason == "the server was stopped during the run"
    assert all(worker.closed for worker in executor.workers.values())
    assert executor.stopped


def test_workers_are_asked_to_end_before_anybody_waits_for_them(
    begin: Begin, database: Database
) -> None:
    (key,) = launch(database)
    executor = FakeExecutor(hang, CPU)
    scheduler = begin(executor)
    driving(executor, database, key)
    scheduler.begin_to_stop()
    wait(lambda: read(database, key).status == "queued")
    assert not executor.stopped
    scheduler.stop()
    assert executor.stopped


def test_a_worker_that_does_not_end_has_as_long_as_the_setting_says(
    begin: Begin, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    (key,) = launch(database)
    monkeypatch.setattr(FakeWorker, "terminate", lambda worker: None)  # it is at a long step
    executor = FakeExecutor(hang, CPU)
    scheduler = begin(executor, grace_seconds=1)
    driving(executor, database, key)
    began = time.monotonic()
    scheduler.stop()
    assert 1 <= time.monotonic() - began < 5
    assert read(database, key).status == "queued"
