"""How the adapter's subspace compares with the gradient's top-r subspace, over training."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Literal, TypeAlias

import numpy as np
import pandas as pd
import plotly.graph_objects as go
from plotly.subplots import make_subplots

from loraone.analysis import missing
from loraone.analysis.figures import columns
from loraone.analysis.figures.style import (
    MUTED,
    Theme,
    band,
    empty,
    figure,
    series_styles,
    style_axes,
)
from loraone.catalog import ALIGNMENT_MEASURES

if TYPE_CHECKING:
    Measure: TypeAlias = str
else:
    Measure = Literal[tuple(ALIGNMENT_MEASURES)]
SIDES = {"left": "Out side (B)", "right": "In side (A)"}


@dataclass(frozen=True)
class LayerAngles:
    """All layers of one run at one step: angles (layers, r) in radians, energy (layers,)."""

    run_id: int
    step: int
    left: np.ndarray
    right: np.ndarray
    energy: np.ndarray


def measure(angles: LayerAngles, name: Measure) -> tuple[np.ndarray, np.ndarray]:
    """The measure per layer on the left and on the right side; NaN where there is no direction."""
    if name == "energy":
        return angles.energy, angles.energy
    sides = []
    for side in (angles.left, angles.right):
        some = (~np.isnan(side)).any(axis=1)
        values = np.full(len(side), np.nan)
        if name == "sin_max":
            values[some] = np.sin(np.nanmax(side[some], axis=1))
        else:
            values[some] = np.nanmean(np.cos(side[some].astype(np.float64)) ** 2, axis=1)
        sides.append(values)
    return sides[0], sides[1]


def table(
    measured: Iterable[LayerAngles],
    runs: pd.DataFrame,
    *,
    name: Measure,
    layers: Sequence[int] | None,
) -> pd.DataFrame:
    """Mean over layers (all, or these), then mean and deviation over seeds, per series and step."""
    rows = []
    for item in measured:
        for side, values in zip(("left", "right"), measure(item, name), strict=True):
            chosen = values if layers is None else values[list(layers)]
            known = chosen[~np.isnan(chosen)]
            rows.append(
                (item.run_id, item.step, side, float(known.mean()) if len(known) else np.nan)
            )
    frame = pd.DataFrame(rows, columns=["run_id", "step", "side", "value"])
    joined = frame.merge(runs[["run_id", "series"]], on="run_id")
    grouped = joined.groupby(["series", "side", "step"], sort=False)["value"]
    return grouped.agg(["mean", "std", "count"]).reset_index()


def baselines(
    shapes: list[tuple[int, int]], rank: int, layers: Sequence[int] | None
) -> tuple[float, float]:
    """Expected mean cos² of a random subspace: r/m on the left, r/n on the right."""
    chosen = shapes if layers is None else [shapes[i] for i in layers]
    left = float(np.mean([min(1.0, rank / m) for m, _ in chosen]))
    right = float(np.mean([min(1.0, rank / n) for _, n in chosen]))
    return left, right


def draw(
    rows: pd.DataFrame,
    runs: pd.DataFrame,
    *,
    name: Measure,
    random: tuple[float, float] | None,
    log_x: bool = False,
    theme: Theme = "light",
) -> go.Figure:
    """Two panels, out side and in side, or one of both. Random baselines are dashed."""
    if rows.empty:
        return empty(theme, missing.measured(runs))
    sided = ALIGNMENT_MEASURES[name].sided
    sides = ["left", "right"] if sided else ["left"]
    shown = [SIDES[side] for side in sides] if sided else []
    drawn = make_subplots(
        rows=1, cols=len(sides), shared_yaxes=True, subplot_titles=shown, horizontal_spacing=0.04
    )
    drawn.update_layout(figure(theme).layout)
    style_axes(drawn, theme)
    drawn.update_layout(
        legend={"y": -0.22, "yanchor": "top"}, margin={"t": 36, "b": 24}, hovermode="x unified"
    )
    styles = series_styles(runs, theme)
    for column, side in enumerate(sides, 1):
        part = rows[rows["side"] == side]
        for series in runs["series"].drop_duplicates():
            line = part[part["series"] == series].sort_values("step")
            if line["mean"].isna().all():
                continue
            style = styles[series]
            if (line["count"] > 1).any():
                spread = line["std"].fillna(0)
                shade = band(line["step"], line["mean"] - spread, line["mean"] + spread, style)
                drawn.add_trace(shade, row=1, col=column)
            drawn.add_trace(
                go.Scatter(
                    x=line["step"].to_numpy(),
                    y=line["mean"].to_numpy(),
                    name=series,
                    legendgroup=series,
                    showlegend=column == 1,
                    mode="lines+markers",
                    line={"color": style.colour, "dash": style.dash, "width": 2},
                    marker={"symbol": style.symbol, "size": 6},
                    hovertemplate="%{y:.4f}",
                ),
                row=1,
                col=column,
            )
        if random is not None and name == "mean_cos2":
            level = random[column - 1]
            drawn.add_hline(
                y=level,
                line={"color": MUTED, "dash": "dash", "width": 1.5},
                annotation_text=f"random {level:.3f}",
                annotation_font={"color": MUTED, "size": 12},
                annotation_position="bottom right",
                row=1,
                col=column,
            )
        drawn.update_xaxes(title="Step", type="log" if log_x else "linear", row=1, col=column)
    drawn.update_yaxes(range=[-0.07, 1.05])
    drawn.update_yaxes(title=ALIGNMENT_MEASURES[name].label, col=1)
    return drawn


def by_layer(
    measured: Iterable[LayerAngles],
    runs: pd.DataFrame,
    names: Sequence[str],
    *,
    name: Measure,
    side: str,
) -> pd.DataFrame:
    """What was measured last of each run: mean and deviation over seeds for every layer."""
    last = {item.run_id: item for item in sorted(measured, key=lambda item: item.step)}
    place = 0 if side == "left" else 1
    values = {key: measure(item, name)[place].tolist() for key, item in last.items()}
    series = dict(zip(runs["run_id"], runs["series"], strict=True))
    at = {series[key]: item.step for key, item in last.items()}
    table = columns.table(values, runs, names)
    return table.assign(step=table["series"].map(at))


def draw_by_layer(
    rows: pd.DataFrame,
    runs: pd.DataFrame,
    names: Sequence[str],
    *,
    name: Measure,
    side: str,
    random: Sequence[float] | None,
    theme: Theme = "light",
) -> go.Figure:
    """Lines of ``rows`` (see :func:`by_layer`) over the layers, beside the random baseline."""
    row = ALIGNMENT_MEASURES[name]
    if row.sided:
        row = replace(row, label=f"{row.short}, {SIDES[side]}")
    return columns.draw(rows, runs, names, row=row, random=random, theme=theme)
