"""The final metric against the learning rate: the honest picture of a comparison."""

from __future__ import annotations

import pandas as pd
import plotly.graph_objects as go

from loraone.analysis.figures.style import Theme, empty, figure, series_styles, title
from loraone.catalog import METRICS


def table(runs: pd.DataFrame, metric: str) -> pd.DataFrame:
    """Mean, standard deviation and number of seeds of the final metric at each learning rate."""
    known = runs.dropna(subset=[metric])
    grouped = known.groupby(["series", "learning_rate"], sort=False)[metric]
    return grouped.agg(["mean", "std", "count"]).reset_index()


def draw(
    rows: pd.DataFrame, runs: pd.DataFrame, *, metric: str, theme: Theme = "light"
) -> go.Figure:
    """One line per series over a logarithmic learning-rate axis; bars are ± one deviation."""
    if rows.empty:
        return empty(theme, "No run has finished yet")
    row = METRICS[metric]
    rates = sorted(set(rows["learning_rate"]))
    drawn = figure(
        theme,
        xaxis={
            "type": "log",
            "tickvals": rates,
            "title": "Learning rate",
            "ticktext": [_short(rate) for rate in rates],
        },
        yaxis_title=title(f"Final {row.label.lower()}", row.unit),
    )
    styles = series_styles(runs, theme)
    for series in runs["series"].drop_duplicates():
        line = rows[rows["series"] == series].sort_values("learning_rate")
        if line.empty:
            continue
        style = styles[series]
        drawn.add_trace(
            go.Scatter(
                x=line["learning_rate"].to_numpy(),
                y=line["mean"].to_numpy(),
                error_y={"type": "data", "array": line["std"].fillna(0).to_numpy()},
                name=series,
                mode="lines+markers",
                line={"color": style.colour, "dash": style.dash, "width": 2},
                marker={"symbol": style.symbol, "size": 9},
                customdata=line["count"].to_numpy(),
                hovertemplate="lr %{x:g}: %{y:.4g} (%{customdata} seeds)",
            )
        )
    return drawn


def _short(rate: float) -> str:
    """``5e-4`` rather than ``5e-04`` or ``0.0005``."""
    if rate >= 0.01:
        return f"{rate:g}"
    mantissa, exponent = f"{rate:.2e}".split("e")
    return f"{float(mantissa):g}e{int(exponent)}"
