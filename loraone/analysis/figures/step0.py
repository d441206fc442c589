"""Step 0: what each initialisation did to the losses before any training."""

from __future__ import annotations

import pandas as pd
import plotly.graph_objects as go

from loraone.analysis.figures.style import Theme, empty, figure, series_styles


def table(runs: pd.DataFrame, reports: dict[int, dict[str, float]]) -> pd.DataFrame:
    """One row per run: losses before and after, logit changes, the γ in use."""
    rows = []
    for run_id, series in runs[["run_id", "series"]].to_numpy().tolist():
        if run_id in reports:
            rows.append({"run_id": run_id, "series": series, **reports[run_id]})
    return pd.DataFrame(rows)


def draw(
    rows: pd.DataFrame, runs: pd.DataFrame, *, unit: str = "nats", theme: Theme = "light"
) -> go.Figure:
    """The held-out loss from before (open) to after (filled), one line per series."""
    if rows.empty:
        return empty(theme, "No initialisation has been measured yet")
    drawn = figure(
        theme,
        xaxis_title=f"Held-out loss ({unit})",
        yaxis={"autorange": "reversed", "automargin": True},
        margin={"t": 12},
    )
    styles = series_styles(runs, theme)
    wanted = ["run_id", "series", "held_out_loss_before", "held_out_loss_after"]
    for _, series, before, after in rows[wanted].to_numpy().tolist():
        style = styles[series]
        broken = series.replace(" (", "<br>(")
        drawn.add_trace(
            go.Scatter(
                x=[before, after],
                y=[broken, broken],
                mode="lines+markers",
                showlegend=False,
                line={"color": style.colour, "width": 2},
                marker={
                    "symbol": ["circle-open", "circle"],
                    "size": 12,
                    "color": style.colour,
                    "line": {"width": 2, "color": style.colour},
                },
                hovertemplate="%{x:.4g}",
                name=series,
            )
        )
    return drawn
