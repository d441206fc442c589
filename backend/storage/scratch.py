"""Folders for what is not finished. They go with the process that uses them, however it ends: one
that is killed lets go of its lock, and whoever works in the same place next removes what it left.
"""

from __future__ import annotations

import fcntl
import os
import shutil
import stat
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

PREFIX = ".loraone-"
# Of actors on the nodes of a cluster, in the folder for temporary files.
RAY_SCRATCH = "loraone-ray-"
# A folder gets its name at once; one without is nobody's after this time.
UNNAMED_S = 3600


@contextmanager
def scratch(beside: Path, prefix: str = PREFIX) -> Iterator[Path]:
    """A folder in the folder ``beside``, on the same disk, so that what is ready there moves in one
    step; removed at the end. Raises OSError where it cannot be made."""
    folder, lock = keep(beside, prefix)
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)
        os.close(lock)


def keep(beside: Path, prefix: str = PREFIX) -> tuple[Path, int]:
    """A scratch folder that lives as long as this process, or until its lock is closed."""
    sweep(beside, prefix)
    # It has its name only when it is locked: without a lock it would be swept.
    new = Path(tempfile.mkdtemp(prefix=f".new{prefix}", dir=beside))
    lock = os.open(new, os.O_RDONLY | os.O_DIRECTORY)
    with suppress(OSError):  # some network disks have no locks; what they hold is never swept
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    folder = new.with_name(new.name.removeprefix(".new"))
    new.rename(folder)
    return folder, lock


def sweep(
    beside: Path, prefix: str = PREFIX, first: Callable[[Path], None] = lambda folder: None
) -> int:
    """Remove the scratch folders of dead processes of this user, and say how many there were.

    ``first`` is called with each before: what was half moved out of it is put right there.
    """
    removed = 0
    for folder in sorted(beside.glob(f"{prefix}*")):
        with suppress(OSError):  # gone meanwhile, or somebody else's
            found = folder.lstat()
            if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.geteuid():
                continue
            lock = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)  # refused by a living process
                first(folder)
                shutil.rmtree(folder, ignore_errors=True)
                removed += 1
            finally:
                os.close(lock)
    for folder in beside.glob(f".new{prefix}*"):  # killed before it had its name
        with suppress(OSError):
            if time.time() - folder.lstat().st_mtime > UNNAMED_S:
                folder.rmdir()
                removed += 1
    return removed
