"""What is in the bin stays there in a backup, and is in no export."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from sqlalchemy import select

from backend.cli import offline
from backend.cli.offline import StoredError
from backend.settings import Settings
from backend.storage.audience import looking_into_bin
from backend.storage.backups import restore, write
from backend.storage.database import Database
from backend.storage.emptying import Emptying
from backend.storage.store import deletions, experiments
from backend.storage.store.sizes import Size
from backend.storage.tables import Deletion, Experiment, Run
from tests.backend.conftest import check_sound
from tests.backend.storage import binned
from tests.backend.storage.archived import fresh

pytestmark = pytest.mark.sqlite
ANA = (None, "ana")
WHOLE, IN_PART, KEPT = 1, 2, 3


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    """Of three experiments of four runs: one in the bin; of one a run and another's adapter; one
    that is not."""
    made = fresh(tmp_path / "old")
    made.home.mkdir()
    database = opened(made)
    for _ in range(3):
        binned.finished(database, made.home)
    with database.write() as session:
        deletions.put_experiment(session, session.get_one(Experiment, WHOLE), ANA, Size())
        deletions.put_runs(session, [session.get_one(Run, 5)], ANA, {})
        deletions.put_adapters(session, [session.get_one(Run, 6)], ANA, {})
    database.close()
    return made


def opened(settings: Settings) -> Database:
    database = Database(settings.url)
    database.migrate()
    return database


def moved(settings: Settings, tmp_path: Path) -> Settings:
    """The same elsewhere, from a backup."""
    written = write(settings, tmp_path / "all.tar")
    there = fresh(tmp_path / "new")
    assert restore(there, tmp_path / "all.tar") == written
    check_sound(there.url)
    return there


def adapters(settings: Settings) -> set[int]:
    """Runs whose adapters lie there."""
    return {int(path.parts[-4]) for path in settings.artifacts.glob("*/*/adapter/weights")}


def test_a_backup_has_the_bin_with_its_files_and_it_is_restored_and_emptied_there(
    settings: Settings, tmp_path: Path
) -> None:
    there = moved(settings, tmp_path)
    database = opened(there)
    with database.write() as session:
        assert {row.id for row in session.scalars(select(Experiment))} == {IN_PART, KEPT}
        whole, runs = (
            session.scalars(select(Deletion).where(Deletion.kind == kind)).one()
            for kind in ("experiment", "runs")
        )
        deletions.restore(session, whole)
        deletions.restore(session, runs)
    assert adapters(there) == set(range(1, 13))
    with database.read() as session:
        assert experiments.run_ids(session, WHOLE) == [1, 2, 3, 4]
        assert experiments.run_ids(session, IN_PART) == [5, 6, 7, 8]
        assert not session.get_one(Run, 6).has_adapter
        (left,) = deletions.listed(session)
    assert Emptying(database, there).now([left.id], 30).files == 1000
    assert adapters(there) == set(range(1, 13)) - {6}
    database.close()


def test_a_backup_from_the_middle_of_emptying_goes_on_with_it(
    settings: Settings, tmp_path: Path
) -> None:
    database = opened(settings)
    with database.write() as session:
        deletions.empty(session, [row.id for row in deletions.listed(session)])
    (settings.artifacts / "1/1/adapter/weights").unlink()  # so far it had come
    database.close()
    there = moved(settings, tmp_path)
    database = opened(there)
    with database.read() as session:
        assert deletions.listed(session) == []
    Emptying(database, there).go_on(30)
    assert adapters(there) == {7, 8, 9, 10, 11, 12}
    with looking_into_bin(), database.read() as session:
        assert {row.id for row in session.scalars(select(Experiment))} == {IN_PART, KEPT}
        assert not session.scalars(select(Deletion)).all()
    database.close()


def test_what_is_left_of_the_highest_number_comes_along_and_its_number_is_not_given_again(
    settings: Settings, tmp_path: Path
) -> None:
    database = opened(settings)
    with database.write() as session:
        newest = session.get_one(Experiment, KEPT)
        deletion = deletions.put_experiment(session, newest, ANA, Size()).id
    Emptying(database, settings).now([deletion], 30)
    database.close()
    there = moved(settings, tmp_path)
    database = opened(there)
    assert binned.finished(database, there.home) == KEPT + 1
    with database.read() as session:
        assert experiments.run_ids(session, KEPT + 1) == [13, 14, 15, 16]
    database.close()


def test_an_export_has_nothing_that_is_in_the_bin(settings: Settings, tmp_path: Path) -> None:
    with pytest.raises(StoredError, match="no experiment 1"):
        offline.write_export(settings.home, WHOLE, tmp_path / "whole.json")
    offline.write_export(settings.home, IN_PART, tmp_path / "part.json")
    document = json.loads((tmp_path / "part.json").read_text())
    assert len(document["runs"]) == binned.RUNS - 1
    key = offline.take_in(settings.home, tmp_path / "part.json").key
    database = opened(settings)
    with database.write() as session:
        assert len(experiments.run_ids(session, key)) == binned.RUNS - 1
        # What comes back is its own, also where something of the same name came meanwhile.
        whole = session.scalars(select(Deletion).where(Deletion.kind == "experiment")).one()
        deletions.restore(session, whole)
        names = [row.name for row in session.scalars(select(Experiment))]
    assert names == ["Kept"] * 4
    database.close()
