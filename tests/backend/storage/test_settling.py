"""What experiments keep of their runs is what their runs say, whatever happened to them."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import select
from sqlalchemy.orm import Session

from backend.storage.database import Database
from backend.storage.store import experiments, queue, results, runs, settling, summaries
from backend.storage.tables import ACTIVE, Experiment, Run
from loraone.events import Failed, Finished
from loraone.spec.experiment import ExperimentSpec
from tests.conftest import DatabaseUrl

ARCHIVE = Path(__file__).parents[2] / "archive"
SPEC = ExperimentSpec.model_validate(
    {"methods": ["lora", "pissa"], "grid": {"learning_rates": [1e-3, 1e-2]}}
)
OPERATIONS = st.lists(
    st.tuples(
        st.sampled_from(["launch", "claim", "finish", "fail", "cancel", "retry", "lose"]),
        st.integers(0, 11),
        st.floats(0.5, 2),
    ),
    max_size=25,
)


@pytest.fixture(scope="module")
def database(
    tmp_path_factory: pytest.TempPathFactory, database_url: DatabaseUrl
) -> Iterator[Database]:
    found = Database(database_url(tmp_path_factory.mktemp("db")))
    found.migrate()
    yield found
    found.close()


def do(session: Session, operation: str, which: int, loss: float) -> None:
    """One thing that can happen, to one of the runs that are there."""
    if operation == "launch":
        experiments.create(session, SPEC, "ana")
        return
    if operation == "claim":
        queue.claim(session, "CPU")
        return
    stored = session.scalars(select(Run).order_by(Run.id)).all()
    if not stored:
        return
    run = stored[which % len(stored)]
    going = run.status == "running"
    if operation == "cancel":
        runs.cancel(session, run)
    elif operation == "retry":
        runs.retry(session, run)
    elif operation == "lose" and going:
        runs.lose(session, run, "killed")
    elif operation == "finish" and going:
        ended = Finished({"eval_loss": loss})
        results.append(session, run.id, run.attempt, run.last_seq + 1, ended, Path("/"))
    elif operation == "fail" and going:
        failed = Failed("memory", "out of memory")
        results.append(session, run.id, run.attempt, run.last_seq + 1, failed, Path("/"))


def check(session: Session) -> None:
    """Every column beside what the runs say now."""
    for row in session.scalars(select(Experiment)):
        own = experiments.runs(session, row.id)
        assert row.settled == (not any(run.status in ACTIVE for run in own))
        said = settling.read(session, [row.id]).get(row.id)
        assert settling.best(session, [row]).get(row.id) == said
        if row.settled:
            assert row.best_value == (None if said is None else said.value)
        assert row.run_count == len(own)
        assert row.methods == summaries.named(run.method for run in own)
        assert row.labels == summaries.labelled(run.label for run in own)
        assert row.group_key == summaries.key(row.task, row.model, row.author, row.methods)


@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(operations=OPERATIONS)
def test_kept_columns_are_what_the_runs_say_after_anything(
    database: Database, operations: list[tuple[str, int, float]]
) -> None:
    with database.read() as session:  # never committed: each example begins with nothing
        for operation in operations:
            do(session, *operation)
            session.flush()
        session.expire_all()
        check(session)
        session.rollback()


def test_the_end_of_the_last_run_settles_and_a_retry_unsettles(database: Database) -> None:
    with database.read() as session:
        row = experiments.create(session, SPEC)
        for i in range(4):
            assert not row.settled
            run = queue.claim(session, "CPU")
            assert run is not None
            ended = Finished({"eval_loss": 2.0 - i / 10})
            results.append(session, run.id, run.attempt, 0, ended, Path("/"))
        assert row.settled and row.best is not None
        assert row.best_value == pytest.approx(1.7)
        assert runs.retry(session, experiments.runs(session, row.id)[3])
        assert not row.settled
        assert experiments.listed(session, row).best is not None, "read from its runs again"
        session.rollback()


@pytest.mark.sqlite
@pytest.mark.parametrize("schema", ["schema-0001", "schema-0002", "schema-0003", "schema-0004"])
def test_databases_of_earlier_releases_are_summarised_and_settled(
    tmp_path: Path, schema: str
) -> None:
    shutil.copy(ARCHIVE / schema / "loraone.db", tmp_path / "loraone.db")
    found = Database(f"sqlite:///{tmp_path}/loraone.db")
    found.migrate()
    with found.write() as session:
        assert settling.settle_all(session) > 0
        assert settling.settle_all(session) == 0
    with found.read() as session:
        check(session)
        for run in session.scalars(select(Run)):
            assert run.device == (run.environment or {}).get("device")
    found.close()
