"""Everything that a server has stored, as one tar: taken while it runs, restored all or nothing.

The database is copied by SQLite's online backup, which waits for nobody and is never half of a
transaction; then the files that this copy names follow. Shared gradients are left out: they are
computed again when they are needed.
"""

from __future__ import annotations

import io
import json
import shutil
import sqlite3
import tarfile
import tempfile
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path

from backend.settings import Settings
from backend.storage.database import Database
from backend.storage.folder_lock import FolderInUseError, only_server
from loraone import __version__

DATABASE = "loraone.db"
_FOLDERS = ("artifacts", "logs")
FORMAT = 1


class BackupError(Exception):
    """It cannot be done, and why."""


@dataclass(frozen=True)
class Manifest:
    """What a backup says of itself."""

    format: int
    version: str
    taken_at: str
    experiments: int
    runs: int


def write(settings: Settings, output: Path, *, adapters: bool = True) -> Manifest:
    """Write the backup. Raises BackupError for a database that is not SQLite."""
    source = _file(settings)
    with _beside(output) as scratch:
        copy = scratch / DATABASE
        with closing(sqlite3.connect(source)) as live, closing(sqlite3.connect(copy)) as copied:
            live.backup(copied)
            manifest = _manifest(copied)
            paths = [str(row[0]) for row in copied.execute("SELECT path FROM artifacts")]
            ids = [int(row[0]) for row in copied.execute("SELECT id FROM runs")]
        new = scratch / "backup.tar"
        with tarfile.open(new, "w") as tar:
            body = json.dumps(asdict(manifest)).encode()
            info = tarfile.TarInfo("manifest.json")
            info.size = len(body)
            tar.addfile(info, io.BytesIO(body))
            tar.add(copy, DATABASE)
            if adapters:
                for path in paths:
                    _add(tar, settings.artifacts / path, f"artifacts/{path}")
                for key in ids:
                    _add(tar, settings.logs / str(key), f"logs/{key}")
        new.replace(output)
    return manifest


def restore(settings: Settings, file: Path) -> Manifest:
    """Unpack a backup into the data folder, and bring its schema up to this release.

    Raises BackupError where the folder has a database, a server uses it, or the file is none or
    is damaged; NewerSchemaError where a newer release wrote it. Nothing is changed then.
    """
    target = settings.home / DATABASE
    if settings.database_url is not None and not settings.database_url.endswith(str(target)):
        raise BackupError("a backup is restored into SQLite; unset LORAONE_DATABASE_URL")
    if target.exists():
        raise BackupError(f"{target} exists; move it away, or name another folder with --home")
    try:
        with only_server(settings), _beside(target) as scratch:
            manifest = _unpack(file, scratch)
            _check(scratch / DATABASE)
            for name in _FOLDERS:
                if (scratch / name).is_dir():
                    merge = settings.home / name
                    shutil.copytree(scratch / name, merge, dirs_exist_ok=True)
            (scratch / DATABASE).replace(target)
    except FolderInUseError as error:
        raise BackupError(str(error)) from error
    return manifest


def _file(settings: Settings) -> Path:
    database = Database(settings.url)
    path = database.engine.url.database
    if database.engine.dialect.name != "sqlite" or not path:
        raise BackupError(
            "the database is not SQLite: back it up with pg_dump, and the folder "
            f"{settings.artifacts} as any files"
        )
    return Path(path)


def _manifest(database: sqlite3.Connection) -> Manifest:
    counts = [
        int(database.execute(f"SELECT count(*) FROM {table}").fetchone()[0])  # noqa: S608
        for table in ("experiments", "runs")
    ]
    return Manifest(FORMAT, __version__, datetime.now(UTC).isoformat(), *counts)


def _add(tar: tarfile.TarFile, path: Path, name: str) -> None:
    """A file or folder; a run that was retried meanwhile has no longer what the copy names."""
    for part in [path, *sorted(path.rglob("*"))]:
        try:
            inside = name if part == path else f"{name}/{part.relative_to(path)}"
            tar.add(part, inside, recursive=False)
        except FileNotFoundError:
            continue


def _unpack(file: Path, scratch: Path) -> Manifest:
    try:
        with tarfile.open(file, "r:") as tar:
            tar.extractall(scratch, filter="data")
        body = json.loads((scratch / "manifest.json").read_text(encoding="utf-8"))
        manifest = Manifest(**body)
    except (tarfile.TarError, OSError, ValueError, TypeError) as error:
        raise BackupError(f"{file} is no backup, or is damaged: {error}") from error
    if manifest.format != FORMAT:
        raise BackupError(f"{file} has format {manifest.format}; this release reads {FORMAT}")
    if not (scratch / DATABASE).is_file():
        raise BackupError(f"{file} is damaged: there is no database in it")
    return manifest


def _check(copy: Path) -> None:
    try:
        with closing(sqlite3.connect(copy)) as database:
            (verdict,) = database.execute("PRAGMA integrity_check").fetchone()
    except sqlite3.DatabaseError as error:
        raise BackupError(f"the database in the backup is damaged: {error}") from error
    if verdict != "ok":
        raise BackupError(f"the database in the backup is damaged: {verdict}")
    database_of_copy = Database(f"sqlite:///{copy}")
    try:
        database_of_copy.migrate()
    finally:
        database_of_copy.close()
    with closing(sqlite3.connect(copy)) as database:  # all of it into the one file that is moved
        database.execute("PRAGMA journal_mode=DELETE")


@contextmanager
def _beside(path: Path) -> Iterator[Path]:
    """A folder on the disk of ``path``, so that what is ready there moves in one step."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=".loraone-", dir=path.parent) as folder:
        yield Path(folder)
