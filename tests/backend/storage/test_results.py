"""Events become rows whatever numbers they hold."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine, event, select

from backend.storage.database import Database
from backend.storage.store import changes, experiments, queue, results, runs
from backend.storage.tables import MetricRow, Run
from loraone.events import Event, Finished, InitReport, Metric
from loraone.spec.experiment import ExperimentSpec
from tests.conftest import DatabaseUrl


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_numbers_that_are_not_finite_are_absent_and_the_run_goes_on(
    tmp_path: Path, database_url: DatabaseUrl, value: float
) -> None:
    events: list[Event] = [
        InitReport({}, {"held_out_loss_after": value, "held_out_loss_before": 1.0}),
        Metric(0, {"eval_loss": value, "accuracy": 0.5}, 0.0, 0),
        Finished({"eval_loss": value, "gamma": None, "accuracy": 0.5}),
    ]
    database = Database(database_url(tmp_path))
    database.migrate()
    with database.write() as session:
        experiments.create(session, ExperimentSpec.model_validate({"methods": ["lora"]}), "ana")
        run = queue.claim(session, "CPU")
        assert run is not None
        for seq, event in enumerate(events):
            assert results.append(session, run.id, run.attempt, seq, event, tmp_path)
    with database.read() as session:
        rows = session.scalars(select(MetricRow)).all()
        assert [(row.name, row.value) for row in rows] == [("accuracy", 0.5)]
        stored = session.get_one(Run, 1)
        assert stored.status == "succeeded"
        assert stored.init_scalars == {"held_out_loss_before": 1.0}
        assert stored.summary == {"eval_loss": None, "gamma": None, "accuracy": 0.5}
    database.close()


def test_of_many_events_at_once_the_run_is_read_and_written_once_and_nothing_is_cleared(
    tmp_path: Path, database_url: DatabaseUrl
) -> None:
    database = Database(database_url(tmp_path))
    database.migrate()
    spec = ExperimentSpec.model_validate({"task": "teacher-student", "methods": ["lora"]})
    with database.write() as session:
        experiments.create(session, spec, "somebody")
    statements: list[str] = []

    @event.listens_for(Engine, "before_cursor_execute")
    def _note(connection: Any, cursor: Any, statement: str, *rest: Any) -> None:
        statements.append(statement)

    try:
        with database.write() as session:
            run = queue.claim(session, "cpu")
        assert run is not None
        assert not any(line.startswith("DELETE") for line in statements)
        statements.clear()
        with database.write() as session:
            held = runs.live(session, run.id, 1)
            for seq in range(20):
                metric = Metric(seq, {"train_loss": 1.0}, 1.0, 1)
                assert results.append(session, run.id, 1, seq, metric, tmp_path)
        assert held is not None and held.last_seq == 19
        assert len([line for line in statements if "FROM runs" in line]) == 1
        assert len([line for line in statements if line.startswith("UPDATE runs")]) == 1
        inserts = [line.split()[2] for line in statements if line.startswith("INSERT")]
        assert sorted(inserts) == ["changes", "metrics"]
    finally:
        event.remove(Engine, "before_cursor_execute", _note)
    with database.write() as session:  # a second attempt does clear
        held = session.get_one(Run, run.id)
        runs.requeue(session, held, "again")
        runs.begin(session, held, "cpu")
    with database.read() as session:
        assert session.scalars(select(MetricRow)).all() == []
        steps = [row.payload.get("step") for row in changes.after(session, 0, None)]
        assert [step for step in steps if step is not None] == list(range(20))
    database.close()
