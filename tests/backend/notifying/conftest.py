"""A server with accounts whose notices may go to this machine, and what waits is due at once."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from backend.notifying.sender import Sender
from backend.settings import Settings
from backend.storage.database import Database
from backend.storage.store import outgoing
from tests.backend.notifying.receivers import Receiver, receiving
from tests.backend.notifying.sent import Office
from tests.backend.people import accounts
from tests.conftest import DatabaseUrl


@pytest.fixture
def web() -> Iterator[Receiver]:
    """Where it arrives."""
    with receiving() as receiver:
        yield receiver


@pytest.fixture
def office(
    tmp_path: Path, database_url: DatabaseUrl, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Office]:
    """Ada, an editor, and Root, an administrator."""
    monkeypatch.setattr(outgoing, "WINDOW", timedelta(0))
    settings = Settings(
        home=tmp_path,
        auth="local",
        database_url=database_url(tmp_path),
        notice_networks="127.0.0.1",
        public_url="https://lab.example.org/lora",
    )
    database = Database(settings.url)
    database.migrate()
    ada = accounts.person(database, "ada", "editor")
    root = accounts.person(database, "root", "administrator")
    yield Office(database, settings, Sender(database, settings), ada, root)
    database.close()
