"""A theory experiment at a glance: losses, subspaces, a sweep, with what was predicted beside them.

Lines are medians over seeds, bands reach from the least to the greatest: losses span decades, and
their mean would be that of the worst seed.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
import plotly.graph_objects as go
from numpy.typing import NDArray
from plotly.subplots import make_subplots

from loraone.analysis.figures.style import (
    MUTED,
    SeriesStyle,
    Theme,
    band,
    blend,
    empty,
    figure,
    series_styles,
    style_axes,
)

# At the bottom of the whole figure, however many lines it has.
BELOW = {
    "orientation": "h",
    "yref": "container",
    "y": 0,
    "yanchor": "bottom",
    "x": 0,
    "font": {"size": 12},
}
FLOOR = 1e-32  # what float64 leaves of a loss; below it a logarithm says nothing


def table(values: Mapping[str, Sequence[np.ndarray]], steps: Sequence[int]) -> pd.DataFrame:
    """Median, least and greatest over seeds at each step, per series.

    Args:
        values: one array (steps,) for each seed, by series.
        steps: what the entries are measured at.
    """
    parts = []
    for name, arrays in values.items():
        stacked = np.stack(arrays)
        known = np.isfinite(stacked).any(axis=0)
        stacked = stacked[:, known]
        parts.append(
            pd.DataFrame(
                {
                    "series": name,
                    "step": np.asarray(steps)[known],
                    "median": np.nanmedian(stacked, axis=0),
                    "least": np.nanmin(stacked, axis=0),
                    "greatest": np.nanmax(stacked, axis=0),
                    "seeds": np.isfinite(stacked).sum(axis=0),
                }
            )
        )
    columns = ["series", "step", "median", "least", "greatest", "seeds"]
    return pd.concat(parts) if parts else pd.DataFrame(columns=columns)


def shades(runs: pd.DataFrame, theme: Theme) -> dict[str, SeriesStyle]:
    """Colour says the method, dash its variant, and what is swept gets paler value by value."""
    variants = series_styles(runs.assign(series=runs["method_label"]), theme)
    ground = "#1a1b1e" if theme == "dark" else "#ffffff"
    paled = {}
    for variant, part in runs.groupby("method_label", sort=False):
        names = list(part["series"].drop_duplicates())
        style = variants[str(variant)]
        for i, name in enumerate(names):
            paler = 0.6 * i / max(1, len(names) - 1)
            paled[name] = SeriesStyle(blend(style.colour, ground, paler), style.dash, style.symbol)
    return paled


def losses(
    rows: pd.DataFrame,
    runs: pd.DataFrame,
    predicted: pd.DataFrame,
    *,
    theme: Theme = "light",
) -> go.Figure:
    """Relative training loss against step, log; predictions are dotted in the series' colour.

    Args:
        rows: see :func:`table`.
        runs: ``series``, ``method``, and ``method_label``: the series without what was swept.
        predicted: ``series``, ``name`` (phase, rate, floor), ``predicted``: medians over seeds.
    """
    if rows.empty:
        return empty(theme, "Nothing was solved")
    drawn = figure(
        theme,
        xaxis_title="Step",
        yaxis={"type": "log", "title": "Loss over its start", "exponentformat": "power"},
        hovermode="x unified",
        legend=BELOW,
    )
    styles = shades(runs, theme)
    for series in runs["series"].drop_duplicates():
        line = rows[rows["series"] == series]
        style = styles[series]
        _line(drawn, line, series, style, lowest=FLOOR)
        numbers = predicted[predicted["series"] == series].set_index("name")["predicted"]
        _predictions(drawn, line, numbers, style)
    drawn.update_yaxes(range=_decades(rows))
    return drawn


def _decades(rows: pd.DataFrame) -> tuple[float, float]:
    low = max(FLOOR, float(rows["median"].min()))
    high = float(rows["greatest"].clip(upper=1e6).max())
    return np.log10(low) - 0.5, np.log10(max(high, low * 10)) + 0.3


def _predictions(
    drawn: go.Figure, line: pd.DataFrame, numbers: pd.Series, style: SeriesStyle
) -> None:
    steps, values = line["step"].to_numpy(), line["median"].to_numpy()
    dotted = {"color": style.colour, "width": 1.5, "dash": "dot"}
    if numbers.get("rate") is not None and not np.isnan(numbers["rate"]):
        late = np.flatnonzero(values < 1e-2)
        if len(late) and 0 < numbers["rate"] < 1:
            first = late[0]
            exact = values[first] * numbers["rate"] ** (steps[first:] - steps[first])
            shown = exact > FLOOR
            _extra(drawn, steps[first:][shown], exact[shown], "predicted rate", dotted)
    if numbers.get("floor", 0) and numbers["floor"] > 0:
        ends = np.array([steps[0], steps[-1]])
        _extra(drawn, ends, np.full(2, numbers["floor"]), "predicted floor", dotted)
    if numbers.get("phase") is not None and not np.isnan(numbers["phase"]):
        x = float(numbers["phase"])
        _extra(drawn, np.array([x, x]), np.array([0.05, 1.0]), "predicted end of the phase", dotted)


def _extra(
    drawn: go.Figure, x: np.ndarray, y: np.ndarray, name: str, line: dict[str, object]
) -> None:
    drawn.add_trace(
        go.Scatter(
            x=x, y=y, mode="lines", line=line, name=name, showlegend=False, hovertemplate="%{y:.3g}"
        )
    )


def _line(
    drawn: go.Figure,
    line: pd.DataFrame,
    series: str,
    style: SeriesStyle,
    *,
    lowest: float | None = None,
    where: dict[str, int] | None = None,
    legend: bool = True,
) -> None:
    where = where or {}
    low, high, middle = line["least"], line["greatest"], line["median"]
    if lowest is not None:
        low, high, middle = (part.clip(lower=lowest) for part in (low, high, middle))
    if (line["seeds"] > 1).any():
        drawn.add_trace(band(line["step"], low, high, style), **where)
    drawn.add_trace(
        go.Scatter(
            x=line["step"].to_numpy(),
            y=middle.to_numpy(),
            name=series,
            legendgroup=series,
            showlegend=legend,
            mode="lines",
            line={"color": style.colour, "dash": style.dash, "width": 2},
            hovertemplate="%{y:.3g}",
        ),
        **where,
    )


def subspaces(
    inner: pd.DataFrame, outer: pd.DataFrame, runs: pd.DataFrame, *, theme: Theme = "light"
) -> go.Figure:
    """Largest sines to the gradient's top r* subspaces against step: out side, in side."""
    if inner.empty and outer.empty:
        return empty(theme, "Full fine-tuning has no factors to measure")
    drawn = make_subplots(
        rows=1,
        cols=2,
        shared_yaxes=True,
        subplot_titles=["Out side (B)", "In side (A)"],
        horizontal_spacing=0.04,
    )
    drawn.update_layout(figure(theme).layout)
    style_axes(drawn, theme)
    drawn.update_layout(legend=BELOW, margin={"t": 36, "b": 24}, hovermode="x unified")
    styles = shades(runs, theme)
    shown: set[str] = set()
    for column, rows in enumerate((outer, inner), 1):
        for series in runs["series"].drop_duplicates():
            line = rows[rows["series"] == series]
            if line.empty:
                continue
            where = {"row": 1, "col": column}
            _line(drawn, line, series, styles[series], where=where, legend=series not in shown)
            shown.add(series)
        drawn.update_xaxes(title="Step", row=1, col=column)
    drawn.update_yaxes(range=[-0.04, 1.06])
    drawn.update_yaxes(title="sin of the largest angle to G's", col=1)
    return drawn


def _around(places: NDArray[np.float64]) -> list[float]:
    """A range that shows all of them, also those without a point: a lone point has no range."""
    least, greatest = float(places.min()), float(places.max())
    margin = 0.06 * (greatest - least) or 0.5 * (abs(least) or 1.0)
    return [least - margin, greatest + margin]


def sweep(
    rows: pd.DataFrame, runs: pd.DataFrame, *, label: str, target: float, theme: Theme = "light"
) -> go.Figure:
    """Steps to a loss against what was varied: one line per method, bars from least to greatest.

    Args:
        rows: ``method_label``, ``value``, ``median``, ``least``, ``greatest``, ``reached``,
            ``seeds``.
        runs: ``series``, ``method``, ``method_label``.
        label: of what was varied.
        target: the relative loss that has to be reached.
    """
    if rows.empty or rows["reached"].sum() == 0:
        return empty(theme, f"No run got to a loss of {target:g}: give it more steps")
    values = sorted(set(rows["value"]))
    wide = min(values) > 0 and max(values) / min(values) >= 20
    drawn = figure(
        theme,
        xaxis={
            "title": label,
            "type": "log" if wide else "linear",
            "range": _around(np.log10(values) if wide else np.asarray(values, float)),
            "tickvals": values,
            "ticktext": [f"{value:g}" for value in values],
        },
        yaxis={"title": f"Steps to a loss of {target:g}", "rangemode": "tozero"},
    )
    named = runs.assign(series=runs["method_label"])
    styles = series_styles(named, theme)
    for name in named["series"].drop_duplicates():
        line = rows[(rows["method_label"] == name) & (rows["reached"] > 0)].sort_values("value")
        if line.empty:
            continue
        style = styles[name]
        spread = {
            "type": "data",
            "array": (line["greatest"] - line["median"]).to_numpy(),
            "arrayminus": (line["median"] - line["least"]).to_numpy(),
        }
        drawn.add_trace(
            go.Scatter(
                x=line["value"].to_numpy(),
                y=line["median"].to_numpy(),
                error_y=spread,
                name=name,
                mode="lines+markers",
                line={"color": style.colour, "dash": style.dash, "width": 2},
                marker={"symbol": style.symbol, "size": 9},
                customdata=line[["reached", "seeds"]].to_numpy(),
                hovertemplate="%{x:g}: %{y:.0f} steps (%{customdata[0]} of %{customdata[1]} runs)",
            )
        )
    if (rows["reached"] < rows["seeds"]).any():
        drawn.add_annotation(
            text="some runs did not get there", xref="paper", yref="paper", x=1, y=1,
            xanchor="right", yanchor="top", showarrow=False, font={"color": MUTED, "size": 12},
        )  # fmt: skip
    return drawn
