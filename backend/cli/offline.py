"""What the command line does with what is stored; no server needed, none in the way."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from backend.api.bodies import BodyError, read_json
from backend.errors import ConflictError, DiskFullError
from backend.results.reports import report
from backend.scheduling.admission import check_disk
from backend.settings import Settings
from backend.storage import backups
from backend.storage.database import Database, NewerSchemaError
from backend.storage.store import experiments, transfer
from backend.storage.store.exported import Limits
from backend.storage.store.exported_json import TransferError


class StoredError(Exception):
    """It cannot be done, and why."""


def _settings(home: Path | None) -> Settings:
    return Settings(home=home) if home else Settings()


def _check_home(settings: Settings) -> None:
    if settings.database_url is None and not (settings.home / "loraone.db").is_file():
        raise StoredError(f"there is no database in {settings.home}")


@contextmanager
def _database(home: Path | None, *, make: bool = False) -> Iterator[Database]:
    settings = _settings(home)
    if not make:
        _check_home(settings)
    settings.home.mkdir(parents=True, exist_ok=True)
    database = Database(settings.url)
    try:
        database.migrate()
        yield database
    except NewerSchemaError as error:
        raise StoredError(str(error)) from error
    finally:
        database.close()


def write_report(home: Path | None, key: int, output: Path) -> None:
    """The experiment's report as one HTML file. Raises StoredError where it is not there."""
    with _database(home) as database, database.read() as session:
        experiment = experiments.get(session, key)
        if experiment is None:
            raise StoredError(f"there is no experiment {key}")
        output.write_text(report(session, experiment), encoding="utf-8")


def write_export(home: Path | None, key: int, output: Path) -> None:
    """The experiment as JSON that another server takes in. Raises StoredError as above."""
    with _database(home) as database, database.read() as session:
        experiment = experiments.get(session, key)
        if experiment is None:
            raise StoredError(f"there is no experiment {key}")
        output.write_text(json.dumps(transfer.dump(session, experiment)), encoding="utf-8")


def take_in(home: Path | None, file: Path) -> int:
    """Store an exported experiment as a new one, and say its number; all of it or nothing.

    Raises StoredError where the file is none, naming the part that is wrong.
    """
    settings = _settings(home)
    limits = Limits(settings.max_import_runs, settings.max_import_rows)
    try:
        text = file.read_bytes()
        document = read_json(text)
    except (OSError, BodyError) as error:
        raise StoredError(f"{file} cannot be read: {error}") from error
    with _database(home, make=True) as database:
        try:
            check_disk(settings, len(text))
            return transfer.load(database, document, limits)
        except (ConflictError, DiskFullError) as error:
            raise StoredError(f"{file}: {error}") from error
        except TransferError as error:
            allowed = error.problems[0].allowed
            more = f"; allowed: {allowed}" if allowed else ""
            raise StoredError(f"{file}: {error}{more}") from error


def write_backup(home: Path | None, output: Path, *, adapters: bool) -> str:
    """Everything as one file; a sentence about it. Raises StoredError where that cannot be."""
    settings = _settings(home)
    _check_home(settings)
    try:
        manifest = backups.write(settings, output, adapters=adapters)
    except (backups.BackupError, OSError) as error:
        raise StoredError(str(error)) from error
    size = output.stat().st_size / 1e6
    left = (
        f"; left out {manifest.left_out} paths that are no plain files among those of runs"
        if manifest.left_out
        else ""
    )
    return f"wrote {output} ({size:.1f} MB): {_counts(manifest)}{left}"


def restore(home: Path | None, file: Path) -> str:
    """Put a backup into a folder; a sentence about it. Raises StoredError where that cannot be."""
    settings = _settings(home)
    try:
        manifest = backups.restore(settings, file)
    except (backups.BackupError, NewerSchemaError, OSError) as error:
        raise StoredError(str(error)) from error
    unchecked = (
        "; it was written before backups had checksums, so its files are as they are"
        if manifest.format == 1
        else ""
    )
    return f"restored {_counts(manifest)} into {settings.home}{unchecked}"


def _counts(manifest: backups.Manifest) -> str:
    return f"{manifest.experiments} experiments, {manifest.runs} runs"
