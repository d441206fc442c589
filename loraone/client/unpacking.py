"""Archives of a server, unpacked below one folder: as a whole, or not at all.

A server is not believed: a name that leads out of the folder, a link, a name that stands twice or
more than the disk has room for is refused before anything is written.
"""

from __future__ import annotations

import shutil
import stat
import tempfile
import zipfile
import zlib
from pathlib import Path, PurePosixPath
from typing import IO

from loraone.client.errors import UnsafeArchiveError

MOST_FILES = 10_000
# Of an adapter's weights deflate takes away a tenth; of what is made to fill a disk, all.
MOST_SHRUNK = 200
_SMALL = 1_000_000


def empty_folder(folder: Path) -> Path:
    """``folder`` as a full path; there is nothing in it. Raises FileExistsError where there is."""
    real = folder.resolve()
    if real.exists() and (not real.is_dir() or any(real.iterdir())):
        raise FileExistsError(f"{folder} exists already: name a folder that is empty or new")
    real.parent.mkdir(parents=True, exist_ok=True)
    return real


def unpack(archive: IO[bytes], folder: Path) -> None:
    """Unpack a zip into ``folder``, which :func:`empty_folder` gave.

    Raises UnsafeArchiveError for one that no run of a server wrote.
    """
    scratch = Path(tempfile.mkdtemp(dir=folder.parent, prefix=f".{folder.name}-"))
    try:
        with zipfile.ZipFile(archive) as packed:
            for info in _checked(packed, scratch):
                target = scratch.joinpath(*PurePosixPath(info.filename).parts)
                if info.is_dir():
                    target.mkdir(parents=True, exist_ok=True)
                    continue
                target.parent.mkdir(parents=True, exist_ok=True)
                with packed.open(info) as source, target.open("xb") as written:
                    shutil.copyfileobj(source, written, 1 << 20)
        scratch.chmod(0o755)
        scratch.replace(folder)
    except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError) as error:
        raise UnsafeArchiveError(f"the archive cannot be read: {error}") from error
    finally:
        shutil.rmtree(scratch, ignore_errors=True)


def _checked(packed: zipfile.ZipFile, scratch: Path) -> list[zipfile.ZipInfo]:
    infos = packed.infolist()
    if len(infos) > MOST_FILES:
        raise UnsafeArchiveError(
            f"the archive has {len(infos)} files; allowed: up to {MOST_FILES}", value=len(infos)
        )
    for info in infos:
        if reason := _reason_against(info):
            name = info.filename
            raise UnsafeArchiveError(f"the archive names {name!r:.200}: {reason}", value=name)
    names = [PurePosixPath(info.filename.casefold()) for info in infos]
    if len(set(names)) < len(names):
        raise UnsafeArchiveError("the archive names a file twice")
    files = {name for name, info in zip(names, infos, strict=True) if not info.is_dir()}
    if any(parent in files for name in names for parent in name.parents):
        raise UnsafeArchiveError("the archive has a folder that is a file too")
    size, free = sum(info.file_size for info in infos), shutil.disk_usage(scratch).free
    if size > free:
        message = f"the archive unpacks to {size} bytes, of which the disk has {free}"
        raise UnsafeArchiveError(message, value=size, allowed=f"up to {free}")
    return infos


def _reason_against(info: zipfile.ZipInfo) -> str | None:
    """Why something of an archive is not unpacked, if so."""
    name, mode = info.orig_filename, info.external_attr >> 16
    parts = PurePosixPath(name).parts
    # A backslash or a colon leads elsewhere on Windows; zipfile cuts a name at NUL.
    if not parts or name.startswith("/") or ".." in parts or set(name) & set("\\:\0"):
        return "that is no name below a folder"
    if not name.isprintable() or any(len(part.encode()) > 255 for part in parts):
        return "that is no name of a file"
    if stat.S_IFMT(mode) not in (0, stat.S_IFREG, stat.S_IFDIR):
        return "that is a link or a device"
    if info.file_size > _SMALL and info.file_size > MOST_SHRUNK * info.compress_size:
        return f"{info.compress_size} bytes would be {info.file_size}"
    return None
