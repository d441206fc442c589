"""What a session reads for one person holds nothing of another's private experiments."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from sqlalchemy import exists, func, select
from sqlalchemy.orm import Session, aliased

from backend.storage.audience import EVERYTHING, TEAM, Audience, Shared, reading_for
from backend.storage.database import Database
from backend.storage.store import experiments, runs
from backend.storage.tables import Experiment, Run
from loraone.spec.presets import PRESETS
from tests.conftest import DatabaseUrl

ADA, BOB = 1, 2
SPEC = PRESETS["demo"].spec.model_copy(update={"name": "a spec"})


@pytest.fixture
def database(tmp_path: Path, database_url: DatabaseUrl) -> Iterator[Database]:
    """An empty one."""
    made = Database(database_url(tmp_path))
    made.migrate()
    yield made
    made.close()


@pytest.fixture
def stored(database: Database) -> dict[str, int]:
    """Ada's private experiment, Bob's, one of the team, and one of nobody that is private."""
    ids = {}
    with database.write() as session:
        for name, owner, private in (
            ("ada", ADA, True),
            ("bob", BOB, True),
            ("team", ADA, False),
            ("nobody", None, True),
        ):
            row = experiments.create(session, SPEC, name)
            row.owner_id, row.private = owner, private
            session.flush()
            ids[name] = row.id
    return ids


SEEN = {
    EVERYTHING: {"ada", "bob", "team", "nobody"},
    TEAM: {"team"},
    Audience(person=ADA): {"ada", "team"},
    Audience(person=BOB): {"bob", "team"},
}

Ask = Callable[[Session], set[int]]
OTHER = aliased(Experiment)


def _one_by_one(session: Session) -> set[int]:
    every = range(1, 10)
    return {key for key in every if session.get(Experiment, key) is not None}


def _by_its_runs(session: Session) -> set[int]:
    found = (session.get(Run, key) for key in range(1, 200))
    return {run.experiment_id for run in found if run is not None}


QUESTIONS: dict[str, Ask] = {
    "rows": lambda session: {row.id for row in session.scalars(select(Experiment))},
    "columns": lambda session: set(session.scalars(select(Experiment.id))),
    "an alias": lambda session: set(session.scalars(select(OTHER.id))),
    "one by one": _one_by_one,
    "runs": lambda session: {run.experiment_id for run in session.scalars(select(Run))},
    "columns of runs": lambda session: set(session.scalars(select(Run.experiment_id))),
    "runs one by one": _by_its_runs,
    "a join": lambda session: set(
        session.scalars(select(Experiment.id).join(Run, Run.experiment_id == Experiment.id))
    ),
    "counts": lambda session: {
        key
        for key, count in session.execute(
            select(Run.experiment_id, func.count()).group_by(Run.experiment_id)
        )
        if count
    },
    "a condition inside": lambda session: set(
        session.scalars(
            select(OTHER.id).where(
                exists(select(Run.id).where(Run.experiment_id == OTHER.id, Run.id > 0))
            )
        )
    ),
    "a search": lambda session: set(experiments.find(session, "spec").ids),
    "a search that leaves out": lambda session: set(experiments.find(session, "-tag:old").ids),
    "active runs": lambda session: {run.experiment_id for run in runs.active(session, 1000)},
}


@pytest.mark.parametrize("question", QUESTIONS)
@pytest.mark.parametrize("seen", SEEN, ids=lambda seen: ", ".join(sorted(SEEN[seen])))
def test_no_query_shows_what_is_private_to_another(
    database: Database, stored: dict[str, int], question: str, seen: Audience
) -> None:
    with reading_for(seen), database.read() as session:
        found = QUESTIONS[question](session)
    assert found == {stored[name] for name in SEEN[seen]}


def test_a_share_link_shows_its_experiments_alone(
    database: Database, stored: dict[str, int]
) -> None:
    with (
        reading_for(Audience(only=Shared(frozenset({stored["bob"]})))),
        database.read() as session,
    ):
        assert set(session.scalars(select(Experiment.id))) == {stored["bob"]}
        assert set(session.scalars(select(Run.experiment_id))) == {stored["bob"]}


def test_a_share_link_of_single_runs_shows_no_other_run_of_their_experiment(
    database: Database, stored: dict[str, int]
) -> None:
    with database.read() as session:
        every = list(session.scalars(select(Run.id).where(Run.experiment_id == stored["bob"])))
    shared = Shared(frozenset({stored["team"]}), frozenset(every[:2]), frozenset({stored["bob"]}))
    seen = Audience.of(Audience(only=shared).document)
    with reading_for(seen), database.read() as session:
        assert set(session.scalars(select(Experiment.id))) == {stored["bob"], stored["team"]}
        of_bob = session.scalars(select(Run.id).where(Run.experiment_id == stored["bob"]))
        assert list(of_bob) == every[:2]
        assert session.get(Run, every[2]) is None


@pytest.mark.parametrize("seen", SEEN, ids=lambda seen: ", ".join(sorted(SEEN[seen])))
def test_rows_and_the_python_rule_agree(
    database: Database, stored: dict[str, int], seen: Audience
) -> None:
    with database.read() as session:
        rows = session.scalars(select(Experiment)).all()
    found = {row.id for row in rows if seen.sees(row.id, private=row.private, owner=row.owner_id)}
    assert found == {stored[name] for name in SEEN[seen]}


def test_what_selects_no_column_is_narrowed_too(database: Database, stored: dict[str, int]) -> None:
    count = select(func.count()).where(Run.status == "queued")
    private = select(exists().where(Run.experiment_id == stored["bob"]))
    with database.read() as session:
        every = session.scalar(count)
        with reading_for(TEAM):
            assert session.scalar(count) == (every or 0) / len(stored) > 0
            assert session.scalar(private) is False
        with reading_for(Audience(person=BOB)):
            assert session.scalar(private) is True
