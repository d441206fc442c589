"""How the database carries out what is asked often: by index, and in as many statements however
much is stored."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import inspect, select
from sqlalchemy.orm import Session

from backend.people import registry
from backend.results.estimates import remaining
from backend.results.experience import Arithmetic, experience
from backend.storage.database import Database
from backend.storage.store import changes, experiments, queue, results, runs, usage
from backend.storage.tables import Base, Run, now
from loraone.events import Finished
from loraone.runs.device_benchmark import DeviceBenchmark
from loraone.spec.experiment import ExperimentSpec
from tests.backend.storage.plans import listening, scans
from tests.conftest import DatabaseUrl

SPEED = DeviceBenchmark("CPU", 1e10, 3e9, 16 * 10**9, 5 * 10**8)
ASKED = "sequence-classification", "sentence-transformers/all-MiniLM-L6-v2"
SPEC = ExperimentSpec.model_validate(
    {"methods": ["lora", "pissa"], "grid": {"learning_rates": [1e-3, 1e-2]}}
)


def launch(session: Session, author: str) -> None:
    """Four runs: two that succeeded, one that failed, one that waits."""
    made = experiments.create(session, SPEC, author, registry.named(session, author).id)
    experiments.set_tags(session, made.id, ["paper"])
    for run, status in zip(
        experiments.runs(session, made.id), ("succeeded", "succeeded", "failed"), strict=False
    ):
        run.environment = {"device": "CPU"}
        run.started_at = now() - timedelta(seconds=20)
        run.summary = {"eval_loss": 1.0}
        runs.finish(session, run, status)


@pytest.fixture
def database(tmp_path: Path, database_url: DatabaseUrl) -> Iterator[Database]:
    found = Database(database_url(tmp_path))
    found.migrate()
    with found.write() as session:
        for i in range(12):
            launch(session, ("ana", "bo")[i % 2])
    yield found
    found.close()


def history(session: Session, text: str = "") -> None:
    found = experiments.find(session, text)
    experiments.page(session, found.ids[:50])
    experiments.facets(session, found)


def page_of_queue(session: Session) -> None:
    active = runs.active(session, 200)
    runs.failed(session, 10)
    runs.waiting_by_experiment(session, 50)
    changes.bounds(session)
    remaining(session, active, SPEED)


def claim(session: Session) -> None:
    assert queue.claim(session, "CPU", "ana") is not None


def end(session: Session) -> None:
    run = queue.claim(session, "CPU", "ana")
    assert run is not None
    assert results.append(session, run.id, run.attempt, 0, Finished({"eval_loss": 1}), Path("/"))


def to_top(session: Session) -> None:
    waiting = session.scalars(select(Run).where(Run.status == "queued").limit(1)).one()
    runs.to_top(session, waiting)


def quotas(session: Session) -> None:
    """What a launch asks before it is taken in."""
    person = registry.named(session, "ana").id
    assert usage.queued(session, person) >= 6
    usage.stored_bytes(session, person)
    usage.lane_hours(session, person)
    usage.used_up(session, default=1.0)


def usage_of_all(session: Session) -> None:
    """What the list of people says of each."""
    person = registry.named(session, "ana").id
    used = usage.by_person(session)[person]
    assert used.queued == usage.queued(session, person) >= 6
    assert used.bytes == usage.stored_bytes(session, person)
    assert used.lane_hours == usage.lane_hours(session, person)


def claim_past_others(session: Session) -> None:
    """The next run that is not Ana's, who has had her hours."""
    held = {registry.named(session, "ana").id}
    assert queue.is_due(session, held)
    assert queue.claim(session, "CPU", "ana", held) is not None


HOT: dict[str, Callable[[Session], Any]] = {
    "history": history,
    "queue": page_of_queue,
    "claim": claim,
    "claim past others": claim_past_others,
    "quotas": quotas,
    "usage of all": usage_of_all,
    "end of a run": end,
    "to the top": to_top,
    "estimate": lambda session: experience(session, Arithmetic(SPEED), *ASKED),
    "recovery": lambda session: runs.recover(session, [(1, 1)]),
    **{
        text: partial(history, text=text)
        for text in (
            "status:succeeded -tag:old", "status:failed", "-status:queued", "lr>1e-3 rank:8",
            "seed<3", "is:starred", "-is:starred", "is:archived", "model:minilm", "-data:csv",
            "task:class", "by:ana", "since:2026-10", "until:2026-11", "tag:paper",
        )
    },
}  # fmt: skip


@pytest.mark.sqlite
@pytest.mark.parametrize("name", HOT)
def test_no_table_that_grows_is_read_row_by_row(database: Database, name: str) -> None:
    with database.write() as session, listening(session) as sent:
        HOT[name](session)
    plans = sent.plans(database)
    assert plans
    assert {one: read for one, plan in plans.items() if (read := scans(plan))} == {}


@pytest.mark.sqlite
def test_what_waits_and_what_failed_are_not_sorted_as_whole_rows(database: Database) -> None:
    with database.read() as session, listening(session) as sent:
        page_of_queue(session)
    rows = [plan for text, plan in sent.plans(database).items() if "runs.spec" in text]
    assert rows
    assert not [step for plan in rows for step in plan if "TEMP B-TREE" in step]


@pytest.mark.sqlite
def test_what_a_person_uses_is_read_from_their_experiments_alone(database: Database) -> None:
    with database.write() as session:
        session.connection().exec_driver_sql("ANALYZE")
    with database.write() as session, listening(session) as sent:
        quotas(session)
    steps = [step for plan in sent.plans(database).values() for step in plan]
    assert [step for step in steps if "ix_runs_queue" in step and "status=?" not in step] == []
    counted = [
        plan for text, plan in sent.plans(database).items()
        if "count(" in text and "FROM runs" in text
    ]  # fmt: skip
    assert any("ix_experiments_owned" in step for plan in counted for step in plan)
    assert all("ix_runs_queue" not in step for plan in counted for step in plan)


@pytest.mark.parametrize(
    "name", ["history", "queue", "claim", "quotas", "usage of all", "end of a run"]
)
def test_as_many_statements_are_sent_however_much_is_stored(database: Database, name: str) -> None:
    counts = []
    for _ in range(2):
        with database.write() as session, listening(session) as sent:
            HOT[name](session)
        counts.append(len(sent.statements))
        with database.write() as session:
            for _ in range(10):
                launch(session, "bo")
    assert counts[0] == counts[1]


def test_the_indexes_are_those_of_the_code_on_every_database(database: Database) -> None:
    found = inspect(database.engine)
    for table in ("runs", "experiments", "tags"):
        there = {row["name"]: row["column_names"] for row in found.get_indexes(table)}
        wanted = {
            index.name: [column.name for column in index.columns]
            for index in Base.metadata.tables[table].indexes
        }
        assert there == wanted
