"""What the Theory lab shows of an experiment: figures, their numbers, and predictions."""

from __future__ import annotations

import math
import time
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from loraone.analysis.csv_text import csv
from loraone.analysis.figures import theory as figures
from loraone.analysis.figures.style import Theme, fitted
from loraone.progress import Steps, finish
from loraone.spec.experiment import ExperimentSpec, expand
from loraone.spec.synthetic import SYMBOLS
from loraone.theory import predictions
from loraone.theory.predictions import Prediction
from loraone.theory.solve import Solution, solve_steps

TARGETS = (1e-12, 1e-6, 1e-4, 1e-2)
# Points of a curve: more would not be seen. Losses are there at every step, subspaces cost time.
MOST_LOSSES = 200
MOST_SINES = 60


@dataclass(frozen=True)
class Answer:
    """``figures`` are plotly JSON by name, ``tables`` the numbers drawn, as CSV by name."""

    figures: dict[str, str]
    tables: dict[str, str]
    predictions: list[dict[str, Any]]
    runs: int
    seeds: int
    seconds: float


def answer(spec: ExperimentSpec, *, quick: bool = False, theme: Theme = "light") -> Answer:
    """Solve all runs and draw them; ``quick`` takes the first seed alone."""
    return finish(answer_steps(spec, quick=quick, theme=theme))


def answer_steps(
    spec: ExperimentSpec, *, quick: bool = False, theme: Theme = "light"
) -> Steps[Answer]:
    """:func:`answer`; progress counts the runs solved."""
    began = time.perf_counter()
    if quick:
        grid = spec.grid.model_copy(update={"seeds": spec.grid.seeds[:1]})
        spec = spec.model_copy(update={"grid": grid})
    runs = expand(spec)
    every = math.ceil(max(1, spec.training.steps) / MOST_SINES)
    solutions = yield from solve_steps(runs, every=every)
    several = len(spec.grid.learning_rates) > 1, len(spec.grid.ranks) > 1
    series = [_series(solution, *several) for solution in solutions]
    frame = pd.DataFrame(
        {
            "series": series,
            "method": [solution.run.method.name for solution in solutions],
            "method_label": [solution.run.method.label for solution in solutions],
        }
    )
    of_runs = [predictions.of_run(solution) for solution in solutions]
    rows = _rows(series, of_runs) + [_row("", p) for p in predictions.of_sweep(solutions)]
    drawn, tables = _draw(spec, solutions, frame, rows, theme)
    return Answer(
        figures={name: fitted(figure).to_json() for name, figure in drawn.items()},
        tables={name: csv(table) for name, table in tables.items()},
        predictions=rows,
        runs=len(runs),
        seeds=len(spec.grid.seeds),
        seconds=time.perf_counter() - began,
    )


def _series(solution: Solution, rates: bool, ranks: bool) -> str:
    """The run's label, with the rank and learning rate where the grid has several."""
    rank = f", r {solution.run.rank}" if ranks and solution.run.trains_adapter else ""
    return solution.run.label + rank + (f", lr {solution.run.learning_rate:g}" if rates else "")


def _draw(
    spec: ExperimentSpec,
    solutions: Sequence[Solution],
    frame: pd.DataFrame,
    rows: list[dict[str, Any]],
    theme: Theme,
) -> tuple[dict[str, Any], dict[str, pd.DataFrame]]:
    last = spec.training.steps
    steps = list(range(0, last + 1, math.ceil(max(1, last) / MOST_LOSSES)))
    gathered: dict[str, dict[str, list[np.ndarray]]] = {
        name: defaultdict(list) for name in ("loss", "in", "out")
    }
    for name, solution in zip(frame["series"], solutions, strict=True):
        gathered["loss"][name].append(solution.losses[steps])
        gathered["in"][name].append(_worst(solution.sin_in))
        gathered["out"][name].append(_worst(solution.sin_out))
    measured = solutions[0].measured
    tables = {
        name: figures.table(values, steps if name == "loss" else measured)
        for name, values in gathered.items()
    }
    columns = ["series", "name", "predicted"]
    predicted = pd.DataFrame([{c: row[c] for c in columns} for row in rows], columns=columns)
    predicted = predicted.astype({"predicted": "float64"})
    drawn = {
        "losses": figures.losses(tables["loss"], frame, predicted, theme=theme),
        "subspaces": figures.subspaces(tables["in"], tables["out"], frame, theme=theme),
    }
    both = pd.concat([tables["in"].assign(side="in"), tables["out"].assign(side="out")])
    shown = {"losses": tables["loss"], "subspaces": both}
    axis = _axis(spec)
    if axis is not None:
        label, values = axis[0], [axis[1](solution) for solution in solutions]
        target = _target(solutions)
        table = _sweep_table(solutions, frame, values, target)
        drawn["sweep"] = figures.sweep(table, frame, label=label, target=target, theme=theme)
        shown["sweep"] = table
    return drawn, shown


def _worst(sines: np.ndarray) -> np.ndarray:
    """The largest over the layers that have one; NaN where none has."""
    filled = np.where(np.isnan(sines), -1.0, sines).max(axis=1)
    return np.where(filled < 0, np.nan, filled)


def _axis(spec: ExperimentSpec) -> tuple[str, Any] | None:
    """What was varied: the swept number, or else learning rates or ranks; None for one value."""
    if spec.sweep is not None:
        parameter = spec.sweep.parameter
        symbol = SYMBOLS[parameter]
        return symbol, lambda solution: float(getattr(solution.run.problem, parameter))
    if len(spec.grid.learning_rates) > 1:
        return "Learning rate η", lambda solution: solution.run.learning_rate
    if len(spec.grid.ranks) > 1:
        return "Rank r", lambda solution: float(solution.run.rank)
    return None


def _target(solutions: Sequence[Solution]) -> float:
    """The smallest loss of :data:`TARGETS` that most runs got to."""
    for target in TARGETS:
        if np.mean([solution.steps_to(target) is not None for solution in solutions]) > 0.5:
            return target
    return TARGETS[-1]


def _sweep_table(
    solutions: Sequence[Solution], frame: pd.DataFrame, values: list[float], target: float
) -> pd.DataFrame:
    reached = [solution.steps_to(target) for solution in solutions]
    steps = [np.nan if step is None else float(step) for step in reached]
    rows = frame.assign(value=values, steps=steps)
    grouped = rows.groupby(["method_label", "value"], sort=False)["steps"]
    of_groups = grouped.agg(["median", "min", "max", "count", "size"]).reset_index()
    names = {"min": "least", "max": "greatest", "count": "reached", "size": "seeds"}
    return of_groups.rename(columns=names)


def _rows(series: list[str], of_runs: Sequence[Sequence[Prediction]]) -> list[dict[str, Any]]:
    """Medians over seeds of every prediction of a series."""
    groups: dict[tuple[str, str], list[Prediction]] = defaultdict(list)
    for name, of_run in zip(series, of_runs, strict=True):
        for prediction in of_run:
            groups[name, prediction.name].append(prediction)
    rows = []
    for (name, _), members in groups.items():
        first = members[0]
        row = _row(name, first)
        row["predicted"] = _median([p.predicted for p in members])
        if first.name == "floor" and row["predicted"] == 0:
            continue  # that a loss can go to zero is no prediction of where it ends
        row["measured"] = _median([p.measured for p in members])
        ratios = [p.ratio for p in members if p.ratio is not None]
        row["ratio"] = _median(list(ratios))
        rows.append(row)
    return rows


def _row(series: str, prediction: Prediction) -> dict[str, Any]:
    return {
        "series": series,
        "name": prediction.name,
        "label": prediction.label,
        "formula": prediction.formula,
        "source": prediction.source,
        "predicted": prediction.predicted,
        "measured": prediction.measured,
        "ratio": prediction.ratio,
        "silent": prediction.reason_inapplicable,
    }


def _median(values: list[float | None]) -> float | None:
    known = [value for value in values if value is not None and np.isfinite(value)]
    return float(np.median(known)) if known else None
