"""A figure of no more points than a page can take, which says so.

Of each stretch of a line its lowest and its highest point stay, so no peak is lost; the numbers
behind the figure are all in its files.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import plotly.graph_objects as go

from loraone.analysis.figures.style import MUTED

# Of all points together as they are sent: two numbers each, and what is written at each.
MOST_BYTES = 6_000_000
_POINT = 24


def thinned(drawn: go.Figure, most: int | None = None) -> go.Figure:
    """The same figure, with at most so many bytes of points; it is changed itself."""
    most = MOST_BYTES if most is None else most
    lines = list(drawn.select_traces({"type": "scatter"}))
    total = sum(len(line.x) for line in lines if line.x is not None)
    size = sum(_bytes(line) for line in lines)
    if size <= most:
        return drawn
    for line in lines:
        _thin(line, most / size)
    left = sum(len(line.x) for line in lines if line.x is not None)
    drawn.add_annotation(
        text=f"{left:,} of {total:,} points are drawn, of each stretch the lowest and the highest;"
        "<br>all are in the files",
        x=1, xref="paper", xanchor="right", y=0, yref="paper", yanchor="bottom", align="right",
        showarrow=False, font={"color": MUTED, "size": 11},
    )  # fmt: skip
    return drawn


def _bytes(line: go.Scatter) -> int:
    if line.x is None:
        return 0
    texts = [] if line.customdata is None else line.customdata
    return len(line.x) * _POINT + sum(len(str(text)) for text in texts)


def _thin(line: go.Scatter, share: float) -> None:
    if line.x is None or len(line.x) < 5:
        return
    kept = _kept(np.asarray(line.y, np.float64), max(1, math.floor(len(line.x) * share / 2) - 1))
    for name in ("x", "y", "customdata"):
        values: Any = line[name]
        if values is not None:
            line[name] = np.asarray(values)[kept]
    if line.error_y.array is not None:
        line.error_y.array = np.asarray(line.error_y.array)[kept]


def _kept(y: np.ndarray, stretches: int) -> np.ndarray:
    """The places of the first and the last point, and of the lowest and the highest of each of so
    many stretches."""
    length = math.ceil(len(y) / stretches)
    # The last point again, until all stretches are full.
    places = np.minimum(np.arange(math.ceil(len(y) / length) * length), len(y) - 1)
    rows = y[places].reshape(-1, length)
    missing = np.isnan(rows)
    begins = np.arange(len(rows)) * length
    lowest = begins + np.where(missing, np.inf, rows).argmin(axis=1)
    highest = begins + np.where(missing, -np.inf, rows).argmax(axis=1)
    return np.unique(places[np.concatenate([[0, len(y) - 1], lowest, highest])])
