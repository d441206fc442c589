"""The final metric against its cost: time, memory, or trained parameters, with the Pareto front."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, TypeAlias

import numpy as np
import pandas as pd
import plotly.graph_objects as go

from loraone.analysis import missing, outcomes
from loraone.analysis.figures.style import (
    MUTED,
    Theme,
    empty,
    error_bars,
    figure,
    series_styles,
    title,
)
from loraone.analysis.words import count
from loraone.catalog import COSTS, METRICS

if TYPE_CHECKING:
    Cost: TypeAlias = str
else:
    Cost = Literal[tuple(COSTS)]
# What is drawn unless another is asked for.
USUAL = next(iter(COSTS))


def table(runs: pd.DataFrame, metric: str, cost: str) -> pd.DataFrame:
    """One row per series: mean and deviation over seeds of metric and cost, and whether it is best.

    ``front`` marks the Pareto front: no other series is as good at a lower cost.
    """
    finished = outcomes.outcomes(runs, metric) == outcomes.FINISHED
    numbers = {name: outcomes.values(runs, name) for name in (metric, cost)}
    known = runs.assign(**numbers)[finished & np.isfinite(numbers[cost])]
    grouped = known.groupby("series", sort=False)
    points = grouped.agg(
        value=(metric, "mean"),
        value_std=(metric, "std"),
        cost=(cost, "mean"),
        cost_std=(cost, "std"),
        seeds=(metric, "count"),
    ).reset_index()
    if shown := COSTS[cost].shown:
        points[["cost", "cost_std"]] /= shown.size
    return points.assign(front=pareto(points["cost"], points["value"], METRICS[metric].better))


def pareto(costs: pd.Series[float], values: pd.Series[float], better: str) -> list[bool]:
    """For each point whether no other one is at least as cheap and as good, and better in one."""
    worth = -values if better == "higher" else values
    points = np.column_stack([costs, worth])
    return [
        not any((other <= point).all() and (other < point).any() for other in points)
        for point in points
    ]


def draw(
    rows: pd.DataFrame,
    runs: pd.DataFrame,
    *,
    metric: str,
    cost: str,
    log_x: bool = False,
    theme: Theme = "light",
) -> go.Figure:
    """A point per series with its deviations; the front is a dashed line between its points."""
    if rows.empty:
        return empty(theme, missing.sentence(runs, metric, cost))
    row, price = METRICS[metric], COSTS[cost].as_shown
    drawn = figure(
        theme,
        xaxis={
            "title": title(price.label, price.unit),
            "exponentformat": "SI",
            "type": "log" if log_x else "linear",
        },
        yaxis_title=title(f"Final {row.label.lower()}", row.unit),
    )
    best = rows[rows["front"]].sort_values("cost")
    if len(best) > 1:
        drawn.add_trace(
            go.Scatter(
                x=best["cost"].to_numpy(),
                y=best["value"].to_numpy(),
                mode="lines",
                name="Pareto front",
                line={"color": MUTED, "dash": "dash", "width": 1.5, "shape": "hv"},
                hoverinfo="skip",
            )
        )
    styles = series_styles(runs, theme)
    for series in runs["series"].drop_duplicates():
        point = rows[rows["series"] == series]
        if point.empty:
            continue
        style = styles[series]
        drawn.add_trace(
            go.Scatter(
                x=point["cost"].to_numpy(),
                y=point["value"].to_numpy(),
                error_x=error_bars(point["cost_std"]),
                error_y=error_bars(point["value_std"]),
                name=series,
                mode="markers",
                marker={"color": style.colour, "symbol": style.symbol, "size": 12},
                customdata=[count(int(seeds), "seed") for seeds in point["seeds"]],
                hovertemplate="%{y:.4g} for %{x:.4s} (%{customdata})",
            )
        )
    return drawn
