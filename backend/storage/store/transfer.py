"""An experiment as one JSON document, and back: from one server to another without loss.

Ids are given anew on import. Files (adapters, directions) do not travel: what names them is left
out, and runs that had not ended are stored as cancelled. What comes in is somebody's file: all of
it is checked (:mod:`.exported`) before anything is stored (:mod:`.incoming`).
"""

from __future__ import annotations

import base64
import math
from datetime import datetime
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from backend.storage.database import Database
from backend.storage.store import experiments, exported, incoming, notes, settling, summaries
from backend.storage.store.exported import FORMAT, VERSION, Limits
from backend.storage.store.runs import RESULTS
from backend.storage.tables import ArtifactRow, Base, Experiment, Run

_TABLES = tuple(table for table in RESULTS if table is not ArtifactRow)
_OWN_IDS = ("id", "experiment_id", "run_id")
# Where a run stood in this server's queue says nothing on another one.
_QUEUE = ("not_before", "busy_seconds", "lane", "phase", "heartbeat_at", "last_seq", "priority")

# What follows from the runs of an experiment, or from the rest of a run, is derived anew.
_DERIVED = (*summaries.COLUMNS, *settling.COLUMNS, "device")


def dump(session: Session, experiment: Experiment) -> dict[str, Any]:
    """Everything that is stored of an experiment, apart from files."""
    runs = experiments.runs(session, experiment.id)
    return {
        "format": FORMAT,
        "version": VERSION,
        "experiment": _out(experiment),
        "tags": list(experiments.tags(session, [experiment.id])[experiment.id]),
        "notes": [_out(note) for note in reversed(notes.versions(session, experiment.id))],
        "runs": [
            _out(run)
            | {
                "results": {
                    table.__tablename__: [
                        _out(row)
                        for row in session.scalars(select(table).where(table.run_id == run.id))
                    ]
                    for table in _TABLES
                }
            }
            for run in runs
        ],
    }


def load(database: Database, document: Any, limits: Limits) -> int:
    """Store an exported experiment as a new one, and say its number.

    Raises TransferError before anything is stored where a part is wrong.
    """
    return incoming.store(database, exported.read(document, limits))


def _columns(table: type[Base]) -> dict[str, Any]:
    left_out = (*_OWN_IDS, *_DERIVED, *(_QUEUE if table is Run else ()))
    columns = table.__table__.columns
    return {column.name: column for column in columns if column.name not in left_out}


def _out(row: Base) -> dict[str, Any]:
    """A row as JSON-able data."""
    return {name: _pack(getattr(row, name)) for name in _columns(type(row))}


def _pack(value: Any) -> Any:
    if isinstance(value, bytes):
        return base64.b64encode(value).decode("ascii")
    if isinstance(value, float) and not math.isfinite(value):
        return None  # PostgreSQL keeps what JSON has no word for
    return value.isoformat() if isinstance(value, datetime) else value
