"""The final metric against the learning rate: the honest picture of a comparison."""

from __future__ import annotations

import math

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
from loraone.catalog import METRICS


def table(runs: pd.DataFrame, metric: str) -> pd.DataFrame:
    """Mean, standard deviation and number of seeds of the final metric at each learning rate.

    ``failed`` counts the runs that came to nothing; the mean is NaN where none finished.
    """
    kinds = outcomes.outcomes(runs, metric)
    value = outcomes.values(runs, metric).where(kinds == outcomes.FINISHED)
    ended = runs.assign(value=value, failed=kinds == outcomes.FAILED)
    # The axis has a logarithm: a rate that is not positive is one of damaged data.
    ended = ended[kinds.isin([outcomes.FINISHED, outcomes.FAILED]) & (ended["learning_rate"] > 0)]
    grouped = ended.groupby(["series", "learning_rate"], sort=False)
    return grouped.agg(
        mean=("value", "mean"),
        std=("value", "std"),
        count=("value", "count"),
        failed=("failed", "sum"),
    ).reset_index()


def draw(
    rows: pd.DataFrame, runs: pd.DataFrame, *, metric: str, theme: Theme = "light"
) -> go.Figure:
    """One line per series over a logarithmic learning-rate axis; bars are ± one deviation.

    Runs that failed are no points: how many there are stands at the foot of their learning rate,
    and a point of those that did not fail there is open.
    """
    known = rows[rows["count"] > 0]
    if known.empty:
        return empty(theme, missing.sentence(runs, metric))
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
        line = known[known["series"] == series].sort_values("learning_rate")
        if line.empty:
            continue
        style = styles[series]
        drawn.add_trace(
            go.Scatter(
                x=line["learning_rate"].to_numpy(),
                y=line["mean"].to_numpy(),
                error_y=error_bars(line["std"]),
                name=series,
                mode="lines+markers",
                line={"color": style.colour, "dash": style.dash, "width": 2},
                marker={
                    "size": 9,
                    "symbol": [f"{style.symbol}{'-open' if n else ''}" for n in line["failed"]],
                },
                customdata=[_seeds(*n) for n in line[["count", "failed"]].to_numpy().tolist()],
                hovertemplate="lr %{x:g}: %{y:.4g} (%{customdata})",
            )
        )
    broken = rows[rows["failed"] > 0]
    for rate in sorted(set(broken["learning_rate"])):
        part = broken[broken["learning_rate"] == rate]
        of_each = part[["series", "failed"]].to_numpy().tolist()
        drawn.add_annotation(
            x=math.log10(rate), y=0, yref="paper", yanchor="bottom", showarrow=False,
            text=f"{int(part['failed'].sum())} failed", font={"color": MUTED, "size": 11},
            hovertext="<br>".join(f"{series}: {failed} failed" for series, failed in of_each),
        )  # fmt: skip
    return drawn


def _seeds(finished: int, failed: int) -> str:
    seeds = count(finished, "seed")
    return f"{seeds}, {failed} failed" if failed else seeds


def _short(rate: float) -> str:
    """``5e-4`` rather than ``5e-04`` or ``0.0005``."""
    if rate >= 0.01:
        return f"{rate:g}"
    mantissa, exponent = f"{rate:.2e}".split("e")
    return f"{float(mantissa):g}e{int(exponent)}"
