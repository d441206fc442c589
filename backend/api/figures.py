"""Figures of a basket as plotly JSON, or their numbers. See :mod:`loraone.analysis.figures`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Literal, TypeVar

import numpy as np
from fastapi import APIRouter, Query, Response
from pydantic import Field
from starlette.datastructures import QueryParams

from backend.api.answers import FIGURE
from backend.api.chosen import (
    BasketDep,
    ChosenDep,
    JudgeDep,
    Labels,
    Layer,
    Name,
    check_layer,
    check_values,
    known,
)
from backend.api.deps import Reading, SettingsDep
from backend.api.kept import basket as its_basket
from backend.api.kept import kept
from backend.api.rights import needs
from backend.api.tabular import Format, answer
from backend.results import full_tuning, queries
from loraone.analysis.figures import (
    alignment,
    columns,
    curves,
    heatmap,
    layers,
    learning_rate,
    overlap,
    spectra,
    step0,
)
from loraone.analysis.figures import cost as costs
from loraone.analysis.figures.style import Theme
from loraone.catalog import FIGURES, JUDGES, LAYER_METRICS, METRICS, SCALARS, SPECTRA, TASKS
from loraone.spec.base import MOST_INT

router = APIRouter(prefix="/figures", tags=["figures"])

_Function = TypeVar("_Function", bound=Callable[..., Response])


def _route(name: str) -> Callable[[_Function], _Function]:
    """The route of a figure of the catalogue, which says what it shows."""
    row = FIGURES[name]
    add = router.get(
        f"/{row.name}",
        response_class=Response,
        summary=row.label,
        description=row.summary,
        responses=FIGURE,
    )
    marked = needs("read", shared=True)
    keeping = kept(its_basket, slow=True, unless=_reads_files)
    return lambda function: add(marked(keeping(function)))


def _reads_files(query: QueryParams) -> bool:
    """Whether what is asked for is computed from files of the runs, which come and go unseen."""
    row = LAYER_METRICS.get(query.get("column", ""))
    return row is not None and row.computed == "read"


@_route("curves")
def draw_curves(
    session: Reading,
    chosen: ChosenDep,
    judge: JudgeDep,
    metric: Name = None,
    x: Literal["step", "tokens", "seconds"] = "step",
    log_x: bool = False,
    log_y: bool = False,
    smoothing: Annotated[float, Query(ge=0, le=0.99)] = 0.0,
    theme: Theme = "light",
    format: Format = "json",
) -> Response:
    """A metric against step, tokens or seconds, and what it was before the initialisation."""
    metric = known("metric", metric or judge, METRICS)
    values = queries.metrics(session, chosen.ids, metric)
    table = curves.table(chosen.frame, values, queries.before(chosen.rows, metric))
    drawn = curves.draw(
        table,
        chosen.frame,
        metric=metric,
        x=x,
        log_x=log_x,
        log_y=log_y,
        smoothing=smoothing,
        theme=theme,
    )
    return answer(drawn, table, format, f"curves-{metric}")


@_route("learning-rate")
def draw_learning_rate(
    basket: BasketDep,
    judge: JudgeDep,
    metric: Name = None,
    labels: Labels = None,
    theme: Theme = "light",
    format: Format = "json",
) -> Response:
    """The final metric against the learning rate."""
    metric = known("metric", metric or judge, sorted(JUDGES))
    frame = basket.labelled(labels).frame
    table = learning_rate.table(frame, metric)
    drawn = learning_rate.draw(table, frame, metric=metric, theme=theme)
    return answer(drawn, table, format, f"learning-rate-{metric}")


@_route("heatmap")
def draw_heatmap(
    session: Reading,
    chosen: ChosenDep,
    quantity: Annotated[str, Query(max_length=100)] = heatmap.QUANTITY,
    scalar: Annotated[str, Query(max_length=100)] = heatmap.SCALAR,
    layer: Annotated[Layer | None, Query(description="Is outlined")] = None,
    experts: Name = None,
    theme: Theme = "light",
    format: Format = "json",
) -> Response:
    """A scalar of every layer's spectrum, of the first chosen run that has it; of the experts of
    the class ``experts``, expert × block."""
    known("quantity", quantity, SPECTRA)
    known("scalar", scalar, SCALARS)
    if experts is not None:
        known("experts", experts, layers.of_experts(chosen.layers))
    of_run = queries.first_scalar(session, chosen.of_one_model().ids, quantity, scalar)
    table = heatmap.table(chosen.layers, of_run.values, scalar, of_run.errors)
    drawn = heatmap.draw(
        table,
        scalar=scalar,
        quantity=quantity,
        outlined=layer,
        experts=experts,
        unused=queries.without_gradient(session, of_run.run_id) if experts else (),
        theme=theme,
    )
    return answer(drawn, table, format, f"layers-{quantity}-{scalar}")


@_route("spectra")
def draw_spectra(
    session: Reading,
    chosen: ChosenDep,
    layer: Layer = 0,
    quantities: Annotated[
        list[Annotated[str, Field(max_length=100)]] | None, Query(max_length=len(SPECTRA))
    ] = None,
    theme: Theme = "light",
    format: Format = "json",
) -> Response:
    """Singular values of one layer, one run (the first seed) for each series."""
    check_layer(layer, chosen)
    wanted = [known("quantities", name, SPECTRA) for name in quantities or spectra.USUAL]
    same = chosen.of_one_model()
    first = same.frame.drop_duplicates("series")
    ids = [int(k) for k in first["run_id"]]
    table = spectra.table(queries.spectra(session, ids, layer, wanted), first)
    gap = queries.scalar(session, ids[0], "gradient", "gap").get(layer) if ids else None
    drawn = spectra.draw(table, first, rank=same.rank, gap=gap, theme=theme)
    return answer(drawn, table, format, f"spectra-layer-{layer}")


@_route("alignment")
def draw_alignment(
    session: Reading,
    chosen: ChosenDep,
    measure: alignment.Measure = "mean_cos2",
    layer: Layer | None = None,
    module: Annotated[
        str | None, Query(max_length=500, description="Layers of this class, as query")
    ] = None,
    log_x: bool = False,
    theme: Theme = "light",
    format: Format = "json",
) -> Response:
    """Subspace alignment with the one-step gradient over training: all layers, a class, or one."""
    check_layer(layer, chosen)
    same = chosen if layer is None and module is None else chosen.of_one_model()
    indices = None if layer is None else [layer]
    if module is not None:
        indices = layers.of_module(
            chosen.layers, known("module", module, layers.modules(chosen.layers))
        )
    measured = queries.alignments(session, same.ids)
    table = alignment.table(measured, same.frame, name=measure, layers=indices)
    random = None
    if same.rank is not None and same.shapes and len(same.of_one_model().rows) == len(same.rows):
        random = alignment.baselines(same.shapes, same.rank, indices)
    drawn = alignment.draw(table, same.frame, name=measure, random=random, log_x=log_x, theme=theme)
    return answer(drawn, table, format, f"alignment-{measure}")


@_route("alignment-layers")
def draw_alignment_layers(
    session: Reading,
    chosen: ChosenDep,
    measure: alignment.Measure = "mean_cos2",
    side: Literal["left", "right"] = "left",
    step: Annotated[
        int | None, Query(ge=0, le=MOST_INT, description="The last where none is given")
    ] = None,
    theme: Theme = "light",
    format: Format = "json",
) -> Response:
    """The alignment of every layer at one step: the last that was measured up to ``step``."""
    same = chosen.of_one_model()
    check_values(same)
    measured = queries.alignments(session, same.ids, up_to=step)
    table = alignment.by_layer(measured, same.frame, same.layers, name=measure, side=side)
    random = None
    if same.rank is not None and same.shapes and measure == "mean_cos2":
        random = columns.chance(same.shapes, same.rank, side)
    drawn = alignment.draw_by_layer(
        table, same.frame, same.layers, name=measure, side=side, random=random, theme=theme
    )
    return answer(drawn, table, format, f"alignment-layers-{measure}-{side}")


@_route("step0")
def draw_step0(chosen: ChosenDep, theme: Theme = "light", format: Format = "json") -> Response:
    """Losses around the initialisation."""
    first = chosen.frame.drop_duplicates("series")
    reports = {run.id: run.init_scalars for run in chosen.rows if run.init_scalars}
    table = step0.table(first, reports)
    task = TASKS.get(chosen.experiments[0].task)
    unit = "" if task is None else task.loss_unit
    return answer(step0.draw(table, first, unit=unit, theme=theme), table, format, "step0")


@_route("columns")
def draw_columns(
    session: Reading,
    settings: SettingsDep,
    chosen: ChosenDep,
    judge: JudgeDep,
    column: Annotated[str, Query(max_length=100)] = "relative",
    theme: Theme = "light",
    format: Format = "json",
) -> Response:
    """One number of the reports for every layer, over all seeds."""
    known("column", column, LAYER_METRICS)
    same = chosen.of_one_model()
    check_values(same)
    row = LAYER_METRICS[column]
    if row.computed == "read":
        values = full_tuning.columns(session, same.rows, judge, settings.artifacts, column)
    else:
        values = queries.layer_columns(session, same.ids, column)
    table = columns.table(values, same.frame, same.layers)
    side, random = row.chance, None
    if side is not None and same.rank is not None and same.shapes:
        random = columns.chance(same.shapes, same.rank, side)
    drawn = columns.draw(table, same.frame, same.layers, row=row, random=random, theme=theme)
    return answer(drawn, table, format, f"layers-{column}")


@_route("cost")
def draw_cost(
    chosen: ChosenDep,
    judge: JudgeDep,
    cost: costs.Cost = costs.USUAL,
    log_x: bool = False,
    theme: Theme = "light",
    format: Format = "json",
) -> Response:
    """What each method's result cost, at its best learning rate."""
    table = costs.table(chosen.frame, judge, cost)
    drawn = costs.draw(table, chosen.frame, metric=judge, cost=cost, log_x=log_x, theme=theme)
    return answer(drawn, table, format, f"cost-{cost}")


@_route("overlap")
def draw_overlap(
    session: Reading,
    chosen: ChosenDep,
    layer: Layer | None = None,
    at: Annotated[Literal["init", "end"], Query(description="before or after training")] = "end",
    theme: Theme = "light",
    format: Format = "json",
) -> Response:
    """φ(i, j) between the gradient's and the adapter's directions, of the first run chosen."""
    check_layer(layer, chosen)
    measured = queries.overlap(session, chosen.ids[0], at == "end") if chosen.ids else None
    if measured is None:
        nothing = np.empty((0, 0, 0), np.float32)
        measured = nothing, nothing
    table = overlap.table(measured[0], measured[1], layer)
    return answer(overlap.draw(table, theme=theme), table, format, f"overlap-{at}")
