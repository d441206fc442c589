"""An experiment as one JSON document, and back: from one server to another without loss.

Ids are given anew on import. Files (adapters, directions) do not travel: what names them is left
out, and runs that had not ended are stored as cancelled. Trackers that its runs were mirrored to
are those of the server that it comes from: nobody here has asked that what is retried of it be
mirrored to this one's. What comes in is somebody's file: all of
it is checked (:mod:`.exported`) before anything is stored (:mod:`.incoming`).
"""

from __future__ import annotations

import base64
import json
import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import inspect, select
from sqlalchemy.orm import Session

from backend.errors import cut
from backend.storage.database import Database
from backend.storage.store import (
    comments,
    experiments,
    exported,
    incoming,
    notes,
    settling,
    summaries,
)
from backend.storage.store.exported import FORMAT, VERSION, Limits
from backend.storage.store.runs import RESULTS
from backend.storage.tables import ArtifactRow, Base, Experiment, Run

_TABLES = tuple(table for table in RESULTS if table is not ArtifactRow)
# That are read at a time; each may be all directions of all layers.
_ROWS = 10
# Of the names of trackers, in letters.
_MOST_NAMES = 200
_OWN_IDS = ("id", "experiment_id", "run_id")
# Who owns it on this server, and where a run stood in its queue, says nothing on another one.
_PEOPLE = ("owner_id", "private", "person_id", "mentions")
_QUEUE = (
    "not_before",
    "busy_seconds",
    "lane",
    "phase",
    "heartbeat_at",
    "last_seq",
    "priority",
    "reached",
    "preempted",
)

# What follows from the runs of an experiment, or from the rest of a run, is derived anew.
_DERIVED = (*summaries.COLUMNS, *settling.COLUMNS, "device")


def parts(session: Session, experiment: Experiment) -> Iterator[str]:
    """Everything that is stored of an experiment, apart from files, as pieces of one JSON text: no
    more of it is in memory at a time than a run without its results, or ``_ROWS`` of these."""
    tags = list(experiments.tags(session, [experiment.id])[experiment.id])
    head = {"format": FORMAT, "version": VERSION, "experiment": _out(experiment), "tags": tags}
    yield json.dumps(head)[:-1]
    yield ', "notes": ['
    yield from _joined(json.dumps(_out(note)) for note in notes.history(session, experiment.id))
    mine = select(Run.id).where(Run.experiment_id == experiment.id).order_by(Run.id)
    ids = list(session.scalars(mine))
    if comments.count(session, experiment.id):  # earlier releases know none
        yield '], "comments": ['
        yield from _joined(_comments(session, experiment.id, ids))
    yield '], "runs": ['
    for i, run_id in enumerate(ids):
        run = session.get_one(Run, run_id)
        yield (", " if i else "") + json.dumps(_out(run))[:-1] + ', "results": {'
        session.expunge(run)
        for j, table in enumerate(_TABLES):
            yield (", " if j else "") + f'"{table.__tablename__}": ['
            yield from _joined(_rows(session, table, run_id))
            yield "]"
        yield "}}"
    yield "]}"


def _comments(session: Session, experiment_id: int, run_ids: list[int]) -> Iterator[str]:
    """Its comments, with the places of the runs that they are on."""
    places: dict[int | None, int] = {run_id: place for place, run_id in enumerate(run_ids)}
    for comment in comments.all_of(session, experiment_id):
        yield json.dumps({**_out(comment), "run": places.get(comment.run_id)})


def _rows(session: Session, table: type[Base], run_id: int) -> Iterator[str]:
    """A run's rows of a table, some at a time, each time without the brackets of a list."""
    columns = _columns(table)
    mine = table.__table__.c.run_id == run_id
    rows_of = select(*columns.values()).where(mine).order_by(*inspect(table).primary_key)
    found = session.execute(rows_of, execution_options={"yield_per": _ROWS})
    for rows in found.partitions():
        packed = [dict(zip(columns, map(_pack, row), strict=True)) for row in rows]
        yield json.dumps(packed)[1:-1]


def _joined(texts: Iterable[str]) -> Iterator[str]:
    for i, text in enumerate(texts):
        yield f", {text}" if i else text


@dataclass(frozen=True)
class Taken:
    """The number of an experiment that came in, and sentences about what was left out of it."""

    key: int
    left_out: tuple[str, ...] = ()


def load(
    database: Database, document: Any, limits: Limits, admit: incoming.Admit | None = None
) -> Taken:
    """Store an exported experiment as a new one. ``admit`` says whose.

    Raises TransferError before anything is stored where a part is wrong.
    """
    read = exported.read(document, limits)
    trackers = read.experiment["spec"].get("report_to")
    if trackers:
        read.experiment["spec"] = read.experiment["spec"] | {"report_to": []}
    left_out = [_not_mirrored(trackers)] if trackers else []
    return Taken(incoming.store(database, read, admit), tuple(left_out))


def _not_mirrored(trackers: list[str]) -> str:
    names = cut(", ".join(trackers), _MOST_NAMES)
    return (
        f"report_to ({names}) is left out: runs that are retried here are mirrored nowhere; "
        "whoever launches it as a template may choose trackers of this server"
    )


def _columns(table: type[Base]) -> dict[str, Any]:
    left_out = (*_OWN_IDS, *_DERIVED, *_PEOPLE, *(_QUEUE if table is Run else ()))
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
