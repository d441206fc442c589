"""Checkpoints that nobody goes on from are removed."""

from __future__ import annotations

import shutil
import time
from contextlib import suppress
from datetime import timedelta

from sqlalchemy import select

from backend.settings import Settings
from backend.storage.database import Database
from backend.storage.tables import ACTIVE, Run, now
from loraone.errors import CheckpointError

# A run that failed for what is no fault of its training goes on where it was when it is retried.
RETRIED = ("lost", "limit", "disk-full", "internal", CheckpointError.code)
WAITS = timedelta(days=7)
# On a node of a cluster nobody knows what became of a run: it was looked at within this time.
ABANDONED = timedelta(days=30)


def sweep(database: Database, settings: Settings) -> None:
    """Remove those of runs that have ended, or are gone, but for a while those of runs that failed
    for what is no fault of their training."""
    found = {}
    with suppress(OSError):  # none was ever kept
        found = {int(f.name): f for f in settings.checkpoints.iterdir() if f.name.isdecimal()}
    if not found:
        return
    columns = Run.id, Run.status, Run.error, Run.finished_at
    with database.read() as session:
        rows = session.execute(select(*columns).where(Run.id.in_(found))).all()
    for key, status, error, ended in rows:
        retried = status == "failed" and (error or {}).get("code") in RETRIED
        if status in ACTIVE or (retried and ended is not None and now() - ended < WAITS):
            del found[key]
    for folder in found.values():
        shutil.rmtree(folder, ignore_errors=True)


def trim(settings: Settings) -> None:
    """Remove those that nobody has written to for long, on a node that has no database."""
    with suppress(OSError):
        for folder in settings.checkpoints.iterdir():
            if time.time() - folder.stat().st_mtime > ABANDONED.total_seconds():
                shutil.rmtree(folder, ignore_errors=True)
