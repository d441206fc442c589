"""Free disk space: warned of in time, and nothing new is begun on a disk that is almost full."""

from __future__ import annotations

import shutil
import time
from contextlib import suppress
from dataclasses import dataclass
from typing import Literal

from backend.settings import Settings

# A gradient is written within this time, or by nobody any more.
ABANDONED_S = 3600


@dataclass(frozen=True)
class State:
    """Where the disk stands, with a sentence for the page where there is something to say."""

    state: Literal["ok", "low", "full"]
    free: int
    sentence: str = ""


def read(settings: Settings) -> State:
    """The state of the disk that holds the data folder."""
    free = shutil.disk_usage(settings.home).free
    room = f"{free / 1e9:.3g} GB are free in {settings.home}"
    if free < settings.disk_stop_gb * 1e9:
        sentence = (
            f"The disk is almost full: {room}. No run is begun below "
            f"{settings.disk_stop_gb:g} GB (LORAONE_DISK_STOP_GB); what waits goes on when there "
            "is space again."
        )
        return State("full", free, sentence)
    if free < settings.disk_warn_gb * 1e9:
        return State("low", free, f"The disk is filling up: {room}.")
    return State("ok", free)


def trim(settings: Settings) -> None:
    """Drop the shared gradients that were not used for longest, down to what they may take."""
    folder = settings.gradients
    if folder is None or not folder.is_dir():
        return
    for file in folder.glob("*.new"):
        with suppress(OSError):  # of a worker that was killed while it wrote
            if time.time() - file.stat().st_mtime > ABANDONED_S:
                file.unlink()
    shared = []
    for file in folder.glob("*.safetensors"):
        with suppress(OSError):  # another server may trim too
            shared.append((file.stat().st_mtime, file.stat().st_size, file))
    total = sum(size for _, size, _ in shared)
    for _, size, file in sorted(shared):
        if total <= settings.gradients_gb * 1e9:
            return
        file.unlink(missing_ok=True)
        total -= size
