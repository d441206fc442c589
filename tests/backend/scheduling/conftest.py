"""A database and the work on it, for lanes and schedulers on fakes."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from backend.scheduling import work as shared
from backend.scheduling.work import Work
from backend.settings import Settings
from tests.backend.scheduling.fakes import (
    BreakableDatabase,
    CountingFeed,
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
