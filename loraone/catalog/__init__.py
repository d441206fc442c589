"""What can be chosen: one row for each method, task, data source, metric and figure.

Rows name their implementation as ``"module:function"`` so that reading the catalogue, as the
server and the command line do, imports neither torch nor PEFT.
"""

from __future__ import annotations

from collections.abc import Callable
from pkgutil import resolve_name
from typing import Any

from loraone.catalog.discovery import discover
from loraone.catalog.quantities import (
    ALIGNMENT_MEASURES,
    COSTS,
    LAYER_METRICS,
    METRICS,
    OVERVIEW,
    SCALARS,
    SPECTRA,
    SUMMARY,
)
from loraone.catalog.quantity_rows import LayerMetric, Quantity, Result
from loraone.catalog.rows import FigureRow, Method, NoParams, Optimizer, Paper, Source, Task
from loraone.catalog.scanning import METHODS, register, register_all
from loraone.catalog.tasks import JUDGES, TASKS
from loraone.catalog.trackers import TRACKERS, Tracker

__all__ = [
    "ALIGNMENT_MEASURES",
    "COSTS",
    "FIGURES",
    "JUDGES",
    "LAYER_METRICS",
    "METHODS",
    "METRICS",
    "OPTIMIZERS",
    "OVERVIEW",
    "SCALARS",
    "SOURCES",
    "SPECTRA",
    "SUMMARY",
    "TASKS",
    "TRACKERS",
    "FigureRow",
    "LayerMetric",
    "Method",
    "NoParams",
    "Optimizer",
    "Paper",
    "Quantity",
    "Result",
    "Source",
    "Task",
    "Tracker",
    "register",
    "resolve",
]

OPTIMIZERS = discover("loraone.training.optimizers", Optimizer)

_ROWS_SOURCE = (
    Source(
        "stdlib-docstrings",
        "Docstrings of Python's standard library",
        "Real text that every Python has, labelled by its top-level package",
        "builtin:stdlib-docstrings",
        "loraone.inputs.data.docstrings:load",
    ),
    Source(
        "file",
        "A local file",
        "CSV, JSON or Parquet with named columns",
        "",
        "loraone.inputs.data.files:load",
        (".csv", ".jsonl", ".json", ".parquet"),
    ),
    Source(
        "hub",
        "A data set of the Hugging Face hub",
        "org/name[@revision], read through the datasets library",
        "",
        "loraone.inputs.data.hub:load",
    ),
)
SOURCES: dict[str, Source] = {row.name: row for row in _ROWS_SOURCE}

FIGURES = discover("loraone.analysis.figures.rows", FigureRow)


def resolve(path: str) -> Callable[..., Any]:
    """The function that ``"module:function"`` names, imported when it is first needed."""
    function: Callable[..., Any] = resolve_name(path)
    return function


# Last: the rows of methods import what they need from here.
register_all()
