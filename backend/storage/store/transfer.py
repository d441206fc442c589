"""An experiment as one JSON document, and back: from one server to another without loss.

Ids are given anew on import. Files (adapters, directions) do not travel: what names them is left
out, and runs that had not ended are stored as cancelled. What comes in is somebody's file: it is
checked against the schema column by column before anything is stored.
"""

from __future__ import annotations

import base64
import binascii
from datetime import datetime
from typing import Any

from sqlalchemy import Column, select
from sqlalchemy.orm import Session

from backend.errors import FieldProblem, InvalidError
from backend.storage.column_types import UtcDateTime
from backend.storage.store import experiments, notes, settling, summaries
from backend.storage.store.runs import RESULTS
from backend.storage.tables import FINAL, ArtifactRow, Base, Experiment, Note, Run
from loraone.spec import stored

FORMAT = "loraone-experiment"
VERSION = 1
_TABLES = tuple(table for table in RESULTS if table is not ArtifactRow)
_OWN_IDS = ("id", "experiment_id", "run_id")
# Where a run stood in this server's queue says nothing on another one.
_QUEUE = ("not_before", "busy_seconds", "lane", "phase", "heartbeat_at", "last_seq", "priority")


# What follows from the runs of an experiment, or from the rest of a run, is derived anew.
_DERIVED = (*summaries.COLUMNS, *settling.COLUMNS, "device")


class TransferError(InvalidError):
    """The document is not an exported experiment; its problem's path says where it is wrong."""

    def __init__(self, path: str, message: str, allowed: str | None = None) -> None:
        super().__init__(FieldProblem(path, message, allowed=allowed))


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


def load(session: Session, document: Any) -> Experiment:
    """Store an exported experiment as a new one. Raises TransferError before anything is kept."""
    if not isinstance(document, dict) or document.get("format") != FORMAT:
        raise TransferError("format", "this is no exported experiment", FORMAT)
    if document.get("version") != VERSION:
        given = document.get("version")
        raise TransferError("version", f"{given!r} is not known to this release", str(VERSION))
    body = _in(Experiment, document.get("experiment"), "experiment")
    _check_spec(body["spec"])
    experiment = Experiment(**body)
    session.add(experiment)
    session.flush()
    tags = document.get("tags", [])
    if not isinstance(tags, list) or not all(isinstance(t, str) and 0 < len(t) <= 40 for t in tags):
        raise TransferError("tags", "must be a list of words", "1 to 40 characters each")
    experiments.set_tags(session, experiment.id, [tag.lower() for tag in tags])
    for i, row in enumerate(_list(document, "notes")):
        session.add(Note(experiment_id=experiment.id, **_in(Note, row, f"notes.{i}")))
    for i, row in enumerate(_list(document, "runs")):
        _load_run(session, experiment.id, row, f"runs.{i}")
    session.flush()
    summaries.summarise(session, experiment)
    settling.settle(session, experiment.id)
    return experiment


def _check_spec(document: Any) -> None:
    """Refuse what no release stored. A method that is not installed here, or a value that today's
    rules refuse, may well be an experiment of another server: it is shown, and not launched."""
    if not isinstance(document, dict):
        raise TransferError("experiment.spec", "must be a mapping of fields")
    spec = stored.experiment(document)
    for problem in spec.malformed:
        raise TransferError(f"experiment.spec.{problem['path']}", problem["message"])
    if not all(isinstance(method, dict) for method in spec.document["methods"]):
        raise TransferError("experiment.spec.methods", "must be a list of mappings, as is stored")


def _load_run(session: Session, experiment_id: int, row: Any, path: str) -> None:
    results = row.pop("results", {}) if isinstance(row, dict) else {}
    body = _in(Run, row, path)
    if body.get("status") not in FINAL:
        body |= {"status": "cancelled", "reason": "it had not ended when it was exported"}
    run = Run(experiment_id=experiment_id, **body)
    session.add(run)
    session.flush()
    known = {table.__tablename__: table for table in _TABLES}
    if not isinstance(results, dict) or not set(results) <= set(known):
        raise TransferError(f"{path}.results", "has unknown tables", ", ".join(known))
    for name, rows in results.items():
        if not isinstance(rows, list):
            raise TransferError(f"{path}.results.{name}", "must be a list")
        for j, cells in enumerate(rows):
            values = _in(known[name], cells, f"{path}.results.{name}.{j}")
            session.add(known[name](run_id=run.id, **values))


def _list(document: dict[str, Any], name: str) -> list[Any]:
    items = document.get(name, [])
    if not isinstance(items, list):
        raise TransferError(name, "must be a list")
    return items


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
    return value.isoformat() if isinstance(value, datetime) else value


def _in(table: type[Base], row: Any, path: str) -> dict[str, Any]:
    """The values of a row, each checked against its column."""
    if not isinstance(row, dict):
        raise TransferError(path, "must be a mapping of fields")
    columns = _columns(table)
    unknown = set(row) - set(columns)
    if unknown:
        raise TransferError(f"{path}.{min(unknown)}", "is no field of it", ", ".join(columns))
    values = {}
    for name, column in columns.items():
        value = row.get(name)
        if name not in row and (column.default is not None or column.nullable):
            continue
        values[name] = _unpack(column, value, f"{path}.{name}")
    return values


def _unpack(column: Column[Any], value: Any, path: str) -> Any:
    if value is None:
        if column.nullable:
            return None
        raise TransferError(path, "is missing")
    kind = datetime if isinstance(column.type, UtcDateTime) else column.type.python_type
    try:
        if kind is bytes:
            return base64.b64decode(value, validate=True)
        if kind is datetime:
            return datetime.fromisoformat(value)
    except (TypeError, ValueError, binascii.Error) as error:
        raise TransferError(path, f"is no {kind.__name__}") from error
    if kind is float and isinstance(value, int) and not isinstance(value, bool):
        return float(value)
    if kind in (dict, list):
        fits = isinstance(value, dict | list)
    else:
        fits = isinstance(value, kind) and not (kind is int and isinstance(value, bool))
    length = getattr(column.type, "length", None)
    if not fits or (length is not None and len(value) > length):
        raise TransferError(path, f"{value!r:.60} does not fit", f"{kind.__name__}, {column.type}")
    return value
