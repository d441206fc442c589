"""Starting points that workers share through a folder, so that each gradient is taken once.

One safetensors file for each part (the start, the triplets of one count, …) under a key that names
all it depends on. Whoever is first computes it under a lock; the others wait and read. A file that
cannot be read counts as not there.
"""

from __future__ import annotations

import fcntl
import json
import logging
import os
import shutil
import time
from collections.abc import Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from typing import IO, Any

from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor

from loraone.events import Progress

log = logging.getLogger(__name__)

WAIT_S = 0.5


class Share:
    """The parts under one key; with no folder nothing is shared and nobody waits."""

    def __init__(self, folder: Path | None, key: str) -> None:
        self._folder = folder
        self._key = key
        self._lock: IO[str] | None = None

    def turn(self, phase: str) -> Iterator[Progress]:
        """Wait until no other worker computes parts of this key; :meth:`done` ends the turn."""
        if self._folder is None:
            return
        self._folder.mkdir(parents=True, exist_ok=True)
        self._lock = (self._folder / f"{self._key}.lock").open("a")
        while True:
            try:
                fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                return
            except BlockingIOError:
                yield Progress(phase, 0, 1, "another lane computes it")
                time.sleep(WAIT_S)

    def done(self) -> None:
        """Let the others have their turn."""
        if self._lock is not None:
            self._lock.close()
            self._lock = None

    def read(self, part: str) -> tuple[dict[str, Tensor], Any] | None:
        """A part's tensors, and what was written beside them; None where there is none."""
        file = self._file(part)
        if file is None or not file.is_file():
            return None
        try:
            with safe_open(file, framework="pt") as opened:
                beside = json.loads(opened.metadata()["beside"])
                found = {name: opened.get_tensor(name) for name in opened.keys()}  # noqa: SIM118
            os.utime(file)  # what is used stays
        except (SafetensorError, OSError, KeyError, TypeError, ValueError) as error:
            log.warning("%s cannot be read and is computed anew: %s", file.name, error)
            return None
        return found, beside

    def write(self, part: str, tensors: Mapping[str, Tensor], beside: Any) -> None:
        """Keep a part for the others. Where there is no space for it they compute it too."""
        file = self._file(part)
        if file is None:
            return
        size = sum(tensor.numel() * tensor.element_size() for tensor in tensors.values())
        if shutil.disk_usage(file.parent).free < 2 * size + 10**9:
            log.warning("no disk space to share %d bytes of gradients", size)
            return
        ready = _apart(tensors)
        new = file.with_suffix(f".{os.getpid()}.new")
        try:
            save_file(ready, new, metadata={"beside": json.dumps(beside)})
            new.replace(file)
        except (SafetensorError, OSError) as error:
            log.warning("%s could not be shared: %s", file.name, error)
        finally:
            with suppress(OSError):
                new.unlink(missing_ok=True)

    def _file(self, part: str) -> Path | None:
        return None if self._folder is None else self._folder / f"{self._key}.{part}.safetensors"


def _apart(tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Each tensor in memory of its own: what is part of another's cannot be written as it is."""
    found: dict[str, Tensor] = {}
    seen: set[int] = set()
    for name, tensor in tensors.items():
        here = tensor.detach().cpu().contiguous()
        storage = here.untyped_storage()
        own = storage.nbytes() == here.numel() * here.element_size()
        found[name] = here if own and storage.data_ptr() not in seen else here.clone()
        seen.add(storage.data_ptr())
    return found
