"""What the command line does with stored experiments: report, export, import; no server needed."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from backend.db import Database
from backend.reports import report
from backend.settings import Settings
from backend.store import experiments, transfer


class StoredError(Exception):
    """It cannot be done, and why."""


@contextmanager
def _database(home: Path | None, *, make: bool = False) -> Iterator[Database]:
    settings = Settings(home=home) if home else Settings()
    if settings.database_url is None and not make and not (settings.home / "loraone.db").is_file():
        raise StoredError(f"there is no database in {settings.home}")
    settings.home.mkdir(parents=True, exist_ok=True)
    database = Database(settings.url)
    database.migrate()
    try:
        yield database
    finally:
        database.close()


def write_report(home: Path | None, key: int, output: Path) -> None:
    """The experiment's report as one HTML file. Raises StoredError where it is not there."""
    with _database(home) as database, database.read() as session:
        found = experiments.get(session, key)
        if found is None:
            raise StoredError(f"there is no experiment {key}")
        output.write_text(report(session, found), encoding="utf-8")


def write_export(home: Path | None, key: int, output: Path) -> None:
    """The experiment as JSON that another server takes in. Raises StoredError as above."""
    with _database(home) as database, database.read() as session:
        found = experiments.get(session, key)
        if found is None:
            raise StoredError(f"there is no experiment {key}")
        output.write_text(json.dumps(transfer.dump(session, found)), encoding="utf-8")


def take_in(home: Path | None, file: Path) -> int:
    """Store an exported experiment as a new one, and say its number; all of it or nothing.

    Raises StoredError where the file is none, naming the part that is wrong.
    """
    try:
        document = json.loads(file.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, json.JSONDecodeError) as error:
        raise StoredError(f"{file} cannot be read as JSON: {error}") from error
    with _database(home, make=True) as database:
        try:
            with database.write() as session:
                return transfer.load(session, document).id
        except transfer.TransferError as error:
            raise StoredError(f"{file}: {error}") from error
