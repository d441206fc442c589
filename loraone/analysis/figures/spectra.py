"""Singular values of one layer, log-log: gradient, weight, and what each method did."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
import plotly.graph_objects as go

from loraone.analysis import missing
from loraone.analysis.figures.style import MUTED, Theme, empty, figure, series_styles
from loraone.catalog import SPECTRA

# What is drawn unless something else is asked for.
USUAL = tuple(row.name for row in SPECTRA.values() if row.usual)
# Values this far below the largest are rounding noise of float32.
_FLOOR = 1e-7
# A band rather than a line: it is not known to the width of one.
ESTIMATED_WIDTH = 5
ESTIMATED_OPACITY = 0.4


@dataclass(frozen=True)
class MeasuredValues:
    """Singular values, descending; after the first ``known`` they are estimates, with None none."""

    values: np.ndarray
    known: int | None = None

    @property
    def estimated(self) -> np.ndarray:
        """Whether each of them is an estimate."""
        known = len(self.values) if self.known is None else self.known
        return np.arange(len(self.values)) >= known


def table(spectra: dict[tuple[int, str], MeasuredValues], runs: pd.DataFrame) -> pd.DataFrame:
    """One row per singular value, and whether it is an estimate.

    Args:
        spectra: singular values, descending, by (run_id, quantity).
        runs: ``run_id``, ``series``, ``origin``. The gradient and the weight are the same for all
            runs of an experiment and seed; they appear once for each origin, of its first run.
    """
    frames = []
    seen: set[tuple[str, str]] = set()
    names = dict(zip(runs["run_id"], runs["series"], strict=True))
    origins = dict(zip(runs["run_id"], runs["origin"], strict=True))
    for (run_id, quantity), measured in spectra.items():
        origin = origins[run_id]
        shared = SPECTRA[quantity].shared
        if shared and (quantity, origin) in seen:
            continue
        seen.add((quantity, origin))
        values = measured.values
        kept = values > _FLOOR * (values[0] if len(values) else 0)
        frames.append(
            pd.DataFrame(
                {
                    "series": origin if shared else names[run_id],
                    "quantity": quantity,
                    "index": np.arange(1, kept.sum() + 1),
                    "value": values[kept],
                    "estimated": measured.estimated[kept],
                }
            )
        )
    columns = ["series", "quantity", "index", "value", "estimated"]
    return pd.concat(frames) if frames else pd.DataFrame(columns=columns)


def draw(
    rows: pd.DataFrame,
    runs: pd.DataFrame,
    *,
    rank: int | None,
    gap: float | None = None,
    theme: Theme = "light",
) -> go.Figure:
    """All spectra of one layer; a line marks the adapter's rank and says the ``gap`` of G there."""
    if rows.empty:
        return empty(theme, missing.measured(runs))
    drawn = figure(
        theme,
        xaxis={"title": "Index of the singular value", "type": "log", "dtick": 1},
        yaxis={"title": "Singular value", "type": "log", "exponentformat": "power"},
    )
    styles = series_styles(runs, theme)
    groups = rows.groupby(["series", "quantity"], sort=False)
    for (series, quantity), line in ((tuple(map(str, key)), part) for key, part in groups):
        row = SPECTRA[quantity]
        shared = row.shared
        colour = MUTED if shared else styles[series].colour
        name = f"{row.label} {series}".strip() if shared else f"{series}: {row.label}"
        stroke = {"color": colour, "dash": row.mark if shared else styles[series].dash}
        style = {
            "mode": "lines" if shared or len(line) > 64 else "lines+markers",
            "line": {**stroke, "width": 1.5},
        }
        if not shared:
            style["marker"] = {"symbol": row.mark, "size": 7}
        guessed = line["estimated"].to_numpy(bool)
        drawn.add_trace(
            go.Scatter(
                x=line["index"].to_numpy()[~guessed],
                y=line["value"].to_numpy(np.float32)[~guessed],
                name=name,
                hovertemplate="σ<sub>%{x}</sub> = %{y:.4g}",
                **style,
            )
        )
        if guessed.any():
            after = line[guessed]
            drawn.add_trace(
                go.Scatter(
                    x=after["index"].to_numpy(),
                    y=after["value"].to_numpy(np.float32),
                    name=f"{name}, estimated",
                    mode="lines",
                    line={**stroke, "width": ESTIMATED_WIDTH},
                    opacity=ESTIMATED_OPACITY,
                    hovertemplate="σ<sub>%{x}</sub> ≈ %{y:.4g}, estimated",
                )
            )
    if rank is not None:
        drawn.add_vline(x=rank, line={"color": MUTED, "dash": "dash", "width": 1})
        drawn.add_annotation(
            # Of the paper: a text at the line itself would widen a narrow figure's axis, decades
            # beyond the last value, until it fits. Below the first values there is room.
            x=0, xref="paper", xanchor="left", y=0, yref="paper", yanchor="bottom", align="left",
            text=f"dashed: r = {rank}{_gap(rows, rank, gap)}",
            font={"color": MUTED}, showarrow=False,
        )  # fmt: skip
    return drawn


def _gap(rows: pd.DataFrame, rank: int, known: float | None) -> str:
    """σ_{r+1}/σ_r of the gradient: near 1 its top-r subspace is ill-defined. As it was measured, or
    from values that were; from no estimate."""
    values = rows[rows["quantity"] == "gradient"].drop_duplicates("index").set_index("index")
    ratio = known
    if ratio is None and rank + 1 in values.index and not values["estimated"][rank + 1]:
        ratio = float(values["value"][rank + 1] / values["value"][rank])
    return "" if ratio is None else f"<br>gap σ<sub>r+1</sub>/σ<sub>r</sub> of G = {ratio:.3f}"
