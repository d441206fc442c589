"""What a server stores is its user's alone.

New files are made so whatever the umask. What an earlier release made for all to read is tightened
when a server starts. A mode that shuts others out and lets the group in was chosen by somebody, and
stays; the data folder itself, if it was there before, stays too.
"""

from __future__ import annotations

import os
import stat
from contextlib import suppress
from pathlib import Path

from backend.settings import Settings
from backend.storage.database_file import BESIDE, database_file

OTHERS, SHARED = 0o007, 0o077
# The file of the key that addresses of notices are encrypted with.
NOTICE_KEY = "notice-key"


def tighten(settings: Settings) -> list[Path]:
    """Take what all could read from group and others; the paths that were changed."""
    home = settings.home
    paths = [settings.artifacts, settings.logs, home / "gradients", settings.checkpoints]
    paths += [home / name for name in ("device-benchmark.json", "calibration.json", NOTICE_KEY)]
    database = database_file(settings.url)
    if database is not None:
        paths += [database, *(database.with_name(database.name + end) for end in BESIDE)]
    changed = []
    for path in paths:
        with suppress(OSError):  # not there, or somebody else's
            found = path.stat()
            mode = stat.S_IMODE(found.st_mode)
            if mode & OTHERS and found.st_uid == os.geteuid():
                path.chmod(mode & ~SHARED)
                changed.append(path)
    return changed
