"""Step 0: what each initialisation did before any training."""

from __future__ import annotations

import pandas as pd
import plotly.graph_objects as go
from plotly.subplots import make_subplots

from loraone.figures import layers
from loraone.figures.style import Theme, empty, figure, looks, style_axes

COLUMNS = {
    "relative": "‖s·B₀A₀‖_F / ‖W‖_F",
    "norm": "‖s·B₀A₀‖₂",
    "svd_error": "SVD error over the best rank-r error",
    "base_change": "‖W_base − W₀‖_F / ‖W₀‖_F",
}


def table(runs: pd.DataFrame, reports: dict[int, dict[str, float]]) -> pd.DataFrame:
    """One row per run: losses before and after, logit changes, the γ in use."""
    rows = []
    for run_id, series in runs[["run_id", "series"]].to_numpy().tolist():
        if run_id in reports:
            rows.append({"run_id": run_id, "series": series, **reports[run_id]})
    return pd.DataFrame(rows)


def draw(
    rows: pd.DataFrame,
    runs: pd.DataFrame,
    columns: dict[int, list[float]],
    names: list[str],
    *,
    column: str = "relative",
    theme: Theme = "light",
) -> go.Figure:
    """Above, the held-out loss from before to after; below, the size of the init per layer."""
    if rows.empty:
        return empty(theme, "No initialisation has been measured yet")
    drawn = make_subplots(rows=2, cols=1, row_heights=[0.42, 0.58], vertical_spacing=0.2)
    drawn.update_layout(figure(theme).layout)
    style_axes(drawn, theme)
    styles = looks(runs, theme)
    wanted = ["run_id", "series", "held_out_loss_before", "held_out_loss_after"]
    for run_id, series, before, after in rows[wanted].to_numpy().tolist():
        look = styles[series]
        broken = series.replace(" (", "<br>(")
        drawn.add_trace(
            go.Scatter(
                x=[before, after],
                y=[broken, broken],
                mode="lines+markers",
                showlegend=False,
                line={"color": look.colour, "width": 2},
                marker={
                    "symbol": ["circle-open", "circle"],
                    "size": 12,
                    "color": look.colour,
                    "line": {"width": 2, "color": look.colour},
                },
                hovertemplate="%{x:.4g}",
                name=series,
            ),
            row=1,
            col=1,
        )
        values = columns.get(run_id)
        if values is None or not any(values):
            continue
        drawn.add_trace(
            go.Scatter(
                x=list(range(len(names))),
                y=values,
                name=series,
                mode="lines+markers",
                line={"color": look.colour, "dash": look.dash, "width": 1.5},
                marker={"symbol": look.symbol, "size": 6},
                customdata=[layers.label(name) for name in names],
                hovertemplate="%{customdata}: %{y:.4g}",
            ),
            row=2,
            col=1,
        )
    drawn.update_xaxes(title="Held-out loss (nats)", row=1, col=1)
    drawn.update_yaxes(autorange="reversed", row=1, col=1)
    drawn.update_xaxes(title="Layer, in model order", row=2, col=1)
    drawn.update_yaxes(
        title=COLUMNS[column], type="log", dtick=1, exponentformat="power", row=2, col=1
    )
    drawn.update_layout(legend={"y": 0.5, "yanchor": "middle"}, margin={"t": 12})
    return drawn
