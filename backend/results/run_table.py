"""Runs as one table: what was asked of each, where it stands, and what came out."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import pandas as pd

from backend.results.basket import Basket
from backend.storage.tables import Run
from loraone.catalog import METRICS, SUMMARY
from loraone.spec import diff

Kind = Literal["run", "spec", "result"]

_RUN = {
    "run_id": "Run",
    "experiment_id": "Experiment",
    "label": "Series",
    "status": "Status",
    "lane": "Lane",
    "seconds": "Took",
}
_RESULTS = (*METRICS.values(), *SUMMARY.values())
# What people look at first: of the run and its spec these, and of its results what rows say.
_USUAL = ("run_id", "label", "rank", "learning_rate", "seed", "status")


@dataclass(frozen=True)
class Head:
    """A column: what it is about, and how it is headed."""

    name: str
    label: str
    unit: str
    kind: Kind


def heads() -> list[Head]:
    """All columns that a table of runs may have. A spec and a result may have the same name, the
    learning rate: the spec comes first and stands alone."""
    columns = [Head(name, label, "", "run") for name, label in _RUN.items()]
    columns += [Head(field.path, field.title, "", "spec") for field in diff.fields()]
    taken = {head.name for head in columns}
    columns += [
        Head(row.name, row.label, row.unit, "result") for row in _RESULTS if row.name not in taken
    ]
    return columns


def usual() -> list[str]:
    """The columns that a table shows unless others are asked for, in their order."""
    return [*_USUAL, *(row.name for row in _RESULTS if row.usual)]


def build(basket: Basket) -> tuple[pd.DataFrame, list[Head]]:
    """A row for each run of the basket; a column that no run has a value in is left out."""
    labels = dict(zip(basket.frame["run_id"], basket.frame["label"], strict=True))
    frame = pd.DataFrame([_row(run, labels[run.id]) for run in basket.rows])
    shown = [head for head in heads() if head.name in frame and frame[head.name].notna().any()]
    return frame[[head.name for head in shown]], shown


def _row(run: Run, label: str) -> dict[str, Any]:
    began, ended = run.started_at, run.finished_at
    results = {
        name: value for name, value in (run.summary or {}).items() if name != "learning_rate"
    }
    spec = diff.flat(run.spec)
    return {
        "run_id": run.id,
        "experiment_id": run.experiment_id,
        "label": label,
        "status": run.status,
        "lane": run.lane,
        "seconds": (ended - began).total_seconds() if began and ended else None,
        **results,
        **spec,
        "rank": run.rank,
    }
