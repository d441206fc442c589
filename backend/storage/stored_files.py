"""Files that rows of the database name: they lie where such files belong, or are not touched.

A database may come from somebody else, by a restored backup. A path out of a row is therefore not
believed: it is resolved and compared, and what it leads to is opened only where it is a plain file.
"""

from __future__ import annotations

import os
import shutil
import stat
import time
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path, PurePosixPath
from typing import IO

# Of folders in each other; a run writes one or two.
DEEPEST = 30


class StoredFileError(Exception):
    """A path or file is not what a run writes; the text is a sentence."""


def located(folder: Path, path: str) -> Path:
    """Where ``path`` of a row leads below ``folder``; there need not be anything.

    Raises StoredFileError for one that is no plain name below it, or leads out of it by a link.
    """
    parts = PurePosixPath(path).parts
    if not parts or path.startswith("/") or ".." in parts or not is_name(path):
        raise StoredFileError(f"{path!r:.200} is no path below {folder.name}")
    real, root = (folder / path).resolve(), folder.resolve()
    if real != root.joinpath(*parts):
        raise StoredFileError(f"{path!r:.200} leads through a link")
    return real


def is_name(path: str) -> bool:
    """Whether the system and a zip can have it: no NUL, UTF-8, parts of at most 255 bytes."""
    try:
        lengths = [len(part.encode()) for part in path.split("/")]
    except UnicodeEncodeError:
        return False
    return max(lengths) <= 255 and len(path) < 4000 and path.isprintable()


@contextmanager
def opened(file: Path) -> Iterator[IO[bytes]]:
    """A plain file to read; never a link, a pipe or a device, whatever stands there meanwhile.

    Raises StoredFileError for those, OSError where nothing can be read.
    """
    try:
        number = os.open(file, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError as error:
        if file.is_symlink() or (file.exists() and not file.is_file()):
            raise StoredFileError(f"{file.name} is no plain file") from error
        raise
    with os.fdopen(number, "rb") as found:
        if not stat.S_ISREG(os.fstat(number).st_mode):
            raise StoredFileError(f"{file.name} is no plain file")
        yield found


def plain_files(folder: Path) -> list[tuple[str, Path]]:
    """All files below a folder with their paths in it, in order; one file gives itself, as ".".

    Raises StoredFileError for a link, a pipe, a device, or a name that is not UTF-8.
    """
    found: list[tuple[str, Path]] = []
    _walk(folder, "", found)
    return found


def _walk(path: Path, inside: str, found: list[tuple[str, Path]]) -> None:
    mode = path.lstat().st_mode
    if stat.S_ISREG(mode):
        found.append((inside or ".", path))
    elif stat.S_ISDIR(mode) and inside.count("/") < DEEPEST:
        for part in sorted(path.iterdir()):
            if not is_name(part.name):
                raise StoredFileError(f"{part.name!a} is no name that a run gives")
            _walk(part, f"{inside}/{part.name}" if inside else part.name, found)
    else:
        raise StoredFileError(f"{inside or path.name} is no plain file")


def write_zip(folder: Path, into: IO[bytes]) -> None:
    """All files below a folder as a zip. Raises StoredFileError before anything is written where
    one of them is no plain file."""
    files = plain_files(folder)
    with zipfile.ZipFile(into, "w", zipfile.ZIP_DEFLATED) as packed:
        for inside, path in files:
            with opened(path) as source:
                written = time.localtime(os.fstat(source.fileno()).st_mtime)
                # A zip knows no year before 1980, as of a clock that was never set.
                when = max(written[:6], (1980, 1, 1, 0, 0, 0))
                info = zipfile.ZipInfo(inside, when)
                info.compress_type = zipfile.ZIP_DEFLATED
                info.external_attr = 0o600 << 16
                with packed.open(info, "w", force_zip64=True) as target:
                    shutil.copyfileobj(source, target, 1 << 20)
