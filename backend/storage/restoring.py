"""Restores a backup into a data folder: completely or not at all.

All of it is unpacked and checked beside its place first. Then it is moved: the folders of files,
and last the database. Before that last step nothing counts; what was moved until then is noted, and
is removed again by whoever comes next where the process was killed in between.
"""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from backend.settings import Settings
from backend.storage import archives, soundness
from backend.storage.database_file import BESIDE, database_file
from backend.storage.folder_lock import FolderError, FolderInUseError, only_server
from backend.storage.manifests import DATABASE, FOLDERS, BackupError, Manifest
from backend.storage.scratch import scratch, sweep

# In a scratch folder: which folders its restore had moved or was about to.
_MOVING = "moving.json"


def restore(settings: Settings, file: Path) -> Manifest:
    """Unpack a backup into the data folder, and bring its schema up to this release.

    The numbers of experiments and runs in what is returned are those that are really there. Raises
    BackupError where the folder has a database or files of runs, a server uses it, or the file is
    none or is damaged; NewerSchemaError where a newer release wrote it. Nothing is changed then.
    """
    target = settings.home / DATABASE
    if database_file(settings.url) != target.resolve():
        raise BackupError("a backup is restored into SQLite; unset LORAONE_DATABASE_URL")
    try:
        with only_server(settings):
            sweep_home(settings.home)
            _check_empty(settings)
            with _failing_in_a_sentence(settings), scratch(settings.home) as folder:
                manifest = archives.unpack(file, folder)
                experiments, runs = soundness.check(folder / DATABASE)
                if (manifest.experiments, manifest.runs) != (experiments, runs):
                    raise BackupError(
                        f"{file} is damaged: its manifest says {manifest.experiments} experiments "
                        f"and {manifest.runs} runs, its database has {experiments} and {runs}"
                    )
                _move(folder, settings.home)
    except (FolderInUseError, FolderError) as error:
        raise BackupError(str(error)) from error
    return replace(manifest, experiments=experiments, runs=runs)


def sweep_home(home: Path) -> None:
    """Remove what backups and restores that were killed have left in a data folder."""
    sweep(home, first=lambda folder: _undo(folder, home))


def _check_empty(settings: Settings) -> None:
    target = settings.home / DATABASE
    for path in (target, *(target.with_name(target.name + end) for end in BESIDE)):
        if os.path.lexists(path):  # a journal that is left would be played into the new database
            raise BackupError(f"{path} exists; move it away, or name another folder with --home")
    for name in FOLDERS:
        folder = settings.home / name
        if os.path.lexists(folder) and (not folder.is_dir() or any(folder.iterdir())):
            raise BackupError(
                f"{folder} has files of other runs; move it away, or name another folder with "
                "--home"
            )


@contextmanager
def _failing_in_a_sentence(settings: Settings) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise BackupError(
            f"nothing was restored: {settings.home} cannot be written: {error.strerror or error}"
        ) from error


def _move(folder: Path, home: Path) -> None:
    moving = [name for name in FOLDERS if (folder / name).is_dir()]
    (folder / _MOVING).write_text(json.dumps(moving))
    try:
        for name in moving:
            _move_folder(folder / name, home / name)
        with (folder / DATABASE).open("rb") as database:
            os.fsync(database.fileno())
        (folder / DATABASE).replace(home / DATABASE)
    except BaseException:
        _undo(folder, home)
        raise


def _move_folder(source: Path, target: Path) -> None:
    if not target.exists():
        source.rename(target)
        return
    for child in source.iterdir():  # it may be a disk of its own, or a link to one
        shutil.move(child, target / child.name)


def _undo(folder: Path, home: Path) -> None:
    """Remove what was moved, unless all of it was: the folders were empty before, or not there."""
    try:
        moving = json.loads((folder / _MOVING).read_text())
    except (OSError, ValueError):
        return
    if not (folder / DATABASE).exists():
        return
    for name in FOLDERS:
        target = home / name
        if name not in moving or not target.is_dir():
            continue
        for child in target.iterdir():
            if child.is_dir() and not child.is_symlink():
                shutil.rmtree(child, ignore_errors=True)
            else:
                child.unlink(missing_ok=True)
        if not target.is_symlink():
            target.rmdir()
