"""Stored rows that hold what no release wrote, such as hostile imports that earlier ones took in.

They are repaired as they are read, which is said beside what is left of them, and kept as they are.

Every reader of a run or an experiment is so given what it expects, and no list or page fails for
the sake of one row.
"""

from __future__ import annotations

import json
import math
import re
from typing import Any

from pydantic import BaseModel, ConfigDict, FiniteFloat, TypeAdapter, ValidationError
from sqlalchemy import event
from sqlalchemy.orm.attributes import set_committed_value

from backend.storage.failure import Failure
from backend.storage.tables import IMPORTING, STATUSES, WARNING, Experiment, Run

# A spec of which nothing can be read; no release knows its version, so that none launches it.
_NO_SPEC: dict[str, Any] = {"version": 0}
_NO_ERROR = {
    "code": "damaged",
    "message": "stored data is damaged: the error of this run cannot be read",
}
_HALF = re.compile(r"\\u[dD][89a-fA-F]")


def loads(text: str | bytes) -> Any:
    """A stored JSON value without what no answer can have: numbers that are none, and halves of
    characters."""
    value = json.loads(text, parse_constant=lambda _: None)
    if isinstance(text, bytes):
        text = text.decode("utf-8", "replace")
    return _whole(value) if _HALF.search(text) else value


def _whole(value: Any) -> Any:
    if isinstance(value, str):
        return value.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    if isinstance(value, dict):
        return {_whole(name): _whole(inner) for name, inner in value.items()}
    return [_whole(inner) for inner in value] if isinstance(value, list) else value


class _Shape(BaseModel):
    model_config = ConfigDict(strict=True)


class _Environment(_Shape):
    packages: dict[str, Any] = {}
    device: str | None = None


class _Layers(_Shape):
    names: list[str]
    out_features: list[int]
    in_features: list[int]


class _Run(_Shape):
    """The shape of a run's columns, of those that are read."""

    spec: dict[str, Any] = {}
    learning_rate: FiniteFloat = 0.0
    error: Failure | None = None
    environment: _Environment | None = None
    layers: _Layers | None = None
    notes: list[str] = []
    init_scalars: dict[str, FiniteFloat] | None = None
    summary: dict[str, FiniteFloat | None] | None = None


class _Best(_Shape):
    """What is kept of an experiment's best method; derived again where it cannot be read."""

    model_config = ConfigDict(strict=True, extra="forbid")

    label: str
    learning_rate: FiniteFloat
    metric: str
    value: FiniteFloat
    seeds: int
    failed: int


_BEST: TypeAdapter[Any] = TypeAdapter(_Best | None)
_FIELDS = tuple(_Run.model_fields)
_SIDES = tuple(_Layers.model_fields)


@event.listens_for(Run, "load")
@event.listens_for(Run, "refresh")
def _on_run(run: Run, *_: Any) -> None:
    """Repair it, and say so in its notes, as a warning."""
    row = run.__dict__
    present = {name: row[name] for name in _FIELDS if name in row}
    damaged = []
    try:
        _Run.model_validate(present)
    except ValidationError as error:
        damaged = list(dict.fromkeys(str(item["loc"][0]) for item in error.errors()))
    layers = present.get("layers")
    if layers and "layers" not in damaged and len({len(layers[side]) for side in _SIDES}) != 1:
        damaged.append("layers")
    if "status" in row and row["status"] not in (*STATUSES, IMPORTING):
        damaged.append("status")
    for name in damaged:
        set_committed_value(run, name, _repaired(name, row[name], row.get("status")))
    if damaged and "notes" in row:
        said = f"{WARNING}stored data is damaged: {', '.join(damaged)} of this run cannot be read"
        set_committed_value(run, "notes", [said, *row["notes"]])


def _repaired(name: str, value: Any, status: str | None) -> Any:
    """What can be kept of a damaged value."""
    if name == "spec":
        return _NO_SPEC
    if name == "status":
        return "cancelled"
    if name == "learning_rate":
        return 0.0
    if name == "error":
        return _NO_ERROR if status == "failed" else None
    if name == "notes":
        return [note for note in value if isinstance(note, str)] if isinstance(value, list) else []
    if name == "environment" and isinstance(value, dict):
        return {key: each for key, each in value.items() if key not in ("packages", "device")}
    if name in ("summary", "init_scalars") and isinstance(value, dict):
        kept = {key: each for key, each in value.items() if _is_number(each)}
        return dict.fromkeys(value) | kept if name == "summary" else kept
    return None


def _is_number(value: Any) -> bool:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return False
    try:
        return math.isfinite(value)
    except OverflowError:  # a whole number beyond all floats
        return False


@event.listens_for(Experiment, "load")
@event.listens_for(Experiment, "refresh")
def _on_experiment(experiment: Experiment, *_: Any) -> None:
    if not isinstance(experiment.__dict__.get("spec", {}), dict):
        set_committed_value(experiment, "spec", _NO_SPEC)
    try:
        _BEST.validate_python(experiment.__dict__.get("best"))
    except ValidationError:
        set_committed_value(experiment, "best", None)
        set_committed_value(experiment, "settled", False)
