"""Writes the tar of a backup: its manifest, which says what the other members are, and those."""

from __future__ import annotations

import hashlib
import io
import json
import os
import tarfile
from dataclasses import asdict, replace
from pathlib import Path
from typing import IO

from backend.storage.manifests import MANIFEST, Manifest, Member
from backend.storage.stored_files import opened

# A file of up to this size, such as a log that is written meanwhile, is read in one go.
SMALL = 4_000_000


def pack(file: IO[bytes], manifest: Manifest, files: list[tuple[str, Path]]) -> Manifest:
    """Write the tar. Its first member says what the others are; its place is kept until then."""
    widest = {name: Member(10**18, "0" * 64) for name, _ in files}
    room = len(_body(replace(manifest, members=widest)))
    members: dict[str, Member] = {}
    with tarfile.open(fileobj=file, mode="w", format=tarfile.PAX_FORMAT) as tar:
        tar.addfile(_info(MANIFEST, room), io.BytesIO(b" " * room))
        for name, path in files:
            try:
                with opened(path) as source:
                    members[name] = _add(tar, name, source)
            except FileNotFoundError:  # retried since the list was made
                continue
    complete = replace(manifest, members=members)
    file.seek(tarfile.BLOCKSIZE)
    file.write(_body(complete).ljust(room))
    return complete


def _body(manifest: Manifest) -> bytes:
    return json.dumps(asdict(manifest)).encode()


def _add(tar: tarfile.TarFile, name: str, source: IO[bytes]) -> Member:
    size = os.fstat(source.fileno()).st_size
    if size <= SMALL:
        content = source.read(SMALL)
        size, source = len(content), io.BytesIO(content)
    reading = _Hashing(source)
    tar.addfile(_info(name, size), reading)  # type: ignore[arg-type]
    return Member(size, reading.hash.hexdigest())


def _info(name: str, size: int) -> tarfile.TarInfo:
    info = tarfile.TarInfo(name)
    info.size, info.mode = size, 0o600
    return info


class _Hashing:
    """A file whose content is hashed as it is read."""

    def __init__(self, source: IO[bytes]) -> None:
        self._source = source
        self.hash = hashlib.sha256()

    def read(self, size: int) -> bytes:
        """The next bytes."""
        content = self._source.read(size)
        self.hash.update(content)
        return content
