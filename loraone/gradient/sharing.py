"""Parts of starting points that workers share through a folder, so that each is computed once.

One safetensors file for each part (the start, the triplets of one count, …) under a key that names
all it depends on. Whoever is first computes it under a lock; the others wait and read. The lock is
the system's, so that of a worker that died is free at once. A file that cannot be read counts as
not there.
"""

from __future__ import annotations

import json
import logging
import os
import shutil
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any, TypeVar

from filelock import FileLock, Timeout
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor

from loraone.events import Progress
from loraone.linalg.packed import Packed, separate
from loraone.progress import Steps

log = logging.getLogger(__name__)

WAIT_S = 0.5
# What is left free on the disk, beside room for the file twice.
RESERVE = 10**9

T = TypeVar("T")


class SharedParts:
    """The parts under one key; with no folder nothing is shared and nobody waits."""

    def __init__(self, folder: Path | None, key: str) -> None:
        self._folder = folder
        self._key = key

    def get_or_compute(
        self,
        part: str,
        phase: str,
        compute: Callable[[], Steps[T]],
        pack: Callable[[T], Packed],
        unpack: Callable[[Mapping[str, Tensor], Any], T | None],
    ) -> Steps[T]:
        """What another worker computed, or else what ``compute`` gives, which is then shared.

        While another worker computes parts of this key, the progress of ``phase`` says so.
        ``unpack`` gives None where what is stored is not what is asked for.
        """
        if self._folder is None:
            return (yield from compute())
        lock = yield from self._lock(self._folder, phase)
        try:
            value = self._read(self._folder, part, unpack)
            if value is None:
                value = yield from compute()
                self._write(self._folder, part, *pack(value))
            return value
        finally:
            lock.release()

    def _lock(self, folder: Path, phase: str) -> Steps[FileLock]:
        """Wait until no other worker computes parts of this key."""
        folder.mkdir(parents=True, exist_ok=True)
        # Whichever thread goes on with the steps, it is one hold of one lock.
        lock = FileLock(folder / f"{self._key}.lock", thread_local=False)
        while True:
            try:
                lock.acquire(blocking=False)
                return lock
            except Timeout:
                yield Progress(phase, 0, 1, "another lane computes it")
                time.sleep(WAIT_S)

    def _read(
        self, folder: Path, part: str, unpack: Callable[[Mapping[str, Tensor], Any], T | None]
    ) -> T | None:
        file = self._file(folder, part)
        if not file.is_file():
            return None
        try:
            with safe_open(file, framework="pt") as opened:
                beside = json.loads(opened.metadata()["beside"])
                tensors = {name: opened.get_tensor(name) for name in opened.keys()}  # noqa: SIM118
            os.utime(file)  # what is used stays
            return unpack(tensors, beside)
        except (SafetensorError, OSError, KeyError, TypeError, ValueError) as error:
            log.warning("%s cannot be read and is computed anew: %s", file.name, error)
            return None

    def _write(self, folder: Path, part: str, tensors: Mapping[str, Tensor], beside: Any) -> None:
        """Keep a part for the others. Where there is no space for it they compute it too."""
        file = self._file(folder, part)
        size = sum(tensor.numel() * tensor.element_size() for tensor in tensors.values())
        if shutil.disk_usage(folder).free < 2 * size + RESERVE:
            log.warning("no disk space to share %d bytes of gradients", size)
            return
        write(file, separate(tensors), {"beside": json.dumps(beside)})

    def _file(self, folder: Path, part: str) -> Path:
        return folder / f"{self._key}.{part}.safetensors"


def write(
    file: Path, tensors: Mapping[str, Tensor], metadata: dict[str, str] | None = None
) -> None:
    """Keep tensors for others, as a whole or not at all; where there is no space they compute them
    too. No tensor may be part of another's memory."""
    new = file.with_suffix(f".{os.getpid()}.new")
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        save_file(dict(tensors), new, metadata=metadata)
        new.replace(file)
    except (SafetensorError, OSError) as error:
        log.warning("%s could not be kept: %s", file.name, error)
    finally:
        with suppress(OSError):
            new.unlink(missing_ok=True)
