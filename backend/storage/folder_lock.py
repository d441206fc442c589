"""One server for each data folder and each SQLite file: two schedulers on one queue would run
everything twice, and each would call the other's runs lost.

The operating system lets go of a lock when its holder ends, however it ends. Which process that
is stands in a file beside it, since some releases of ``filelock`` empty the file they lock.
"""

from __future__ import annotations

import os
import platform
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

from filelock import FileLock, Timeout
from sqlalchemy import make_url

from backend.settings import Settings
from backend.storage.database_file import database_file

# What the database of a data folder is called unless a setting says otherwise.
USUAL = "loraone.db"


class FolderInUseError(RuntimeError):
    """Another server has the data folder or the database, and which process that is."""


class FolderError(RuntimeError):
    """The data folder or the folder of the database cannot be used, and why."""


@contextmanager
def only_server(settings: Settings) -> Iterator[None]:
    """Hold the locks on the data folder and on the database.

    Raises FolderInUseError where another process does, FolderError where nothing can be written.
    With PostgreSQL servers share folder and queue; see :mod:`backend.scheduling.leadership`.
    """
    make_folder(settings.home)
    if make_url(settings.url).get_backend_name() != "sqlite":
        yield
        return
    locks = {settings.home.resolve() / "server.lock": settings.home}
    file = database_file(settings.url)
    if file is None:
        raise FolderError(
            f"LORAONE_DATABASE_URL = {settings.url!r}: a database in memory is gone with its "
            "connection, and every thread has one of its own; name a file"
        )
    make_folder(file.parent)
    _check_links(file)
    locks.setdefault(_beside(file), file)
    with ExitStack() as held:
        for lock, what in locks.items():
            held.enter_context(_held(lock, what))
        yield


def make_folder(folder: Path) -> None:
    """Make a folder that others cannot read; one that is there stays as it is.

    Raises FolderError where that cannot be.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    except (FileExistsError, NotADirectoryError) as error:
        raise FolderError(f"{folder} cannot be a folder: a file is in its place") from error
    except OSError as error:
        raise FolderError(f"the folder {folder} cannot be made: {error.strerror}") from error


def _beside(file: Path) -> Path:
    """The lock of a database. That of a data folder is its database's too, so that a server of an
    earlier release, which knows no other, is seen; on some disks case makes no other name."""
    usual = file.name.casefold() == USUAL
    return file.with_name("server.lock" if usual else f"{file.name}.lock")


def _check_links(file: Path) -> None:
    """SQLite finds the journal of a file by its name: under a second one it would not be found,
    and what it holds would be lost, or written over."""
    if file.is_file() and (links := file.stat().st_nlink) > 1:
        raise FolderError(
            f"the database {file} has {links} names (hard links), and SQLite keeps its journal "
            "under one of them; remove the others, or use a copy; allowed: 1 name"
        )


@contextmanager
def _held(path: Path, what: Path) -> Iterator[None]:
    lock = FileLock(path)
    process, host = path.with_suffix(".pid"), path.with_suffix(".host")
    try:
        os.close(os.open(path, os.O_RDWR | os.O_CREAT, 0o600))  # what is read-only says so here
        lock.acquire(blocking=False)
    except Timeout as error:
        raise FolderInUseError(
            f"another server (on {_said(host)}, process {_said(process)}) already uses {what}; "
            "stop it, or set LORAONE_HOME to another folder"
        ) from error
    except (OSError, NotImplementedError) as error:
        raise _unusable(path.parent, error) from error
    try:
        try:
            host.write_text(platform.node(), encoding="utf-8")
            process.write_text(str(os.getpid()), encoding="utf-8")
        except OSError as error:
            raise _unusable(path.parent, error) from error
        yield
    finally:
        for file in (process, host):
            with suppress(OSError):  # the disk may have gone read-only
                file.unlink(missing_ok=True)
        lock.release()


def _unusable(folder: Path, error: Exception) -> FolderError:
    reason = getattr(error, "strerror", None) or error
    return FolderError(f"the folder {folder} cannot be written: {reason}")


def _said(file: Path) -> str:
    """What the holder of a lock wrote of itself."""
    try:
        return file.read_text(encoding="utf-8").strip()[:100] or "unknown"
    except (OSError, UnicodeDecodeError):  # it has not said so yet, or no longer
        return "unknown"
