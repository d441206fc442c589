"""What can be chosen: one row for each method, task, data source, metric and figure.

Rows name their implementation as ``"module:function"`` so that reading the catalogue, as the
server and the command line do, imports neither torch nor PEFT.
"""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
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
from loraone.catalog.rows import (
    FigureRow,
    LayerMetric,
    Method,
    NoParams,
    Optimizer,
    Paper,
    Quantity,
    Result,
    Source,
    Task,
)
from loraone.catalog.scanning import METHODS, register, register_all
from loraone.catalog.tasks import JUDGES, TASKS

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
        "loraone.data.docstrings:load",
    ),
    Source(
        "file",
        "A local file",
        "CSV, JSONL or Parquet with named columns",
        "",
        "loraone.data.files:load",
    ),
    Source(
        "hub",
        "A data set of the Hugging Face hub",
        "org/name[@revision], read through the datasets library",
        "",
        "loraone.data.hub:load",
    ),
)
SOURCES: dict[str, Source] = {row.name: row for row in _ROWS_SOURCE}

_ROWS_FIGURE = (
    FigureRow(
        "curves",
        "Curves",
        "A metric against step, one line for each method",
        "loraone.analysis.figures.curves:draw",
    ),
    FigureRow(
        "learning-rate",
        "Learning rate",
        "The final metric against the learning rate",
        "loraone.analysis.figures.learning_rate:draw",
    ),
    FigureRow(
        "heatmap",
        "Layers",
        "A scalar of every layer's spectrum, layer × module",
        "loraone.analysis.figures.heatmap:draw",
    ),
    FigureRow(
        "spectra",
        "Spectra",
        "Singular values of one layer, log-log",
        "loraone.analysis.figures.spectra:draw",
    ),
    FigureRow(
        "alignment",
        "Alignment",
        "How the adapter's subspace compares with the gradient's, over training",
        "loraone.analysis.figures.alignment:draw",
    ),
    FigureRow(
        "step0",
        "Step 0",
        "What the initialisation did to the losses before the first step",
        "loraone.analysis.figures.step0:draw",
    ),
    FigureRow(
        "columns",
        "Per layer",
        "One number of the reports for every layer, beside what chance would give",
        "loraone.analysis.figures.columns:draw",
    ),
    FigureRow(
        "cost",
        "Cost",
        "The final metric against time, memory or trained parameters, with the Pareto front",
        "loraone.analysis.figures.cost:draw",
    ),
    FigureRow(
        "overlap",
        "Overlap",
        "φ(i, j) between the first i directions of the gradient and the first j of the adapter",
        "loraone.analysis.figures.overlap:draw",
    ),
)
FIGURES: dict[str, FigureRow] = {row.name: row for row in _ROWS_FIGURE}


def resolve(path: str) -> Callable[..., Any]:
    """The function that ``"module:function"`` names, imported when it is first needed."""
    module, _, function = path.partition(":")
    found: Callable[..., Any] = getattr(import_module(module), function)
    return found


# Last: the rows of methods import what they need from here.
register_all()
