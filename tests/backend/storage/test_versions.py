"""Numbers of the last change: another one after every commit that an answer could show."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import insert, text, update

from backend.storage.database import Database
from backend.storage.store import experiments, lanes, queue, results, runs
from backend.storage.tables import Experiment, MetricRow, Run, Tag
from loraone.events import Metric
from loraone.spec.experiment import ExperimentSpec
from tests.conftest import DatabaseUrl


def launched(database: Database) -> int:
    spec = ExperimentSpec.model_validate({"task": "teacher-student", "methods": ["lora"]})
    with database.write() as session:
        return experiments.create(session, spec).id


@pytest.fixture
def database(tmp_path: Path, database_url: DatabaseUrl) -> Iterator[Database]:
    made = Database(database_url(tmp_path))
    made.migrate()
    yield made
    made.close()


def test_a_number_stands_while_nothing_is_written(database: Database) -> None:
    key = launched(database)
    before = database.versions.of([key]), database.versions.of(None)
    with database.read() as session:
        assert experiments.get(session, key) is not None
    with database.write() as session:
        assert experiments.get(session, key) is not None  # which changes nothing
    assert None not in before
    assert (database.versions.of([key]), database.versions.of(None)) == before


def run_event(database: Database, key: int) -> None:
    with database.write() as session:
        run = queue.claim(session, "CPU")
        assert run is not None and run.experiment_id == key
    with database.write() as session:
        assert results.append(session, run.id, 1, 0, Metric(1, {"train_loss": 1.0}, 1, 1), Path())


def tag(database: Database, key: int) -> None:
    with database.write() as session:
        experiments.set_tags(session, key, ["a"])


def star(database: Database, key: int) -> None:
    with database.write() as session:
        session.get_one(Experiment, key).starred = True


def delete(database: Database, key: int) -> None:
    with database.write() as session:
        session.add(Tag(experiment_id=key, name="b"))
        session.flush()
        session.delete(session.get_one(Tag, (key, "b")))


@pytest.mark.parametrize("write", [run_event, tag, star, delete])
def test_what_is_written_of_an_experiment_changes_its_number_alone(
    database: Database, write: object
) -> None:
    first, second = launched(database), launched(database)
    of = database.versions.of
    before = of([first]), of([second]), of([first, second]), of(None)
    write(database, first)  # type: ignore[operator]
    after = of([first]), of([second]), of([first, second]), of(None)
    assert [a == b for a, b in zip(after, before, strict=True)] == [
        False,
        not database.shared,  # PostgreSQL has one number
        False,
        False,
    ]


def plain(database: Database, key: int) -> None:
    with database.write() as session:
        session.execute(text("UPDATE runs SET label = 'x'"))


def in_bulk(database: Database, key: int) -> None:
    with database.write() as session:
        session.execute(update(Run).values(label="x"))


def inserted(database: Database, key: int) -> None:
    with database.write() as session:
        run = experiments.runs(session, key)[0]
        row = {"run_id": run.id, "name": "x", "step": 1, "value": 1, "seconds": 1, "tokens": 1}
        session.execute(insert(MetricRow), [row])


def bulk_saved(database: Database, key: int) -> None:
    with database.write() as session:
        run = experiments.runs(session, key)[0]
        row = MetricRow(run_id=run.id, name="x", step=1, value=1, seconds=1, tokens=1)
        session.bulk_save_objects([row])


def below_the_session(database: Database, key: int) -> None:
    with database.write() as session:
        session.connection().exec_driver_sql("UPDATE experiments SET description = 'other'")


def of_a_run_not_loaded(database: Database, key: int) -> None:
    with database.read() as session:
        run_id = experiments.runs(session, key)[0].id
    with database.write() as session:
        session.add(MetricRow(run_id=run_id, name="y", step=1, value=1, seconds=1, tokens=1))


def on_another_connection(database: Database, key: int) -> None:
    with database.engine.begin() as connection:
        connection.execute(text("UPDATE experiments SET name = 'other'"))


def in_another_process(database: Database, key: int) -> None:
    other = Database(database.engine.url.render_as_string(hide_password=False))
    with other.write() as session:
        session.get_one(Experiment, key).name = "other"
    other.close()


def in_half_a_transaction(database: Database, key: int) -> None:
    with database.write() as session:
        with session.begin_nested() as part:
            session.get_one(Experiment, key).name = "other"
            session.flush()
            part.rollback()
        session.get_one(Experiment, key).starred = True


@pytest.mark.parametrize(
    "write",
    [
        plain,
        in_bulk,
        inserted,
        bulk_saved,
        below_the_session,
        of_a_run_not_loaded,
        on_another_connection,
        in_another_process,
        in_half_a_transaction,
    ],
)
def test_what_nobody_can_tell_of_changes_every_number(database: Database, write: object) -> None:
    first, second = launched(database), launched(database)
    of = database.versions.of
    before = of([first]), of([second]), of(None)
    write(database, first)  # type: ignore[operator]
    after = of([first]), of([second]), of(None)
    assert all(a is not None and a != b for a, b in zip(after, before, strict=True))


def test_what_is_refused_before_it_is_committed_changes_no_number(database: Database) -> None:
    key = launched(database)
    before = database.versions.of([key]), database.versions.of(None)
    with pytest.raises(KeyError), database.write() as session:
        with session.begin_nested() as part:
            session.get_one(Experiment, key).starred = True
            session.flush()
            part.rollback()
        session.execute(text("UPDATE experiments SET starred = true"))
        raise KeyError
    if not database.shared:  # PostgreSQL counts transactions that were rolled back too
        assert (database.versions.of([key]), database.versions.of(None)) == before
    with database.read() as session:
        assert not session.get_one(Experiment, key).starred
    star(database, key)
    assert database.versions.of([key]) != before[0]


def test_a_change_of_a_lane_is_one_of_no_experiment(database: Database) -> None:
    key = launched(database)
    before = database.versions.of([key]), database.versions.of(None)
    with database.write() as session:
        lanes.present(session, ["CPU"])
        lanes.measured(session, "CPU", 1, 2.0)
    assert (database.versions.of([key]) == before[0]) is not database.shared
    assert database.versions.of(None) != before[1]


def test_what_others_commit_between_two_writes_is_not_taken_for_the_own(
    database: Database,
) -> None:
    first, second = launched(database), launched(database)
    before = database.versions.of([second])
    star(database, first)
    in_another_process(database, second)
    star(database, first)
    assert database.versions.of([second]) != before


def test_while_somebody_else_holds_the_database_it_is_not_known(tmp_path: Path) -> None:
    database = Database(f"sqlite:///{tmp_path / 'a.db'}")
    database.migrate()
    key = launched(database)
    known = database.versions.of([key])
    with database.write() as session:
        run = experiments.runs(session, key)[0]
        runs.cancel(session, run)
        session.flush()
        assert database.versions.of([key]) == known, "not committed: others see what was before"
    after = database.versions.of([key])
    assert after != known
    other = sqlite3.connect(tmp_path / "a.db")
    other.execute("BEGIN IMMEDIATE")
    other.execute("UPDATE experiments SET name = 'other'")
    assert database.versions.of([key]) == after, "not committed"
    other.commit()
    assert database.versions.of([key]) != after
    database.close()
    assert database.versions.of([key]) is None
