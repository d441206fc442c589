"""Figures as plotly JSON, or the numbers behind them as CSV. Drawn by :mod:`loraone.figures`."""

from __future__ import annotations

from typing import Annotated, Literal

import numpy as np
from fastapi import APIRouter, Query, Response

from backend import frames, references
from backend.api.chosen import ChosenDep, Format, answer, check_layer, known
from backend.api.deps import ExperimentDep, Reading, SettingsDep
from backend.api.experiments import JudgeDep
from backend.store import experiments
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
from loraone.figures import cost as costs
from loraone.figures.style import Theme

router = APIRouter(prefix="/experiments/{experiment_id}/figures", tags=["figures"])


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
    metric = known("metric", metric or judge, dict(METRICS))
    values = frames.metrics(session, chosen.ids, metric)
    table = curves.table(chosen.frame, values)
    drawn = curves.draw(
        table, chosen.frame, metric=metric, x=x, log_y=log_y, smoothing=smoothing, theme=theme
    )
    return answer(drawn, table, format, f"curves-{metric}")


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
    metric = known("metric", metric or judge, {name: METRICS[name] for name in _finals()})
    frame = frames.runs(experiments.runs(session, experiment.id))
    table = learning_rate.table(frame, metric)
    drawn = learning_rate.draw(table, frame, metric=metric, theme=theme)
    return answer(drawn, table, format, f"learning-rate-{metric}")


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
    known("quantity", quantity, dict(SPECTRA))
    known("scalar", scalar, dict(SCALARS))
    values: dict[int, float | None] = {}
    for run_id in chosen.ids:
        values = frames.scalar(session, run_id, quantity, scalar)
        if values:
            break
    table = heatmap.table(frames.layer_names(chosen.rows), values, scalar)
    drawn = heatmap.draw(table, scalar=scalar, quantity=quantity, theme=theme)
    return answer(drawn, table, format, f"layers-{quantity}-{scalar}")


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
    check_layer(layer, chosen)
    wanted = quantities or ["gradient", "weight", "init", "change"]
    for quantity in wanted:
        known("quantities", quantity, dict(SPECTRA))
    first = chosen.frame.drop_duplicates("series")
    found = frames.spectra(session, [int(k) for k in first["run_id"]], layer, wanted)
    table = spectra.table(found, first)
    ranks = first["rank"].dropna().unique()
    rank = int(ranks[0]) if len(ranks) == 1 else None
    drawn = spectra.draw(table, first, rank=rank, theme=theme)
    return answer(drawn, table, format, f"spectra-layer-{layer}")


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
    check_layer(layer, chosen)
    found = frames.alignments(session, chosen.ids)
    table = alignment.table(found, chosen.frame, name=measure, layer=layer)
    ranks = chosen.frame["rank"].dropna().unique()
    random = None
    if len(ranks) == 1 and chosen.shapes:
        random = alignment.baselines(chosen.shapes, int(ranks[0]), layer)
    drawn = alignment.draw(table, chosen.frame, name=measure, random=random, theme=theme)
    return answer(drawn, table, format, f"alignment-{measure}")


@router.get("/step0", response_class=Response)
def draw_step0(
    experiment: ExperimentDep, chosen: ChosenDep, theme: Theme = "light", format: Format = "json"
) -> Response:
    """Losses around the initialisation."""
    first = chosen.frame.drop_duplicates("series")
    reports = {run.id: run.init_scalars for run in chosen.rows if run.init_scalars}
    table = step0.table(first, reports)
    unit = TASKS[experiment.spec["task"]].loss_unit
    return answer(step0.draw(table, first, unit=unit, theme=theme), table, format, "step0")


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
    known("column", column, dict(COLUMNS))
    if column in references.COLUMNS:
        everything = experiments.runs(session, experiment.id)
        values = references.columns(
            session, chosen.rows, everything, judge, settings.artifacts, column
        )
    else:
        values = frames.layer_columns(session, chosen.ids, column)
    table = columns.table(values, chosen.frame, frames.layer_names(chosen.rows))
    ranks = chosen.frame["rank"].dropna().unique()
    side, random = COLUMNS[column].chance, None
    if side is not None and len(ranks) == 1 and chosen.shapes:
        random = columns.chance(chosen.shapes, int(ranks[0]), side)
    names = frames.layer_names(chosen.rows)
    drawn = columns.draw(table, chosen.frame, names, column=column, random=random, theme=theme)
    return answer(drawn, table, format, f"layers-{column}")


@router.get("/cost", response_class=Response)
def draw_cost(
    chosen: ChosenDep,
    judge: JudgeDep,
    cost: Literal["train_seconds", "memory_bytes", "trained_parameters"] = "train_seconds",
    theme: Theme = "light",
    format: Format = "json",
) -> Response:
    """What each method's result cost, at its best learning rate."""
    table = costs.table(chosen.frame, judge, cost)
    drawn = costs.draw(table, chosen.frame, metric=judge, cost=cost, theme=theme)
    return answer(drawn, table, format, f"cost-{cost}")


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
    check_layer(layer, chosen)
    found = frames.overlap(session, chosen.ids[0], at == "end") if chosen.ids else None
    if found is None:
        nothing = np.empty((0, 0, 0), np.float32)
        found = nothing, nothing
    table = overlap.table(found[0], found[1], layer)
    return answer(overlap.draw(table, theme=theme), table, format, f"overlap-{at}")
