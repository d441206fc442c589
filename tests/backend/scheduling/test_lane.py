"""A lane with a worker that does what the test says: what is stored, and what it survives."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import Engine, event
from sqlalchemy.exc import OperationalError

from backend.scheduling import work as shared
from backend.scheduling.jobs import Device, Job, Message, Written
from backend.scheduling.work import Work
from backend.storage.store import lanes, runs
from backend.storage.tables import Run
from loraone.events import Finished, Metric
from tests.backend.scheduling.fakes import (
    CPU,
    KILLED,
    Begin,
    BreakableDatabase,
    CountingFeed,
    FakeWorker,
    die,
    ended,
    first_then,
    hang,
    launch,
    read,
    sent,
    status,
    steps,
    succeed,
    wait,
)


def test_a_lane_claims_drives_and_stores_runs_in_order_and_wakes_who_follows(
    begin: Begin, work: Work, database: BreakableDatabase
) -> None:
    keys = launch(database, 2)
    assert isinstance(work.feed, CountingFeed)
    _, worker = begin(succeed)
    wait(ended(database, *keys))
    assert [job.run_id for job in worker.jobs] == keys
    for key in keys:
        run = read(database, key)
        assert (run.status, run.attempt, run.lane) == ("succeeded", 1, None)
        assert run.summary == {"eval_loss": 0.5}
        assert steps(database, key) == [1, 2, 3]
    # Of each run at least its begin, its three steps and its end.
    wait(lambda: work.feed.count >= 2 * 5)  # type: ignore[attr-defined]
    assert worker.closed == 0, "model and data stay warm for the next run"


def test_an_idle_lane_begins_when_it_is_woken(
    begin: Begin, work: Work, database: BreakableDatabase, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shared, "IDLE_S", 600.0)
    begin(succeed)
    (key,) = launch(database)

    def woken() -> bool:
        work.wake()
        return status(database, key) == "succeeded"

    wait(woken)


def test_a_lane_takes_nothing_while_it_may_not_begin(
    begin: Begin, database: BreakableDatabase
) -> None:
    asked: list[Device] = []
    allowed = threading.Event()

    def may_begin(device: Device) -> bool:
        asked.append(device)
        return allowed.is_set()

    (key,) = launch(database)
    begin(succeed, may_begin)
    wait(lambda: len(asked) >= 3)
    assert set(asked) == {CPU}
    assert status(database, key) == "queued"
    allowed.set()
    wait(ended(database, key))


@pytest.fixture
def patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """A lost run waits for longer than any test, unless its row is told otherwise."""
    monkeypatch.setattr(runs, "BACKOFF", (timedelta(hours=1), timedelta(hours=1)))


@pytest.mark.usefixtures("patient")
def test_a_run_whose_worker_died_is_queued_again_with_the_reason_and_the_lane_goes_on(
    begin: Begin, database: BreakableDatabase
) -> None:
    first, second = launch(database, 2)
    _, worker = begin(first_then(die, succeed))
    wait(ended(database, second))
    assert worker.closed == 1
    assert [job.run_id for job in worker.jobs] == [first, second]
    lost = read(database, first)
    assert (lost.status, lost.lost) == ("queued", 1)
    assert lost.reason == f"{KILLED}; queued again (1 of 3)"
    with database.write() as session:
        session.get_one(Run, first).not_before = None
    wait(ended(database, first))
    assert (read(database, first).attempt, steps(database, first)) == (2, [1, 2, 3])


def test_a_run_that_is_cancelled_meanwhile_costs_the_lane_its_worker_alone(
    begin: Begin, database: BreakableDatabase
) -> None:
    first, second = launch(database, 2)
    _, worker = begin(first_then(hang, succeed))
    wait(lambda: steps(database, first) == [1])
    with database.write() as session:
        assert runs.cancel(session, session.get_one(Run, first))
    wait(ended(database, second))
    assert worker.closed == 1
    assert read(database, first).status == "cancelled"
    assert steps(database, first) == [1], "what it measured until then is kept"


def test_interrupting_kills_the_worker_at_that_run_and_at_no_other(
    begin: Begin, database: BreakableDatabase
) -> None:
    (key,) = launch(database)
    lane, worker = begin(hang)
    wait(lambda: steps(database, key) == [1])
    lane.interrupt(key + 1)
    assert not worker.killed.is_set()
    lane.interrupt(key)
    wait(lambda: read(database, key).lost == 1)
    assert worker.closed


def test_while_the_database_cannot_be_written_the_page_is_told_and_nothing_is_lost(
    begin: Begin, work: Work, database: BreakableDatabase
) -> None:
    begun, broken = threading.Event(), threading.Event()

    def wait_for_trouble(worker: FakeWorker, job: Job) -> Iterator[Sequence[Message]]:
        begun.set()
        assert broken.wait(20)
        yield from succeed(worker, job)

    (key,) = launch(database)
    _, worker = begin(wait_for_trouble)
    assert begun.wait(20)
    database.error = OperationalError("INSERT", {}, Exception("database or disk is full"))
    broken.set()
    wait(lambda: work.trouble)
    assert work.trouble == "The database cannot be written: database or disk is full"
    assert steps(database, key) == []
    database.error = None
    wait(ended(database, key))
    assert (read(database, key).attempt, steps(database, key)) == (1, [1, 2, 3])
    assert work.trouble is None
    assert worker.closed == 0


@pytest.mark.usefixtures("patient")
def test_results_that_cannot_be_stored_cost_an_attempt_and_the_lane_goes_on(
    begin: Begin, database: BreakableDatabase
) -> None:
    def outside(worker: FakeWorker, job: Job) -> Iterator[Sequence[Message]]:
        yield [Written("../evil", b"", first=True)]

    first, second = launch(database, 2)
    _, worker = begin(first_then(outside, succeed))
    wait(ended(database, second))
    lost = read(database, first)
    assert worker.closed == 1
    assert (lost.status, lost.lost) == ("queued", 1)
    assert "its results could not be stored: '../evil' is not inside" in (lost.reason or "")


def test_a_run_that_sends_more_than_it_may_has_failed_and_is_not_tried_again(
    begin: Begin, database: BreakableDatabase
) -> None:
    def flood(worker: FakeWorker, job: Job) -> Iterator[Sequence[Message]]:
        yield [sent(job, 1, Metric(1, {f"m{i}": 0.0 for i in range(1001)}, 0.1, 1))]
        yield [sent(job, 2, Finished({}))]

    first, second = launch(database, 2)
    _, worker = begin(first_then(flood, succeed))
    wait(ended(database, first, second))
    failed = read(database, first)
    assert (failed.status, failed.attempt) == ("failed", 1)
    assert (failed.error or {})["code"] == "limit"
    assert worker.closed == 1


def test_a_drained_lane_lets_go_of_its_worker_and_takes_nothing_until_it_is_open(
    begin: Begin, database: BreakableDatabase
) -> None:
    with database.write() as session:
        lanes.present(session, ["CPU"])
        assert lanes.set_mode(session, "CPU", "drained") is not None
    (key,) = launch(database)
    _, worker = begin(succeed)
    wait(lambda: worker.closed)
    assert status(database, key) == "queued"
    assert worker.jobs == []
    with database.write() as session:
        lanes.set_mode(session, "CPU", "open")
    wait(ended(database, key))


def test_a_lane_that_had_a_run_takes_the_next_without_asking_for_one_first(
    begin: Begin, database: BreakableDatabase
) -> None:
    keys = launch(database, 6)
    asked: list[str] = []
    last = threading.Event()

    def note(connection: Any, cursor: Any, statement: str, *rest: Any) -> None:
        if "FROM lanes" in statement and not last.is_set():
            asked.append(statement)

    def act(worker: FakeWorker, job: Job) -> Iterator[Sequence[Message]]:
        if job.run_id == keys[-1]:
            last.set()
        yield from succeed(worker, job)

    event.listen(Engine, "before_cursor_execute", note)

    try:
        begin(act)
        wait(ended(database, *keys))
    finally:
        event.remove(Engine, "before_cursor_execute", note)
    assert len(asked) == 1 + len(keys)


def test_a_run_whose_stored_spec_cannot_be_read_fails_as_such_and_the_lane_goes_on(
    begin: Begin, database: BreakableDatabase
) -> None:
    first, second = launch(database, 2)
    with database.write() as session:
        run = session.get_one(Run, first)
        run.spec = {**run.spec, "seed": "no number"}
    _, worker = begin(succeed)
    wait(ended(database, first, second))
    failed = read(database, first)
    assert failed.status == "failed"
    assert (failed.error or {})["code"] == "spec"
    assert "seed" in (failed.error or {})["message"]
    assert status(database, second) == "succeeded"
    assert [job.run_id for job in worker.jobs] == [second]


def test_a_lane_that_is_stopped_puts_its_run_back_without_counting_it_as_lost(
    begin: Begin, database: BreakableDatabase
) -> None:
    (key,) = launch(database)
    lane, worker = begin(hang)
    wait(lambda: steps(database, key) == [1])
    lane.stop()
    lane.join()
    assert not lane.alive
    run = read(database, key)
    assert (run.status, run.lost) == ("queued", 0)
    assert run.reason == "the server was stopped during the run"
    assert worker.closed


def test_what_an_earlier_attempt_wrote_is_gone_before_the_next_begins(
    begin: Begin, work: Work, database: BreakableDatabase
) -> None:
    (key,) = launch(database)
    old = work.settings.artifacts / str(key) / "0" / "adapter"
    old.mkdir(parents=True)
    begin(succeed)
    wait(ended(database, key))
    assert not old.exists()
