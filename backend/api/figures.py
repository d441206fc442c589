"""Figures as plotly JSON, or the numbers behind them as CSV. Drawn by :mod:`loraone.figures`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Literal

import numpy as np
import pandas as pd
import plotly.graph_objects as go
from fastapi import APIRouter, Depends, Query, Response

from backend import frames, references
from backend.api.deps import ExperimentDep, Reading, SettingsDep
from backend.api.experiments import JudgeDep, layer_names
from backend.problems import FieldProblem, invalid
from backend.store import experiments
from backend.tables import Run
from loraone import compare
from loraone.catalog import COLUMNS, METRICS, SCALARS, SPECTRA, TASKS
from loraone.figures import (
    alignment,
    columns,
    curves,
    heatmap,
    learning_rate,
    overlap,
    spectra,
    step0,
)
from loraone.figures.style import Theme

router = APIRouter(prefix="/experiments/{experiment_id}/figures", tags=["figures"])

Format = Literal["json", "csv"]


@dataclass(frozen=True)
class Chosen:
    """The runs that a figure shows, as rows and as a frame."""

    rows: list[Run]
    frame: pd.DataFrame

    @property
    def ids(self) -> list[int]:
        """Their ids, in the order of the frame."""
        return [int(key) for key in self.frame["run_id"]]

    @property
    def shapes(self) -> list[tuple[int, int]]:
        """(out, in) of every layer."""
        known = next((run.layers for run in self.rows if run.layers), None)
        if known is None:
            return []
        return list(zip(known["out_features"], known["in_features"], strict=True))


def _choose(
    session: Reading,
    experiment: ExperimentDep,
    judge: JudgeDep,
    rates: Annotated[
        Literal["best", "all"],
        Query(description="best: each method at its own best learning rate; all: every run"),
    ] = "best",
    runs: Annotated[list[int] | None, Query(description="These runs alone")] = None,
    labels: Annotated[list[str] | None, Query(description="These methods alone")] = None,
) -> Chosen:
    rows = experiments.runs(session, experiment.id)
    frame = frames.runs(rows)
    if labels:
        frame = frame[frame["label"].isin(labels)]
    if runs:
        frame = frame[frame["run_id"].isin(runs)]
    elif rates == "best":
        done = frame[frame["status"] == "succeeded"]
        best = compare.best_learning_rates(done, judge)
        unfinished = ~frame["series"].isin(best["series"])
        frame = frame[frame["run_id"].isin(best["run_id"]) | unfinished]
    else:
        several = frame.groupby("series")["learning_rate"].transform("nunique") > 1
        rate = frame["learning_rate"].map("{:g}".format)
        frame = frame.assign(
            series=frame["series"].where(~several, frame["series"] + ", lr " + rate)
        )
    return Chosen([run for run in rows if run.id in set(frame["run_id"])], frame)


ChosenDep = Annotated[Chosen, Depends(_choose)]


def _answer(drawn: go.Figure, table: pd.DataFrame, form: Format, name: str) -> Response:
    if form == "csv":
        return Response(
            table.to_csv(index=False),
            media_type="text/csv",
            headers={"Content-Disposition": f'attachment; filename="{name}.csv"'},
        )
    return Response(drawn.to_json(), media_type="application/json")


def _known(field: str, value: str, rows: dict[str, object]) -> str:
    if value not in rows:
        known = ", ".join(rows)
        problem = FieldProblem(
            path=field, message=f"{value!r} is not known", value=value, allowed=known
        )
        raise invalid([problem])
    return value


def _check_layer(layer: int | None, chosen: Chosen) -> None:
    count = len(chosen.shapes)
    if layer is not None and count and layer >= count:
        problem = FieldProblem(
            path="layer",
            message=f"there is no layer {layer}",
            value=layer,
            allowed=f"0 to {count - 1}",
        )
        raise invalid([problem])


@router.get("/curves", response_class=Response)
def draw_curves(
    session: Reading,
    chosen: ChosenDep,
    judge: JudgeDep,
    metric: str | None = None,
    x: Literal["step", "tokens", "seconds"] = "step",
    log_y: bool = False,
    smoothing: Annotated[float, Query(ge=0, le=0.99)] = 0.0,
    theme: Theme = "light",
    format: Format = "json",
) -> Response:
    """A metric against step, tokens or seconds."""
    metric = _known("metric", metric or judge, dict(METRICS))
    values = frames.metrics(session, chosen.ids, metric)
    table = curves.table(chosen.frame, values)
    drawn = curves.draw(
        table, chosen.frame, metric=metric, x=x, log_y=log_y, smoothing=smoothing, theme=theme
    )
    return _answer(drawn, table, format, f"curves-{metric}")


@router.get("/learning-rate", response_class=Response)
def draw_learning_rate(
    session: Reading,
    experiment: ExperimentDep,
    judge: JudgeDep,
    metric: str | None = None,
    theme: Theme = "light",
    format: Format = "json",
) -> Response:
    """The final metric against the learning rate."""
    metric = _known("metric", metric or judge, {name: METRICS[name] for name in _finals()})
    frame = frames.runs(experiments.runs(session, experiment.id))
    table = learning_rate.table(frame, metric)
    drawn = learning_rate.draw(table, frame, metric=metric, theme=theme)
    return _answer(drawn, table, format, f"learning-rate-{metric}")


def _finals() -> list[str]:
    return sorted({name for task in TASKS.values() for name in task.judges})


@router.get("/heatmap", response_class=Response)
def draw_heatmap(
    session: Reading,
    chosen: ChosenDep,
    quantity: str = "gradient",
    scalar: str = "stable_rank",
    theme: Theme = "light",
    format: Format = "json",
) -> Response:
    """A scalar of every layer's spectrum, of the first chosen run that has it."""
    _known("quantity", quantity, dict(SPECTRA))
    _known("scalar", scalar, dict(SCALARS))
    values: dict[int, float | None] = {}
    for run_id in chosen.ids:
        values = frames.scalar(session, run_id, quantity, scalar)
        if values:
            break
    table = heatmap.table(layer_names(chosen.rows), values, scalar)
    drawn = heatmap.draw(table, scalar=scalar, quantity=quantity, theme=theme)
    return _answer(drawn, table, format, f"layers-{quantity}-{scalar}")


@router.get("/spectra", response_class=Response)
def draw_spectra(
    session: Reading,
    chosen: ChosenDep,
    layer: Annotated[int, Query(ge=0)] = 0,
    quantities: Annotated[list[str] | None, Query()] = None,
    theme: Theme = "light",
    format: Format = "json",
) -> Response:
    """Singular values of one layer, one run (the first seed) for each series."""
    _check_layer(layer, chosen)
    wanted = quantities or ["gradient", "weight", "init", "change"]
    for quantity in wanted:
        _known("quantities", quantity, dict(SPECTRA))
    first = chosen.frame.drop_duplicates("series")
    found = frames.spectra(session, [int(k) for k in first["run_id"]], layer, wanted)
    table = spectra.table(found, first)
    ranks = first["rank"].dropna().unique()
    rank = int(ranks[0]) if len(ranks) == 1 else None
    drawn = spectra.draw(table, first, rank=rank, theme=theme)
    return _answer(drawn, table, format, f"spectra-layer-{layer}")


@router.get("/alignment", response_class=Response)
def draw_alignment(
    session: Reading,
    chosen: ChosenDep,
    measure: Literal["mean_cos2", "sin_max", "energy"] = "mean_cos2",
    layer: Annotated[int | None, Query(ge=0)] = None,
    theme: Theme = "light",
    format: Format = "json",
) -> Response:
    """Subspace alignment with the one-step gradient over training, all layers or one."""
    _check_layer(layer, chosen)
    found = frames.alignments(session, chosen.ids)
    table = alignment.table(found, chosen.frame, name=measure, layer=layer)
    ranks = chosen.frame["rank"].dropna().unique()
    random = None
    if len(ranks) == 1 and chosen.shapes:
        random = alignment.baselines(chosen.shapes, int(ranks[0]), layer)
    drawn = alignment.draw(table, chosen.frame, name=measure, random=random, theme=theme)
    return _answer(drawn, table, format, f"alignment-{measure}")


@router.get("/step0", response_class=Response)
def draw_step0(
    experiment: ExperimentDep, chosen: ChosenDep, theme: Theme = "light", format: Format = "json"
) -> Response:
    """Losses around the initialisation."""
    first = chosen.frame.drop_duplicates("series")
    reports = {run.id: run.init_scalars for run in chosen.rows if run.init_scalars}
    table = step0.table(first, reports)
    unit = "over its start" if TASKS[experiment.spec["task"]].synthetic else "nats"
    return _answer(step0.draw(table, first, unit=unit, theme=theme), table, format, "step0")


@router.get("/columns", response_class=Response)
def draw_columns(
    session: Reading,
    experiment: ExperimentDep,
    settings: SettingsDep,
    chosen: ChosenDep,
    judge: JudgeDep,
    column: str = "relative",
    theme: Theme = "light",
    format: Format = "json",
) -> Response:
    """One number of the reports for every layer, over all seeds."""
    _known("column", column, dict(COLUMNS))
    if column in references.COLUMNS:
        known = experiments.runs(session, experiment.id)
        values = references.columns(session, chosen.rows, known, judge, settings.artifacts, column)
    else:
        values = frames.layer_columns(session, chosen.ids, column)
    table = columns.table(values, chosen.frame, layer_names(chosen.rows))
    ranks = chosen.frame["rank"].dropna().unique()
    side, random = COLUMNS[column].chance, None
    if side is not None and len(ranks) == 1 and chosen.shapes:
        random = columns.chance(chosen.shapes, int(ranks[0]), side)
    names = layer_names(chosen.rows)
    drawn = columns.draw(table, chosen.frame, names, column=column, random=random, theme=theme)
    return _answer(drawn, table, format, f"layers-{column}")


@router.get("/overlap", response_class=Response)
def draw_overlap(
    session: Reading,
    chosen: ChosenDep,
    layer: Annotated[int | None, Query(ge=0)] = None,
    at: Annotated[Literal["init", "end"], Query(description="before or after training")] = "end",
    theme: Theme = "light",
    format: Format = "json",
) -> Response:
    """φ(i, j) between the gradient's and the adapter's directions, of the first run chosen."""
    _check_layer(layer, chosen)
    found = frames.overlap(session, chosen.ids[0], at == "end") if chosen.ids else None
    if found is None:
        nothing = np.empty((0, 0, 0), np.float32)
        found = nothing, nothing
    table = overlap.table(found[0], found[1], layer)
    return _answer(overlap.draw(table, theme=theme), table, format, f"overlap-{at}")
