"""The queue in the database: every transition, and what a dead attempt may not do."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import numpy as np
import pytest
from sqlalchemy import func, select

from backend.storage.database import Database
from backend.storage.store import changes, experiments, lanes, queue, results, runs
from backend.storage.tables import Change, Experiment, MetricRow, Run, SpectrumRow, now
from loraone.events import Event, Failed, Finished, Layers, Metric, Progress, Spectra
from loraone.spec.experiment import ExperimentSpec
from tests.conftest import DatabaseUrl

SPEC = ExperimentSpec.model_validate(
    {"methods": ["lora", "full"], "grid": {"learning_rates": [1e-3, 1e-2]}}
)


@pytest.fixture
def database(tmp_path: Path, database_url: DatabaseUrl) -> Iterator[Database]:
    found = Database(database_url(tmp_path))
    found.migrate()
    with found.write() as session:
        experiments.create(session, SPEC)
    yield found
    found.close()


def claim(database: Database) -> Run:
    with database.write() as session:
        run = queue.claim(session, "CPU")
        assert run is not None
        return run


def append(database: Database, run: Run, seq: int, event: Event) -> bool:
    with database.write() as session:
        return results.append(session, run.id, run.attempt, seq, event, Path("/artifacts"))


def stored(database: Database, run: Run) -> Run:
    with database.read() as session:
        found = session.get(Run, run.id)
        assert found is not None
        session.expunge(found)
        return found


METRIC = Metric(1, {"train_loss": 2.0}, 0.1, 10)


def test_runs_are_claimed_in_order_and_each_once(database: Database) -> None:
    claimed = [claim(database).id for _ in range(4)]
    assert claimed == sorted(claimed)
    with database.write() as session:
        assert queue.claim(session, "CPU") is None


def test_a_run_at_the_top_is_next(database: Database) -> None:
    with database.write() as session:
        last = session.scalars(select(Run).order_by(Run.id.desc())).first()
        assert last is not None
        runs.to_top(session, last)
    assert claim(database).id == last.id


def test_an_event_is_stored_once_however_often_it_comes(database: Database) -> None:
    run = claim(database)
    assert append(database, run, 0, METRIC)
    assert append(database, run, 0, METRIC)
    with database.read() as session:
        assert session.scalar(select(func.count()).select_from(MetricRow)) == 1


def test_a_dead_attempt_cannot_write_into_the_live_one(database: Database) -> None:
    dead = claim(database)
    append(database, dead, 0, METRIC)
    with database.write() as session:
        again = session.get(Run, dead.id)
        assert again is not None
        runs.lose(session, again, "killed")
        again.not_before = None
    live = claim(database)
    assert (live.id, live.attempt) == (dead.id, 2)
    with database.read() as session:
        assert session.scalar(select(func.count()).select_from(MetricRow)) == 0
    assert not append(database, dead, 1, METRIC)
    assert append(database, live, 0, METRIC)


def test_a_run_that_is_lost_three_times_fails_with_a_hint(database: Database) -> None:
    first = claim(database)
    for _ in range(runs.MAX_LOST):
        with database.write() as session:
            run = session.get(Run, first.id)
            assert run is not None
            run.status = "running"
            runs.lose(session, run, "the worker died")
    found = stored(database, first)
    assert found.status == "failed"
    assert found.error is not None
    assert "3 times" in found.error["message"]
    assert found.error["hint"]


def test_what_a_dead_server_left_running_is_queued_again(database: Database) -> None:
    run = claim(database)
    with database.write() as session:
        assert runs.recover(session) == 1
    found = stored(database, run)
    assert found.status == "queued"
    assert "server stopped" in (found.reason or "")


def test_a_cancelled_run_takes_no_more_events_and_can_be_retried(database: Database) -> None:
    run = claim(database)
    with database.write() as session:
        live = session.get(Run, run.id)
        assert live is not None
        assert runs.cancel(session, live)
        assert not runs.cancel(session, live)
    assert not append(database, run, 0, METRIC)
    with database.write() as session:
        ended = session.get(Run, run.id)
        assert ended is not None
        assert runs.retry(session, ended)
        assert not runs.retry(session, ended)
    assert claim(database).id == run.id


def test_a_finished_run_keeps_its_summary_and_a_failed_one_its_error(database: Database) -> None:
    good, bad = claim(database), claim(database)
    append(database, good, 0, Finished({"eval_loss": 1.5}))
    append(database, bad, 0, Failed("training-stopped", "the loss is nan", hint="lower it"))
    assert stored(database, good).summary == {"eval_loss": 1.5}
    error = stored(database, bad).error
    assert error is not None
    assert (error["code"], error["hint"]) == ("training-stopped", "lower it")


def test_arrays_come_back_from_the_database_bit_for_bit(database: Database) -> None:
    run = claim(database)
    values = np.array([3, 2, np.float32(1) / 3], np.float32)
    append(database, run, 0, Layers(("a", "b"), (4, 4), (5, 5)))
    append(database, run, 1, Spectra("b", "init", values, {"sigma1": 3.0, "gap": None}))
    with database.read() as session:
        row = session.get(SpectrumRow, (run.id, "init", 1))
        assert row is not None
        np.testing.assert_array_equal(results.unpack(row.values), values)
        assert (row.length, row.sigma1, row.gap) == (3, 3.0, None)


def test_every_change_is_in_the_feed_in_order_and_old_ones_go(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = claim(database)
    append(database, run, 0, Progress("train", 1, 4))
    append(database, run, 1, METRIC)
    with database.read() as session:
        kinds = [row.kind for row in changes.after(session, 0, run.experiment_id)]
        assert kinds == ["status", "status", "progress", "metric"]  # launched, begun, …
        assert changes.after(session, 0, run.experiment_id + 1) == []
    monkeypatch.setattr(changes, "KEPT", 10)
    for seq in range(2, 1002):
        append(database, run, seq, Progress("train", seq, 4))
    with database.write() as session:
        changes.prune(session)
    with database.read() as session:
        kept = session.scalars(select(Change.payload).order_by(Change.id)).all()
        assert [payload["done"] for payload in kept] == list(range(992, 1002))


def launch(database: Database, author: str, name: str = "more") -> int:
    """Four more runs, of somebody."""
    with database.write() as session:
        spec = SPEC.model_copy(update={"name": name})
        return experiments.create(session, spec, author).id


def finish(database: Database, run: Run, seconds: float) -> None:
    """End a run as if it had taken so long."""
    with database.write() as session:
        live = session.get_one(Run, run.id)
        live.started_at = now() - timedelta(seconds=seconds)
        runs.finish(session, live, "succeeded")


def authors(database: Database, count: int, seconds: float, warm: str | None = None) -> list[str]:
    """Whose runs one lane takes, each of which takes so long."""
    found = []
    for _ in range(count):
        with database.write() as session:
            run = queue.claim(session, "CPU", warm)
            assert run is not None
            warm = session.get_one(Experiment, run.experiment_id).author
        finish(database, run, seconds)
        found.append(warm)
    return found


def test_users_share_a_lane_by_time_not_by_who_came_first(database: Database) -> None:
    launch(database, "ana")
    took = authors(database, 8, seconds=100)
    assert [sorted(took[i : i + 2]) for i in range(0, 8, 2)] == [["", "ana"]] * 4


def test_a_lane_stays_with_the_user_whose_model_is_loaded_until_others_fall_behind(
    database: Database,
) -> None:
    launch(database, "ana")
    took = authors(database, 8, seconds=queue.QUANTUM_S / 3, warm="")
    assert took == [""] * 3 + ["ana"] * 4 + [""]


def test_priority_goes_before_fairness(database: Database) -> None:
    key = launch(database, "ana")
    with database.write() as session:
        for run in experiments.runs(session, key):
            assert runs.set_priority(session, run, 5)
    assert authors(database, 5, seconds=1000) == ["ana"] * 4 + [""]


def test_a_lost_run_waits_before_it_is_tried_again_unless_the_clock_was_set_back(
    database: Database,
) -> None:
    first = claim(database)
    with database.write() as session:
        runs.lose(session, session.get_one(Run, first.id), "killed")
    assert claim(database).id != first.id
    with database.write() as session:
        session.get_one(Run, first.id).not_before = now() + timedelta(days=1)
    assert claim(database).id == first.id


@pytest.mark.parametrize("mode", ["paused", "drained"])
def test_a_lane_that_is_not_open_takes_nothing_and_others_go_on(
    database: Database, mode: str
) -> None:
    with database.write() as session:
        lanes.present(session, ["CPU", "GPU 0"])
        assert lanes.set_mode(session, "CPU", mode) is not None
        assert lanes.set_mode(session, "GPU 1", mode) is None
        assert queue.claim(session, "CPU") is None
        assert queue.claim(session, "GPU 0") is not None


def test_a_lane_that_comes_back_is_still_paused(database: Database) -> None:
    with database.write() as session:
        lanes.present(session, ["CPU", "GPU 0"])
        lanes.set_mode(session, "GPU 0", "paused")
        lanes.present(session, ["CPU"])
        assert [lane.name for lane in lanes.listed(session)] == ["CPU"]
        lanes.present(session, ["CPU", "GPU 0"])
        assert [lane.mode for lane in lanes.listed(session)] == ["open", "paused"]


def test_only_runs_that_no_lane_drives_are_recovered(database: Database) -> None:
    driven, orphan = claim(database), claim(database)
    with database.write() as session:
        assert runs.recover(session, [(driven.id, driven.attempt)]) == 1
    assert stored(database, driven).status == "running"
    assert stored(database, orphan).status == "queued"
