"""A database and the work on it, for lanes and schedulers on fakes."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from backend.scheduling import work as shared
from backend.scheduling.jobs import Device
from backend.scheduling.lane import Lane
from backend.scheduling.work import Work
from backend.settings import Settings
from tests.backend.scheduling.fakes import (
    CPU,
    Act,
    Begin,
    BreakableDatabase,
    CountingFeed,
    FakeWorker,
    wait,
)
from tests.conftest import DatabaseUrl


@pytest.fixture
def database(tmp_path: Path, database_url: DatabaseUrl) -> Iterator[BreakableDatabase]:
    """An empty one."""
    made = BreakableDatabase(database_url(tmp_path))
    made.migrate()
    yield made
    made.close()


@pytest.fixture
def work(database: BreakableDatabase, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Work:
    """What a lane is handed; an idle one looks for work often."""
    monkeypatch.setattr(shared, "IDLE_S", 0.05)
    return Work(database, CountingFeed(), Settings(home=tmp_path, max_values=1000))


@pytest.fixture
def begin(work: Work) -> Iterator[Begin]:
    """Starts lanes that are stopped at the end."""
    begun: list[Lane] = []

    def start(
        act: Act, may_begin: Callable[[Device], bool] = lambda device: True
    ) -> tuple[Lane, FakeWorker]:
        worker = FakeWorker(act)
        lane = Lane(work, CPU, worker, may_begin)
        begun.append(lane)
        lane.start()
        return lane, worker

    yield start
    for lane in begun:
        lane.stop()
    wait(lambda: work.wake() or not any(lane.alive for lane in begun))
