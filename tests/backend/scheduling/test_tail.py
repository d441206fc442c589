"""Open streams read the changes once for all, miss none, and are given none twice."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest

from backend.api.changes import _after
from backend.scheduling.feed import Feed
from backend.scheduling.tail import MOST, Row
from backend.storage.database import Database
from backend.storage.store import changes, experiments
from backend.storage.tables import Run
from loraone.spec.experiment import ExperimentSpec
from tests.conftest import DatabaseUrl


@pytest.fixture
def database(tmp_path: Path, database_url: DatabaseUrl) -> Iterator[Database]:
    made = Database(database_url(tmp_path))
    made.migrate()
    spec = ExperimentSpec.model_validate({"task": "teacher-student", "methods": ["lora"]})
    for _ in range(2):
        with made.write() as session:
            experiments.create(session, spec)
    yield made
    made.close()


def change(database: Database, run_id: int, count: int = 1) -> None:
    with database.write() as session:
        run = session.get_one(Run, run_id)
        for number in range(count):
            changes.add(session, run, "metric", {"step": number})


class Reads:
    """How often the database was read."""

    def __init__(self) -> None:
        self.count = 0

    def __call__(self, database: Database, last: int, experiment: int | None) -> list[Row]:
        self.count += 1
        return _after(database, last, experiment)


async def follow(
    feed: Feed, database: Database, reads: Reads, known: int, experiment: int | None = None
) -> list[Row]:
    rows, seen = await feed.tail(database, reads, known).after(known, experiment)
    assert seen >= max([known, *(row[0] for row in rows)])
    return rows


def test_five_streams_read_a_change_once(database: Database) -> None:
    feed, reads = Feed(), Reads()

    async def all_of_it() -> None:
        assert await follow(feed, database, reads, 2) == []
        at_rest = reads.count
        change(database, 1)
        asked = [follow(feed, database, reads, 2, of) for of in (None, None, 1, 1, 2)]
        given = await asyncio.gather(*asked)
        assert [[row[0] for row in rows] for rows in given] == [[3], [3], [3], [3], []]
        # On PostgreSQL others write as well: each asks.
        assert reads.count <= at_rest + (6 if database.shared else 2)
        known = reads.count
        await asyncio.gather(*(follow(feed, database, reads, 3) for _ in range(5)))
        # On PostgreSQL others write as well, and wake nobody here.
        assert reads.count <= known + (5 if database.shared else 0)

    asyncio.run(all_of_it())


@pytest.mark.parametrize("experiment", [None, 1, 2])
def test_what_is_given_is_what_the_database_has_from_wherever_a_stream_begins(
    database: Database, experiment: int | None
) -> None:
    feed, reads = Feed(), Reads()

    async def all_of_it() -> None:
        await follow(feed, database, reads, 2)
        for number in range(3):
            change(database, 1, MOST // 2 + 7)
            change(database, 2, number)
            newest = _bounds(database)
            for known in (0, 1, 2, newest - MOST, newest - MOST + 1, newest - 1, newest):
                seen: list[Row] = []
                at = known
                while rows := await follow(feed, database, reads, at, experiment):
                    seen += rows
                    at = rows[-1][0]
                assert seen == _all_after(database, known, experiment)

    asyncio.run(all_of_it())


def _bounds(database: Database) -> int:
    with database.read() as session:
        return changes.bounds(session)[1]


def _all_after(database: Database, last: int, experiment: int | None) -> list[Row]:
    rows: list[Row] = []
    while more := _after(database, rows[-1][0] if rows else last, experiment):
        rows += more
    return rows


def test_what_another_connection_wrote_is_seen(database: Database) -> None:
    feed, reads = Feed(), Reads()

    async def all_of_it() -> None:
        assert await follow(feed, database, reads, 2) == []
        other = Database(database.engine.url.render_as_string(hide_password=False))
        change(other, 2)
        other.close()
        assert [row[0] for row in await follow(feed, database, reads, 2)] == [3]

    asyncio.run(all_of_it())


def test_a_stream_of_a_quiet_experiment_goes_on_from_what_others_have_changed(
    database: Database,
) -> None:
    """Else it would fall behind what is kept in memory, and ask the database at every change."""
    feed, reads = Feed(), Reads()

    async def all_of_it() -> None:
        tail, known = feed.tail(database, reads, 2), 2
        for _ in range(4):
            change(database, 1, MOST // 2)
            rows, known = await tail.after(known, 2)
            assert rows == [] and known == _bounds(database)
        at_rest = reads.count
        assert await tail.after(known, 2) == ([], known)
        assert reads.count <= at_rest + database.shared

    asyncio.run(all_of_it())
