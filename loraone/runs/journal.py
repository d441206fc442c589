"""What a run has said so far, in a file that only grows: a JSON line for each event."""

from __future__ import annotations

import errno
import hashlib
import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from loraone.events import Event, Progress, from_json, to_json
from loraone.linalg.packed import UnfitError


class Journal:
    """Holds what was said since the last :meth:`write`, and knows how much of its file counts."""

    def __init__(self, file: Path) -> None:
        self._file = file
        self._pending: list[bytes] = []
        self._bytes = 0
        self._digest = hashlib.sha256()

    def add(self, event: Event) -> None:
        """Remember it until the next :meth:`write`; how far a phase is is nobody's concern then."""
        if not isinstance(event, Progress):
            self._pending.append(json.dumps(to_json(event)).encode() + b"\n")

    def write(self) -> dict[str, Any]:
        """Write what is new; how much of the file counts, for :meth:`read`.

        Raises OSError where it cannot be written, or somebody has removed some of it. Nothing is
        forgotten then.
        """
        opened = os.open(self._file, os.O_WRONLY | os.O_CREAT, 0o600)
        with os.fdopen(opened, "wb") as file:
            if os.fstat(opened).st_size < self._bytes:
                raise OSError(errno.EIO, "what the run said before is gone", str(self._file))
            file.truncate(self._bytes)  # what was written in vain, or by an attempt that went on
            file.seek(self._bytes)
            file.writelines(self._pending)
            file.flush()
            os.fsync(file.fileno())
        for line in self._pending:
            self._digest.update(line)
            self._bytes += len(line)
        self._pending = []
        return {"bytes": self._bytes, "digest": self._digest.hexdigest()}

    @classmethod
    def read(cls, file: Path, counts: Mapping[str, Any]) -> tuple[Journal, list[Event]]:
        """The journal as it was when :meth:`write` gave ``counts``, and all that it holds.

        Raises UnfitError where that is not to be had any more.
        """
        with file.open("rb") as opened:
            data = opened.read(counts["bytes"])
        journal = cls(file)
        journal._bytes = len(data)
        journal._digest.update(data)
        if journal._digest.hexdigest() != counts["digest"]:
            raise UnfitError(f"{file.name} is damaged or cut short")
        return journal, [from_json(json.loads(line)) for line in data.splitlines()]
