"""Everything that a server has stored, as one tar, taken while it runs.

The database is copied by SQLite's online backup, which waits for nobody and is never half of a
transaction; then the files that this copy names follow. Shared gradients are left out: they are
computed again when they are needed. :mod:`backend.storage.restoring` reads what is written here.
"""

from __future__ import annotations

import os
import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

from backend.settings import Settings
from backend.storage.database_file import BESIDE, database_file
from backend.storage.manifests import (
    DATABASE,
    FORMAT,
    BackupError,
    Manifest,
    count_accounts,
    count_channels,
    counts,
)
from backend.storage.packing import pack
from backend.storage.restoring import restore
from backend.storage.scratch import scratch
from backend.storage.stored_files import StoredFileError, located, plain_files
from loraone import __version__

__all__ = ["BackupError", "Manifest", "check_output", "restore", "write"]


def write(settings: Settings, output: Path, *, adapters: bool = True) -> Manifest:
    """Write the backup, which nobody else may read.

    Raises BackupError for a database that is not SQLite or is damaged, a disk without space for
    it, and an output that would take the place of something else.
    """
    source = _source(settings)
    check_output(settings, output)
    output.parent.mkdir(parents=True, exist_ok=True)
    _check_space(output.parent, 2 * source.stat().st_size)
    with _failing_in_a_sentence(output), scratch(output.parent) as folder:
        copy, new = folder / DATABASE, folder / "backup.tar"
        manifest, names, ids = _copy(source, copy)
        files = [(DATABASE, copy)]
        if adapters:
            named, left_out = _files(settings, names, ids)
            manifest = replace(manifest, left_out=left_out)
            files += named
        _check_space(output.parent, sum(path.stat().st_size for _, path in files if path.exists()))
        with open(new, "w+b", opener=_private) as file:
            manifest = pack(file, manifest, files)
            file.flush()
            os.fsync(file.fileno())
        new.replace(output)
    return manifest


def check_output(settings: Settings, output: Path) -> None:
    """Raise BackupError where ``output`` is no place for a file that a command writes: it is the
    database itself, lies among the files of runs, or is a device."""
    real = output.resolve()
    database = database_file(settings.url)
    if database is not None:
        own = [database, *(database.with_name(database.name + end) for end in BESIDE)]
        if real in own:
            raise BackupError(f"{output} is the database itself; name another file")
    for folder in (
        settings.artifacts,
        settings.logs,
        settings.checkpoints,
        settings.home / "gradients",
    ):
        if real.is_relative_to(folder.resolve()):
            raise BackupError(f"{output} lies among the files of runs; name another folder")
    if real.is_dir():
        raise BackupError(f"{output} is a folder; name a file")
    if real.exists() and not real.is_file():
        raise BackupError(f"{output} is no plain file; it would be replaced")


def _source(settings: Settings) -> Path:
    file = database_file(settings.url)
    if file is None:
        raise BackupError(
            "the database is not SQLite in a file: back it up with pg_dump, and the folder "
            f"{settings.artifacts} as any files"
        )
    if not file.is_file():
        raise BackupError(f"there is no database {file}")
    return file


def _check_space(folder: Path, needed: int) -> None:
    free = shutil.disk_usage(folder).free
    if needed > free:
        raise BackupError(
            f"{folder} has {free / 1e6:.1f} MB free, and {needed / 1e6:.1f} MB are needed"
        )


@contextmanager
def _failing_in_a_sentence(output: Path) -> Iterator[None]:
    try:
        yield
    except sqlite3.Error as error:
        raise BackupError(f"the database cannot be copied: {error}") from error
    except OSError as error:
        raise BackupError(f"{output} cannot be written: {error.strerror or error}") from error


def _copy(source: Path, copy: Path) -> tuple[Manifest, list[str], list[int]]:
    """Copy the database; what it holds, the paths that it names, and the numbers of its runs."""
    with closing(sqlite3.connect(source)) as live, closing(sqlite3.connect(copy)) as copied:
        live.backup(copied)
        experiments, runs = counts(copied)
        accounts, channels = count_accounts(copied), count_channels(copied)
        paths = [str(row[0]) for row in copied.execute("SELECT path FROM artifacts ORDER BY 1")]
        ids = [int(row[0]) for row in copied.execute("SELECT id FROM runs ORDER BY 1")]
    taken = datetime.now(UTC).isoformat()
    manifest = Manifest(
        FORMAT, __version__, taken, experiments, runs, accounts=accounts, channels=channels
    )
    return manifest, paths, ids


def _files(
    settings: Settings, paths: list[str], ids: list[int]
) -> tuple[list[tuple[str, Path]], int]:
    """What the database names, as far as it is there, by its name in the backup; and how much of
    it is left out, because it leads elsewhere or is no plain file."""
    found: dict[str, Path] = {}
    left_out = 0
    named = [("artifacts", settings.artifacts, path) for path in paths]
    named += [("logs", settings.logs, str(key)) for key in ids]
    for kind, folder, path in named:
        try:
            place = located(folder, path)
            for inside, file in plain_files(place):
                found[f"{kind}/{path}" if inside == "." else f"{kind}/{path}/{inside}"] = file
        except FileNotFoundError:  # a run that was retried has no longer what the copy names
            continue
        except StoredFileError:
            left_out += 1
    return list(found.items()), left_out


def _private(path: str, flags: int) -> int:
    return os.open(path, flags, 0o600)
