"""The tar of a backup, read as what it may be: a file from somebody else.

Nothing is written before all of it was looked at. Only plain files and folders with the names that
a backup has are taken, each once; their sizes are compared with the file, the disk and, from format
2 on, the manifest, and their content with its checksums.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
import tarfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from pydantic import TypeAdapter, ValidationError

from backend.storage.manifests import DATABASE, FORMAT, MANIFEST, BackupError, Manifest
from backend.storage.stored_files import StoredFileError, is_name, opened

# Of a header that extends another, such as a long name. tarfile reads it at once.
MAX_HEADER = 1_000_000
MAX_MANIFEST = 200_000_000
MAX_MEMBERS = 1_000_000
_PIECE = 1 << 20
_NAME = re.compile(r"(artifacts|logs)(/[1-9][0-9]{0,18}(/.+)?)?")


def unpack(file: Path, folder: Path) -> Manifest:
    """Unpack a backup into an empty folder. Raises BackupError where it is none, or damaged."""
    try:
        with opened(file.resolve()) as source, _reading(source) as tar:
            members = _members(tar, os.fstat(source.fileno()).st_size)
            manifest = _manifest(tar, members)
            _check_listed(members, manifest)
            _check_space(members, folder)
            for member in members.values():
                _extract(tar, member, folder, manifest)
    except NoSpaceError:
        raise
    except OSError as error:
        if str(folder) in str(error.filename):
            raise  # of the disk that is written
        raise BackupError(f"{file} cannot be read: {error.strerror or error}") from error
    except (BackupError, StoredFileError, tarfile.TarError, ValueError, RecursionError) as error:
        raise BackupError(f"{file} is no backup, or is damaged: {error}") from error
    return manifest


class NoSpaceError(BackupError):
    """It may be a sound backup, but the disk has no space for it."""


@contextmanager
def _reading(source: IO[bytes]) -> Iterator[tarfile.TarFile]:
    with tarfile.open(fileobj=_Bounded(source), mode="r:") as tar:  # type: ignore[call-overload]
        yield tar


class _Bounded:
    """A file of which nobody can read very much at once."""

    def __init__(self, source: IO[bytes]) -> None:
        self._source = source
        self.seek, self.tell = source.seek, source.tell

    def read(self, size: int = -1) -> bytes:
        """The next bytes. Raises BackupError for more than a header may have."""
        if not 0 <= size <= max(MAX_HEADER, _PIECE):
            raise BackupError(f"it has a header of {size} bytes")
        return self._source.read(size)


def _members(tar: tarfile.TarFile, size: int) -> dict[str, tarfile.TarInfo]:
    members: dict[str, tarfile.TarInfo] = {}
    for member in tar:
        name = member.name
        _check_member(member)
        if name in members:
            raise BackupError(f"{name!r:.200} is in it twice")
        if member.offset_data + member.size > size:
            raise BackupError(f"it is cut off in {name!r:.200}")
        members[name] = member
        if len(members) > MAX_MEMBERS:
            raise BackupError(f"it has more than {MAX_MEMBERS} files")
    for name in members:
        above = members.get(name.rpartition("/")[0])
        if above is not None and not above.isdir():
            raise BackupError(f"{name!r:.200} is in what is a file")
    tar.fileobj.seek(tar.offset)
    if tar.fileobj.read(tarfile.BLOCKSIZE) != bytes(tarfile.BLOCKSIZE):
        raise BackupError("it has no end: it is cut off")
    return members


def _check_member(member: tarfile.TarInfo) -> None:
    name = member.name
    plain = member.type in (tarfile.REGTYPE, tarfile.AREGTYPE) and not member.issparse()
    if not (plain or member.type == tarfile.DIRTYPE) or member.pax_headers.get("GNU.sparse.major"):
        raise BackupError(f"{name!r:.200} is neither file nor folder; links are not taken")
    parts = name.split("/")
    named = name in (MANIFEST, DATABASE) if len(parts) == 1 and plain else _NAME.fullmatch(name)
    if not named or not is_name(name) or {"", ".", ".."} & set(parts) or len(parts) > 30:
        raise BackupError(f"{name!r:.200} is no name in a backup")
    if member.size < 0 or (member.size and not plain):
        raise BackupError(f"{name!r:.200} has {member.size} bytes")


def _manifest(tar: tarfile.TarFile, members: dict[str, tarfile.TarInfo]) -> Manifest:
    member = members.pop(MANIFEST, None)
    if member is None or member.size > MAX_MANIFEST:
        raise BackupError("there is no manifest in it")
    content = b"".join(_pieces(tar, member))
    body = json.loads(content)
    form = body.get("format") if isinstance(body, dict) else None
    if not isinstance(form, int) or isinstance(form, bool) or not 1 <= form <= FORMAT:
        raise BackupError(f"it has format {form!r:.50}; this release reads 1 to {FORMAT}")
    try:
        manifest = TypeAdapter(Manifest).validate_json(content, strict=True)
    except ValidationError as error:
        first = error.errors()[0]
        raise BackupError(f"its manifest is none: {first['loc']}: {first['msg']}") from error
    if DATABASE not in members:
        raise BackupError("there is no database in it")
    return manifest


def _check_listed(members: dict[str, tarfile.TarInfo], manifest: Manifest) -> None:
    """From format 2 on the manifest has every file, with its size."""
    if manifest.format == 1:
        return
    files = {name: member.size for name, member in members.items() if member.isreg()}
    listed = {name: member.bytes for name, member in manifest.members.items()}
    for name in sorted(files.keys() | listed.keys()):
        if files.get(name) != listed.get(name):
            raise BackupError(
                f"{name!r:.200} has {files.get(name, 'no')} bytes, and {listed.get(name, 'none')} "
                "by the manifest"
            )


def _check_space(members: dict[str, tarfile.TarInfo], folder: Path) -> None:
    needed = sum(member.size for member in members.values()) + 4096 * len(members)
    free = shutil.disk_usage(folder).free
    if needed > free:
        raise NoSpaceError(
            f"{folder.parent} has {free / 1e6:.1f} MB free, and {needed / 1e6:.1f} MB are needed"
        )


def _extract(
    tar: tarfile.TarFile, member: tarfile.TarInfo, folder: Path, manifest: Manifest
) -> None:
    target = folder / member.name
    for above in [*reversed(target.relative_to(folder).parents)][1:]:
        (folder / above).mkdir(mode=0o700, exist_ok=True)
    if member.isdir():
        target.mkdir(mode=0o700, exist_ok=True)
        return
    digest = hashlib.sha256()
    number = os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600)
    with os.fdopen(number, "wb", buffering=0) as written:
        for piece in _pieces(tar, member):
            digest.update(piece)
            _write(written, piece, folder)
    listed = manifest.members.get(member.name)
    if listed is not None and digest.hexdigest() != listed.sha256:
        raise BackupError(f"{member.name} is not what was backed up: its checksum differs")


def _write(file: IO[bytes], piece: bytes, folder: Path) -> None:
    try:
        while piece:
            piece = piece[file.write(piece) :]
    except OSError as error:
        raise NoSpaceError(
            f"nothing was restored: {folder.parent} cannot be written: {error.strerror}"
        ) from error


def _pieces(tar: tarfile.TarFile, member: tarfile.TarInfo) -> Iterator[bytes]:
    source = tar.extractfile(member)
    assert source is not None, "it is a plain file"
    left = member.size
    while left:
        piece = source.read(min(left, _PIECE))
        if not piece:
            raise BackupError(f"it is cut off in {member.name!r:.200}")
        left -= len(piece)
        yield piece
