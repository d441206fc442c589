"""Rows that wait in the session: inserted with what they refer to, together, or not at all."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import select
from sqlalchemy.exc import IntegrityError

from backend.storage.database import Database
from backend.storage.store import batch, changes, experiments
from backend.storage.tables import Change, MetricRow, Run
from loraone.spec.experiment import ExperimentSpec
from tests.conftest import DatabaseUrl

SPEC = ExperimentSpec.model_validate({"task": "teacher-student", "methods": ["lora"]})


@pytest.fixture
def database(tmp_path: Path, database_url: DatabaseUrl) -> Iterator[Database]:
    made = Database(database_url(tmp_path))
    made.migrate()
    with made.write() as session:
        experiments.create(session, SPEC)
    yield made
    made.close()


def kinds(database: Database) -> list[str]:
    with database.read() as session:
        return list(session.scalars(select(Change.kind).order_by(Change.id)))


def steps(database: Database) -> list[int]:
    with database.read() as session:
        return list(session.scalars(select(MetricRow.step).order_by(MetricRow.step)))


def metric(run_id: int, step: int) -> dict[str, object]:
    return {
        "run_id": run_id,
        "name": "loss",
        "step": step,
        "value": 1.0,
        "seconds": 1.0,
        "tokens": 1,
    }


def test_they_are_written_where_no_object_changed(database: Database) -> None:
    with database.write() as session:
        changes.add_views(session)
        changes.add_lanes(session)
    assert kinds(database) == ["status", "views", "lanes"]


def test_they_come_after_the_new_object_that_they_refer_to(database: Database) -> None:
    with database.write() as session:
        first = session.get_one(Run, 1)
        columns = ("experiment_id", "spec", "method", "label", "learning_rate", "seed")
        session.add(Run(id=2, **{name: getattr(first, name) for name in columns}))
        batch.add(session, MetricRow, first.experiment_id, **metric(2, 1))
    assert steps(database) == [1]


def test_a_question_in_the_same_transaction_finds_them_with_what_changed(
    database: Database,
) -> None:
    with database.write() as session:
        run = session.get_one(Run, 1)
        run.done = 5
        batch.add(session, MetricRow, run.experiment_id, **metric(run.id, 5))
        assert session.scalars(select(MetricRow.step)).all() == [5]


def test_nothing_is_left_of_those_that_were_rolled_back(database: Database) -> None:
    with database.write() as session:
        changes.add_views(session)
        session.rollback()
        changes.add_lanes(session)
    assert kinds(database) == ["status", "lanes"]


def test_one_that_is_refused_takes_the_transaction_along(database: Database) -> None:
    with pytest.raises(IntegrityError), database.write() as session:
        run = session.get_one(Run, 1)
        changes.add(session, run, "metric")
        for step in (1, 2, 2):
            batch.add(session, MetricRow, run.experiment_id, **metric(run.id, step))
    assert (kinds(database), steps(database)) == (["status"], [])
