"""Events become rows whatever numbers they hold."""

from __future__ import annotations

import math
from pathlib import Path

import pytest
from sqlalchemy import select

from backend.storage.database import Database
from backend.storage.store import experiments, queue, results
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
