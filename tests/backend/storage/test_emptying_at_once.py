"""Several who empty the bin at once, and whoever asks: the guards of it that nothing else tries."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import select

from backend.settings import Settings
from backend.storage import emptying
from backend.storage.audience import TEAM, looking_into_bin, reading_for
from backend.storage.database import Database
from backend.storage.emptying import Emptying
from backend.storage.store import deletions
from backend.storage.store.sizes import Size
from backend.storage.tables import Deletion, Experiment, now
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
