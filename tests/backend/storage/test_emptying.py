"""What goes for good: killed in the middle it goes on, and what cannot be removed is said."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select

from backend.settings import Settings
from backend.storage import emptying
from backend.storage.audience import looking_into_bin
from backend.storage.database import Database
from backend.storage.emptying import Emptying
from backend.storage.store import deletions
from backend.storage.store.sizes import Size
from backend.storage.tables import ArtifactRow, Deletion, Experiment, Run, now
from backend.storage.vacuum import is_worth, vacuum
from tests.backend.conftest import check_sound
from tests.backend.storage import binned
from tests.conftest import DatabaseUrl

ANA = (None, "ana")


@pytest.fixture
def settings(tmp_path: Path, database_url: DatabaseUrl) -> Settings:
    """Of a server with two experiments, whose first is in the bin."""
    home = tmp_path / "home"
    made = Settings(home=home, database_url=database_url(home))
    database = _opened(made)
    first = binned.finished(database, home)
    binned.finished(database, home)
    with database.write() as session:
        deletions.put_experiment(session, session.get_one(Experiment, first), ANA, Size())
    database.close()
    return made


def _opened(settings: Settings) -> Database:
    database = Database(settings.url)
    database.migrate()
    return database


def _empty(settings: Settings) -> emptying.Freed:
    database = _opened(settings)
    with database.read() as session:
        ids = [row.id for row in deletions.listed(session)]
    freed = Emptying(database, settings).now(ids, 30)
    database.close()
    return freed


def _killed_at(settings: Settings, step: int) -> int:
    """Empty the bin in a process that is killed before this step; the steps it took."""
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            _count_steps(step, writing)
            _empty(settings)
        finally:
            os._exit(0)
    os.close(writing)
    os.waitpid(child, 0)
    with os.fdopen(reading, "rb") as taken:
        return len(taken.read())


def _count_steps(step: int, writing: int) -> None:
    taken = 0

    def counted(function: Callable[..., Any]) -> Callable[..., Any]:
        def call(*given: Any) -> Any:
            nonlocal taken
            if taken == step:
                os.kill(os.getpid(), signal.SIGKILL)
            taken += 1
            os.write(writing, b".")
            return function(*given)

        return call

    for name in ("_away", "_rows", "_finish"):
        setattr(emptying, name, counted(getattr(emptying, name)))


# Four runs: of each files and logs, then all rows, then the experiment.
STEPS = 2 * binned.RUNS + 2


@pytest.mark.parametrize("step", [0, 3, STEPS - 2, STEPS - 1, STEPS])
def test_killed_in_the_middle_nothing_dangles_and_it_goes_on(settings: Settings, step: int) -> None:
    assert _killed_at(settings, step) == step
    check_sound(settings.url)
    database = _opened(settings)
    with database.read() as session:
        assert set(session.scalars(select(Experiment.id))) == {2}
        assert deletions.listed(session) == []  # nothing that could come back as a half
        for row in session.scalars(select(ArtifactRow).join(Run, Run.id == ArtifactRow.run_id)):
            assert (settings.artifacts / row.path / "weights").is_file()
    Emptying(database, settings).go_on(30)
    with looking_into_bin(), database.read() as session:
        assert set(session.scalars(select(Experiment.id))) == {2}
        assert set(session.scalars(select(Run.id))) == {5, 6, 7, 8}
        assert not session.scalars(select(Deletion)).all()
    for folder in (settings.artifacts, settings.logs):
        assert {path.name for path in folder.iterdir()} == {"5", "6", "7", "8"}
    database.close()
    check_sound(settings.url)


@pytest.mark.parametrize("kind", ["runs", "adapters"])
@pytest.mark.parametrize("step", [1, 2])
def test_single_runs_and_adapters_that_were_half_removed_go_too(
    settings: Settings, kind: str, step: int
) -> None:
    database = _opened(settings)
    put = deletions.put_runs if kind == "runs" else deletions.put_adapters
    with database.write() as session:
        (whole,) = deletions.listed(session)
        deletions.restore(session, whole)
        some = [session.get_one(Run, key) for key in (1, 2)]
        put(session, some, ANA, {})
    database.close()
    assert _killed_at(settings, step) == step
    database = _opened(settings)
    Emptying(database, settings).go_on(30)
    with looking_into_bin(), database.read() as session:
        left = set(range(3, 9)) if kind == "runs" else set(range(1, 9))
        assert set(session.scalars(select(Run.id))) == left
        having = select(ArtifactRow.run_id).where(ArtifactRow.name == "adapter")
        assert set(session.scalars(having)) == set(range(3, 9))
        assert not session.scalars(select(Deletion)).all()
    files = {int(path.parts[-4]) for path in settings.artifacts.glob("*/*/adapter/weights")}
    assert files == set(range(3, 9))
    database.close()
    check_sound(settings.url)


def test_what_cannot_be_removed_is_said_and_tried_again(settings: Settings, tmp_path: Path) -> None:
    elsewhere = tmp_path / "elsewhere"
    (settings.artifacts / "2").rename(elsewhere)
    (settings.artifacts / "2").symlink_to(elsewhere)
    freed = _empty(settings)
    assert (freed.runs, len(freed.trouble)) == (3, 1)
    assert freed.trouble[0].startswith("the files of run 2 cannot be removed: '2' leads through")
    assert list(elsewhere.iterdir())  # not what a link leads to
    database = _opened(settings)
    with database.read() as session:
        (row,) = deletions.listed(session)
        assert row.trouble == freed.trouble[0]
    (settings.artifacts / "2").unlink()
    elsewhere.rename(settings.artifacts / "2")
    Emptying(database, settings).go_on(30)
    with looking_into_bin(), database.read() as session:
        assert set(session.scalars(select(Experiment.id))) == {2}
    assert not (settings.artifacts / "2").exists()
    database.close()


def test_an_adapter_that_lies_among_anothers_files_is_left_there(settings: Settings) -> None:
    database = _opened(settings)
    with database.write() as session:
        session.get_one(ArtifactRow, (5, "adapter")).path = "6/1/adapter"
        run = session.get_one(Run, 5)
        deletions.put_adapters(session, [run], ANA, {})
    database.close()
    _empty(settings)
    assert (settings.artifacts / "6/1/adapter/weights").is_file()


def test_what_is_older_than_the_days_of_the_bin_goes_by_itself(settings: Settings) -> None:
    database = _opened(settings)
    housekeeping = Emptying(database, settings)
    assert settings.bin_days == 30
    for days, left in ((0.0, {1, 2}), (29.9, {1, 2}), (30.0, {2})):
        with database.write() as session:
            (row,) = deletions.listed(session)
            row.at = now() - timedelta(days=days)
        housekeeping.go_on(30)
        with looking_into_bin(), database.read() as session:
            assert set(session.scalars(select(Experiment.id))) == left, days
    database.close()


@pytest.mark.sqlite
def test_the_file_becomes_smaller_unless_a_run_writes(settings: Settings) -> None:
    database = _opened(settings)
    with database.write() as session:
        session.connection().exec_driver_sql("CREATE TABLE large (text)")
        session.connection().exec_driver_sql("INSERT INTO large VALUES (zeroblob(3000000))")
        session.connection().exec_driver_sql("DROP TABLE large")
        session.get_one(Run, 5).status = "running"
    assert vacuum(database, settings.home) is None
    with database.write() as session:
        session.get_one(Run, 5).status = "succeeded"
    assert (vacuum(database, settings.home) or 0) > 2_000_000
    assert vacuum(database, settings.home) == 0
    with database.write() as session:
        session.get_one(Run, 5).priority = 3  # it can be written as before
    database.close()
    check_sound(settings.url)


def test_a_large_file_is_written_anew_for_a_large_share_alone() -> None:
    assert is_worth(50 * 2**20, 2 * 2**20)
    assert not is_worth(50 * 2**20, 1000)
    assert not is_worth(2**30, 2**27)
    assert is_worth(2**30, 2**28)
