"""Whoever wants to know what was written waits for a disk or a lock; nobody else does."""

from __future__ import annotations

import asyncio
import fcntl
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest
from sqlalchemy.exc import OperationalError

from backend.storage.database import Database
from backend.storage.store import experiments
from loraone.spec.experiment import ExperimentSpec
from tests.backend.conftest import Process, Start
from tests.busy import busy

# Of what stands beside the file, the bytes that readers lock while they read.
FIRST, BYTES = 120, 8


@contextmanager
def no_reader(server: Process) -> Iterator[None]:
    """A lock that lets nobody read, as a network's disk may leave one behind."""
    with Path(server.home / "loraone.db-shm").open("r+b") as file:

        def locked() -> bool:
            try:
                fcntl.lockf(file, fcntl.LOCK_EX | fcntl.LOCK_NB, BYTES, FIRST)
            except OSError:
                return False
            return True

        server.wait(locked, 10)
        yield


@pytest.mark.sqlite
def test_a_lock_that_lets_nobody_read_holds_up_only_who_asks_the_database(start: Start) -> None:
    server = start()
    server.get("/api/experiments")
    with no_reader(server), ThreadPoolExecutor() as pool:
        asking = [
            pool.submit(httpx.get, f"{server.url}{path}", timeout=30)
            for path in ("/api/experiments", "/api/queue", "/api/health")
        ]
        time.sleep(0.5)
        quick = [server.http.get(path) for path in ("/", "/api/catalog")]
        assert [answer.status_code for answer in quick] == [200, 200]
        for asked in asking:
            assert asked.result().status_code == 503
            assert asked.result().headers["content-type"] == "application/problem+json"
            assert "has not answered for 3 s" in asked.result().json()["detail"]
            assert asked.result().elapsed.total_seconds() < 5 * busy()
            assert max(answer.elapsed for answer in quick) < asked.result().elapsed
    server.wait(lambda: server.http.get("/api/experiments").status_code == 200, 30)


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    made = Database(f"sqlite:///{tmp_path}/loraone.db")
    made.migrate()
    yield made
    made.close()


def test_a_look_sees_what_was_written_before_it_was_asked_for(database: Database) -> None:
    spec = ExperimentSpec.model_validate({"task": "teacher-student", "methods": ["lora"]})

    async def look() -> None:
        seen = await asyncio.gather(*(database.looks.numbers(None) for _ in range(20)))
        assert len(set(seen)) == 1
        for own in (True, False):
            writer = database if own else Database(database.url)
            with writer.write() as session:
                experiments.create(session, spec)
            assert await database.looks.numbers(None) not in seen
            seen.append(await database.looks.numbers(None))
            if not own:
                writer.close()

    asyncio.run(look())


def test_a_look_says_that_the_file_is_gone(database: Database, tmp_path: Path) -> None:
    async def look() -> None:
        await database.looks.numbers(None)
        (tmp_path / "loraone.db").unlink()
        with pytest.raises(OperationalError, match="is gone"):
            await database.looks.numbers(None)

    asyncio.run(look())
