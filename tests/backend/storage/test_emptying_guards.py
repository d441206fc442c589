"""Guards of emptying the bin: each was taken out once, and nothing else had noticed."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import func, select

from backend.settings import Settings
from backend.storage import emptying
from backend.storage.audience import TEAM, looking_into_bin, reading_for
from backend.storage.database import Database
from backend.storage.emptying import Emptying
from backend.storage.store import deletions
from backend.storage.store.sizes import Size
from backend.storage.tables import ArtifactRow, Change, Deletion, Experiment, Run, now
from tests.backend.storage import binned
from tests.conftest import DatabaseUrl


@pytest.fixture
def database(tmp_path: Path, database_url: DatabaseUrl) -> Iterator[Database]:
    """Of two experiments in the bin, and one that is not."""
    home = tmp_path / "home"
    made = Database(database_url(home))
    made.migrate()
    for _ in range(3):
        binned.finished(made, home)
    with made.write() as session:
        for key in (1, 2):
            row = session.get_one(Experiment, key)
            deletions.put_experiment(session, row, (None, "ana"), Size())
    yield made
    made.close()


@pytest.fixture
def bin_(database: Database, tmp_path: Path) -> Emptying:
    return Emptying(database, Settings(home=tmp_path / "home", database_url=database.url))


def there(database: Database) -> set[int]:
    with looking_into_bin(), database.read() as session:
        return set(session.scalars(select(Experiment.id)))


def test_while_one_empties_it_housekeeping_goes_on_and_another_waits(
    database: Database, bin_: Emptying, monkeypatch: pytest.MonkeyPatch
) -> None:
    begun, end = threading.Event(), threading.Event()
    away = emptying._away

    def slow(path: Path) -> int:
        begun.set()
        end.wait(30)
        return away(path)

    monkeypatch.setattr(emptying, "_away", slow)
    freed: list[int] = []
    people = [
        threading.Thread(target=lambda key=key: freed.append(bin_.now([key], 30).runs))
        for key in (1, 2)
    ]
    people[0].start()
    assert begun.wait(30)
    housekeeping = threading.Thread(target=bin_.go_on, args=(30,))
    housekeeping.start()
    housekeeping.join(20)
    assert not housekeeping.is_alive(), "it does not wait"
    people[1].start()
    people[1].join(0.3)
    assert people[1].is_alive(), "it waits for its turn"
    assert there(database) == {1, 2, 3}
    end.set()
    for person in people:
        person.join(30)
    # Nothing is counted twice.
    assert sum(freed) == 2 * binned.RUNS
    assert there(database) == {3}


def test_what_is_too_old_goes_whoever_asked_for_something_meanwhile(
    database: Database, bin_: Emptying
) -> None:
    with looking_into_bin(), database.write() as session:
        session.get_one(Experiment, 1).private = True
        for row in session.scalars(select(Deletion)):
            row.at = now().replace(year=2000)
    with reading_for(TEAM):  # who does not see the first
        bin_.go_on(30)
    assert there(database) == {3}
    assert not any((bin_._settings.artifacts / str(run)).exists() for run in range(1, 9))


def adapters_of(database: Database, run: int) -> int:
    """Put the adapter of a run that is not in the bin there; the number of that."""
    with database.write() as session:
        (made,) = deletions.put_adapters(session, [session.get_one(Run, run)], (None, "ana"), {})
        return made.id


def test_when_time_is_over_it_says_that_it_goes_on_and_does(
    database: Database, bin_: Emptying
) -> None:
    freed = bin_.now([1, 2], -1)
    assert (freed.runs, freed.goes_on) == (0, True)
    assert there(database) == {1, 2, 3}
    bin_.go_on(30)
    assert there(database) == {3}


def test_what_the_system_refuses_is_said_and_tried_again_after_a_while(
    database: Database, bin_: Emptying, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(path: Path) -> int:
        raise PermissionError(13, "Permission denied", str(path))

    with monkeypatch.context() as refusing:
        refusing.setattr(emptying, "_away", refuse)
        freed = bin_.now([1], 30)
    assert freed.runs == 0
    assert freed.trouble[0].endswith("cannot be removed: Permission denied; it is tried again")
    bin_.go_on(30)
    assert there(database) == {1, 2, 3}, "not at once"
    clock = time.monotonic
    monkeypatch.setattr(time, "monotonic", lambda: clock() + emptying.AGAIN_S)
    bin_.go_on(30)
    assert there(database) == {2, 3}


def test_what_is_held_for_its_number_is_left_alone_by_housekeeping(
    database: Database, bin_: Emptying
) -> None:
    with database.write() as session:
        row = session.get_one(Experiment, 3)
        whole = deletions.put_experiment(session, row, (None, "ana"), Size()).id
    bin_.now([whole], 30)

    def told() -> int | None:
        with database.read() as session:
            return session.scalar(select(func.max(Change.id)))

    before = told()
    bin_.go_on(30)
    assert told() == before
    assert there(database) == {1, 2, 3}


def test_an_adapter_in_a_folder_of_a_longer_number_is_anothers(
    database: Database, bin_: Emptying
) -> None:
    folder = bin_._settings.artifacts
    (folder / "91").mkdir()
    (folder / "9/1/adapter").rename(folder / "91/adapter")
    with database.write() as session:
        session.get_one(ArtifactRow, (9, "adapter")).path = "91/adapter"
    bin_.now([adapters_of(database, 9)], 30)
    assert (folder / "91/adapter/weights").is_file()


def test_an_adapter_behind_a_link_is_left_there_and_that_is_said(
    database: Database, bin_: Emptying, tmp_path: Path
) -> None:
    folder = bin_._settings.artifacts
    (folder / "9/1").rename(tmp_path / "elsewhere")
    (folder / "9/1").symlink_to(tmp_path / "elsewhere")
    freed = bin_.now([adapters_of(database, 9)], 30)
    assert len(freed.trouble) == 1 and "leads through a link" in freed.trouble[0]
    assert (tmp_path / "elsewhere/adapter/weights").is_file()


def test_logs_behind_a_link_are_left_there(
    database: Database, bin_: Emptying, tmp_path: Path
) -> None:
    logs = bin_._settings.logs
    (logs / "2").rename(tmp_path / "elsewhere")
    (logs / "2").symlink_to(tmp_path / "elsewhere")
    freed = bin_.now([1], 30)
    assert len(freed.trouble) == 1 and "leads through a link" in freed.trouble[0]
    assert list((tmp_path / "elsewhere").iterdir())
