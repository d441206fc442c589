"""A metric against step: one line per series, a band over its seeds."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd
import plotly.graph_objects as go

from loraone.analysis import missing
from loraone.analysis.figures.style import MUTED, Theme, band, empty, figure, series_styles, title
from loraone.catalog import METRICS

X_AXES = {
    "step": "Step",
    "tokens": "Training tokens",
    "seconds": "Training time (s)",
}


def table(
    runs: pd.DataFrame, metrics: pd.DataFrame, before: Mapping[int, float] | None = None
) -> pd.DataFrame:
    """Mean and standard deviation over seeds of each series at each step.

    Args:
        runs: ``run_id``, ``series``, ``method``, ``learning_rate``, ``seed``.
        metrics: ``run_id``, ``step``, ``value``, ``seconds``, ``tokens`` of one metric.
        before: the metric of the untouched model, before the initialisation, by run.
    """
    joined = metrics.merge(runs[["run_id", "series", "learning_rate"]], on="run_id")
    joined = joined.assign(before=joined["run_id"].map(dict(before or {})).astype("float64"))
    grouped = joined.groupby(["series", "learning_rate", "step"], sort=False)
    means = grouped.agg(
        mean=("value", "mean"),
        std=("value", "std"),
        n=("value", "count"),
        tokens=("tokens", "mean"),
        seconds=("seconds", "mean"),
        before=("before", "mean"),
    )
    return means.reset_index().sort_values(["series", "learning_rate", "step"], kind="stable")


def draw(
    rows: pd.DataFrame,
    runs: pd.DataFrame,
    *,
    metric: str,
    x: str = "step",
    log_x: bool = False,
    log_y: bool = False,
    smoothing: float = 0.0,
    theme: Theme = "light",
) -> go.Figure:
    """Lines of ``rows`` (see :func:`table`); ``smoothing`` is the weight of the past, 0 to 0.99.

    A dotted line marks the untouched model, before the initialisation: one for each experiment.
    """
    row = METRICS[metric]
    if rows.empty:
        return empty(theme, missing.values(runs, row.label))
    drawn = figure(
        theme,
        xaxis_title=X_AXES[x],
        xaxis_type="log" if log_x else "linear",
        yaxis_title=title(row.label, row.unit),
        yaxis_type="log" if log_y else "linear",
        hovermode="x unified",
    )
    styles = series_styles(runs, theme)
    several = rows.groupby("series")["learning_rate"].nunique().max() > 1
    for series in runs["series"].drop_duplicates():
        for rate, line in rows[rows["series"] == series].groupby("learning_rate"):
            style = styles[series]
            mean = line["mean"]
            if smoothing > 0:
                mean = mean.ewm(alpha=1 - smoothing).mean()
            spread = line["std"].fillna(0)
            if (line["n"] > 1).any():
                drawn.add_trace(band(line[x], mean - spread, mean + spread, style))
            drawn.add_trace(
                go.Scatter(
                    x=line[x].to_numpy(),
                    y=mean.to_numpy(),
                    name=f"{series}, lr {rate:g}" if several else series,
                    mode="lines+markers" if len(line) <= 12 else "lines",
                    line={"color": style.colour, "dash": style.dash, "width": 2},
                    marker={"symbol": style.symbol, "size": 7},
                    hovertemplate="%{y:.4g}",
                )
            )
    origins = dict(zip(runs["series"], runs.get("origin", [""] * len(runs)), strict=True))
    for origin, part in rows.dropna(subset=["before"]).groupby(rows["series"].map(origins)):
        drawn.add_trace(_before(part, x, f"before init {origin}".strip()))
    return drawn


def _before(rows: pd.DataFrame, x: str, name: str) -> go.Scatter:
    level = float(rows.drop_duplicates("series")["before"].mean())
    return go.Scatter(
        x=[rows[x].min(), rows[x].max()],
        y=np.array([level, level]),
        name=name,
        mode="lines",
        line={"color": MUTED, "dash": "dot", "width": 1.5},
        hovertemplate="%{y:.4g}",
    )
