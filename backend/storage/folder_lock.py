"""One server for each data folder: two schedulers on one queue would run everything twice.

The operating system lets go of the lock when its holder ends, however it ends. Which process that
is stands in a file beside it, since some releases of ``filelock`` empty the file they lock.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock, Timeout

from backend.settings import Settings


class FolderInUseError(RuntimeError):
    """Another server has the data folder, and which process that is."""


@contextmanager
def only_server(settings: Settings) -> Iterator[None]:
    """Hold the lock on the data folder. Raises FolderInUseError where another process does.

    With PostgreSQL servers share folder and queue; see :mod:`backend.scheduling.leadership`.
    """
    home = settings.home
    home.mkdir(parents=True, exist_ok=True)
    if not settings.url.startswith("sqlite"):
        yield
        return
    lock, holder = FileLock(home / "server.lock"), home / "server.pid"
    try:
        lock.acquire(blocking=False)
    except Timeout as error:
        raise FolderInUseError(
            f"another server (process {_number(holder)}) already uses {home}; "
            "stop it, or set LORAONE_HOME to another folder"
        ) from error
    try:
        holder.write_text(str(os.getpid()), encoding="ascii")
        yield
    finally:
        holder.unlink(missing_ok=True)
        lock.release()


def _number(holder: Path) -> str:
    try:
        return holder.read_text(encoding="ascii").strip() or "unknown"
    except OSError:  # it has the lock, and has not said so yet, or no longer
        return "unknown"
