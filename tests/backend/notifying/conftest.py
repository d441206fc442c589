"""A server with accounts whose notices may go to this machine, and what waits is due at once."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

import pytest

from backend.notifying.sender import Sender
from backend.settings import Settings
from backend.storage.database import Database
from backend.storage.permissions import NOTICE_KEY
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


@pytest.fixture(scope="module")
def _stored(
    tmp_path_factory: pytest.TempPathFactory, database_url: DatabaseUrl
) -> Iterator[tuple[Settings, Database]]:
    home = tmp_path_factory.mktemp("office")
    settings = Settings(
        home=home,
        auth="local",
        database_url=database_url(home),
        notice_networks="127.0.0.1",
        public_url="https://lab.example.org/lora",
    )
    database = Database(settings.url)
    database.migrate()
    yield settings, database
    database.close()


@pytest.fixture
def office(_stored: tuple[Settings, Database], monkeypatch: pytest.MonkeyPatch) -> Office:
    """Ada, an editor, and Root, an administrator; nothing else is stored."""
    monkeypatch.setattr(outgoing, "WINDOW", timedelta(0))
    settings, database = _stored
    accounts.empty(database)
    (settings.home / NOTICE_KEY).unlink(missing_ok=True)
    ada = accounts.person(database, "ada", "editor")
    root = accounts.person(database, "root", "administrator")
    return Office(database, settings, Sender(database, settings), ada, root)
