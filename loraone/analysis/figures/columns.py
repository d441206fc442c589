"""One number of the reports for every layer, in model order: one line per series."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
import plotly.graph_objects as go

from loraone.analysis.figures import layers
from loraone.analysis.figures.style import MUTED, Theme, band, empty, figure, series_styles, title
from loraone.catalog import Quantity

AXES: dict[str, dict[str, Any]] = {
    "linear": {},
    "log": {"type": "log", "dtick": 1, "exponentformat": "power"},
    "share": {"range": [-0.03, 1.05]},
    "signed": {"zeroline": True},
    "count": {"rangemode": "tozero"},
}


def table(
    values: Mapping[int, Sequence[float]], runs: pd.DataFrame, names: Sequence[str]
) -> pd.DataFrame:
    """Mean and standard deviation over seeds of each series and layer; NaN is left out, and so is
    a run whose values are not those of these layers.

    Args:
        values: a value per layer, by run.
        runs: ``run_id`` and ``series``.
        names: of the layers, in model order.
    """
    series = dict(zip(runs["run_id"], runs["series"], strict=True))
    rows = [
        (series[run_id], index, names[index], value)
        for run_id, column in values.items()
        if len(column) == len(names)
        for index, value in enumerate(column)
        if not np.isnan(value)
    ]
    frame = pd.DataFrame(rows, columns=["series", "index", "layer", "value"])
    grouped = frame.groupby(["series", "index", "layer"], sort=False)["value"]
    return grouped.agg(["mean", "std", "count"]).reset_index()


def chance(shapes: Sequence[tuple[int, int]], rank: int, side: str) -> list[float]:
    """The expected mean cos² of a random subspace in each layer: r/m on the left, r/n right."""
    return [min(1.0, rank / (m if side == "left" else n)) for m, n in shapes]


def draw(
    rows: pd.DataFrame,
    runs: pd.DataFrame,
    names: Sequence[str],
    *,
    row: Quantity,
    random: Sequence[float] | None = None,
    theme: Theme = "light",
) -> go.Figure:
    """Lines of ``rows`` (see :func:`table`), and ``random`` as a dashed one beside them."""
    shown = rows[rows["mean"] > 0] if row.axis == "log" else rows
    if shown.empty:
        zero = "It is zero in every layer" if len(rows) else "Not measured for these runs"
        return empty(theme, zero)
    drawn = figure(
        theme,
        xaxis_title="Layer, in model order",
        xaxis_range=[-0.5, len(names) - 0.5],
        yaxis={**AXES[row.axis], "automargin": True},
        yaxis_title=title(row.label, row.unit),
    )
    styles = series_styles(runs, theme)
    for series in runs["series"].drop_duplicates():
        line = shown[shown["series"] == series].sort_values("index")
        if line.empty:
            continue
        style = styles[series]
        if (line["count"] > 1).any():
            spread = line["std"].fillna(0)
            low = line["mean"] - spread
            if row.axis == "log":
                low = low.clip(lower=line["mean"] / 100)
            drawn.add_trace(band(line["index"], low, line["mean"] + spread, style))
        drawn.add_trace(
            go.Scatter(
                x=line["index"].to_numpy(),
                y=line["mean"].to_numpy(),
                name=series,
                mode="lines+markers",
                line={"color": style.colour, "dash": style.dash, "width": 1.5},
                marker={"symbol": style.symbol, "size": 6},
                customdata=[layers.label(name) for name in line["layer"]],
                hovertemplate="%{customdata}: %{y:.4g}",
            )
        )
    if random is not None:
        drawn.add_trace(
            go.Scatter(
                x=list(range(len(random))),
                y=list(random),
                name="random subspace",
                mode="lines",
                line={"color": MUTED, "dash": "dash", "width": 1.5, "shape": "hvh"},
                hovertemplate="by chance %{y:.3f}",
            )
        )
    return drawn
