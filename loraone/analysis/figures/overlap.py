"""The LoRA paper's φ(i, j): how the first i directions of a matrix lie to the first j of another.

``φ(i, j) = ‖U_iᵀ Q_j‖_F² / min(i, j)``, U the gradient's singular vectors, Q those of s·B·A: 1
where the smaller space lies within the larger. Source: arXiv 2106.09685, section 7.2.
"""

from __future__ import annotations

import numpy as np
import pandas as pd
import plotly.graph_objects as go
from plotly.subplots import make_subplots

from loraone.analysis.figures.alignment import SIDES
from loraone.analysis.figures.style import Theme, empty, figure, style_axes


def phi(squared: np.ndarray) -> np.ndarray:
    """φ(i, j) from squared cosines between single directions, (…, k, k); NaN stays NaN."""
    known = np.isfinite(squared)
    sums = np.where(known, squared, 0).astype(np.float64).cumsum(axis=-1).cumsum(axis=-2)
    k = squared.shape[-1]
    smaller = np.minimum(np.arange(1, k + 1)[:, None], np.arange(1, k + 1)[None, :])
    return np.where(known, sums / smaller, np.nan)


def table(left: np.ndarray, right: np.ndarray, layer: int | None) -> pd.DataFrame:
    """φ of one layer, or its mean over the layers that have these directions.

    Args:
        left, right: squared cosines (layers, k, k), gradient over rows, adapter over columns.
    """
    rows = []
    for side, squared in (("left", left), ("right", right)):
        values = phi(squared)
        chosen = values if layer is None else values[layer : layer + 1]
        count = np.isfinite(chosen).sum(axis=0)
        sums = np.nansum(chosen, axis=0)
        for i, j in zip(*np.nonzero(count), strict=True):
            rows.append((side, int(i) + 1, int(j) + 1, sums[i, j] / count[i, j], int(count[i, j])))
    return pd.DataFrame(rows, columns=["side", "i", "j", "phi", "layers"])


def draw(rows: pd.DataFrame, *, theme: Theme = "light") -> go.Figure:
    """Two maps, out side and in side, with one colour scale from 0 to 1."""
    if rows.empty:
        return empty(theme, "The adapter has no direction at this step")
    drawn = make_subplots(
        rows=1, cols=2, subplot_titles=list(SIDES.values()), horizontal_spacing=0.12
    )
    drawn.update_layout(figure(theme).layout)
    style_axes(drawn, theme)
    for column, side in enumerate(SIDES, 1):
        part = rows[rows["side"] == side]
        if part.empty:
            continue
        grid = part.pivot(index="i", columns="j", values="phi")
        drawn.add_trace(
            go.Heatmap(
                x=[int(j) for j in grid.columns],
                y=[int(i) for i in grid.index],
                z=grid.to_numpy(np.float32),
                coloraxis="coloraxis",
                xgap=1,
                ygap=1,
                hovertemplate="φ(%{y}, %{x}) = %{z:.3f}<extra></extra>",
            ),
            row=1,
            col=column,
        )
        drawn.update_xaxes(title="j (adapter)", showgrid=False, row=1, col=column)
        drawn.update_yaxes(
            title="i (gradient)" if column == 1 else None,
            autorange="reversed",
            showgrid=False,
            row=1,
            col=column,
        )
    drawn.update_layout(
        coloraxis={
            "colorscale": "Cividis",
            "cmin": 0,
            "cmax": 1,
            "colorbar": {"title": {"text": "φ(i, j)", "side": "right"}, "thickness": 14},
        },
        margin={"t": 36, "b": 52},
    )
    return drawn
