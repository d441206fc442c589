"""What all figures share: templates for light and dark, and how a series is told from others."""

from __future__ import annotations

import textwrap
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Literal

import pandas as pd
import plotly.graph_objects as go

from loraone.catalog import METHODS

Theme = Literal["light", "dark"]

# On a dark ground the Okabe-Ito blue, green and grey are too dim; same hues, lighter.
_ON_DARK = {"#0072B2": "#56B4E9", "#009E73": "#2CC79B", "#555555": "#B5B5B5", "#D55E00": "#FF8A3D"}
_DASHES = ("solid", "dash", "dot", "dashdot", "longdash")
_SYMBOLS = ("circle", "square", "diamond", "triangle-up", "x")
MUTED = "#888888"


@dataclass(frozen=True)
class SeriesStyle:
    """How one series is drawn: colour says the method, dash and symbol say the variant."""

    colour: str
    dash: str
    symbol: str


def series_styles(runs: pd.DataFrame, theme: Theme) -> dict[str, SeriesStyle]:
    """A style for each series label, the same in every figure of the experiment."""
    styles: dict[str, SeriesStyle] = {}
    count: dict[str, int] = {}
    for method, series in runs[["method", "series"]].drop_duplicates().itertuples(index=False):
        nth = count.get(method, 0)
        count[method] = nth + 1
        colour = METHODS[method].colour if method in METHODS else MUTED
        if theme == "dark":
            colour = _ON_DARK.get(colour, colour)
        styles[series] = SeriesStyle(colour, _DASHES[nth % 5], _SYMBOLS[(nth + nth // 5) % 5])
    return styles


def figure(theme: Theme, **layout: Any) -> go.Figure:
    """An empty figure in the house style."""
    dark = theme == "dark"
    grid = "#3a3a3a" if dark else "#e6e6e6"
    axis = {"gridcolor": grid, "zerolinecolor": grid, "linecolor": grid, "automargin": True}
    drawn = go.Figure()
    drawn.update_layout(
        template="none",
        paper_bgcolor="rgba(0,0,0,0)",
        plot_bgcolor="rgba(0,0,0,0)",
        font={"color": "#d5d5d5" if dark else "#2b2b2b", "size": 13, "family": "system-ui"},
        margin={"l": 64, "r": 16, "t": 24, "b": 52},
        legend={"orientation": "h", "y": 1.02, "yanchor": "bottom", "x": 0, "font": {"size": 12}},
        hoverlabel={"namelength": -1},
        # Wherever it is shown, such as in a notebook: no button that uploads it to plotly's cloud.
        modebar={"remove": ["sendChartToCloud"]},
        xaxis=axis,
        yaxis=axis,
    )
    drawn.update_layout(**layout)
    return drawn


def style_axes(drawn: go.Figure, theme: Theme) -> None:
    """Give every axis of a figure with subplots the house's lines."""
    grid = "#3a3a3a" if theme == "dark" else "#e6e6e6"
    drawn.update_xaxes(gridcolor=grid, zerolinecolor=grid, linecolor=grid, automargin=True)
    drawn.update_yaxes(gridcolor=grid, zerolinecolor=grid, linecolor=grid, automargin=True)


def faint(colour: str, opacity: float = 0.18) -> str:
    """The colour of a band around a line."""
    red, green, blue = (int(colour[i : i + 2], 16) for i in (1, 3, 5))
    return f"rgba({red},{green},{blue},{opacity})"


def blend(colour: str, other: str, share: float) -> str:
    """A colour on the way to another: 0 is the first, 1 the second."""
    pairs = ((int(colour[i : i + 2], 16), int(other[i : i + 2], 16)) for i in (1, 3, 5))
    return "#" + "".join(f"{round(a + (b - a) * share):02x}" for a, b in pairs)


def band(
    x: Iterable[Any], low: Iterable[float], high: Iterable[float], style: SeriesStyle
) -> go.Scatter:
    """A filled band between two lines, without a legend entry of its own."""
    xs, lows, highs = list(x), list(low), list(high)
    return go.Scatter(
        x=xs + xs[::-1],
        y=highs + lows[::-1],
        mode="lines",  # few points would be drawn as markers too
        fill="toself",
        fillcolor=faint(style.colour),
        line={"width": 0},
        hoverinfo="skip",
        showlegend=False,
    )


def title(label: str, unit: str) -> str:
    """An axis title with its unit."""
    return f"{label} ({unit})" if unit else label


def fitted(drawn: go.Figure) -> go.Figure:
    """The same figure, its long titles in lines that fit a phone; it is changed itself.

    A title longer than its axis is cut off at both ends, whatever the margins are. Names of series
    stay as they are, since they are looked up; the page breaks them (``frontend/src/ui/names.ts``).
    """
    drawn.for_each_yaxis(lambda axis: axis.title.update(text=_in_lines(axis.title.text, 28)))
    drawn.for_each_xaxis(lambda axis: axis.title.update(text=_in_lines(axis.title.text, 40)))
    for trace in drawn.select_traces({"type": "heatmap"}):
        bar = trace.colorbar
        bar.title.text = _in_lines(bar.title.text, 28)
    return drawn


def _in_lines(text: str | None, width: int) -> str | None:
    """Broken between words alone: a break inside of a tag, such as <sub>, would show it."""
    if text is None or len(text) <= width:
        return text
    words = textwrap.wrap(text, width, break_long_words=False, break_on_hyphens=False)
    return "<br>".join(words)


def error_bars(deviations: pd.Series[float]) -> dict[str, Any]:
    """Bars of ± one deviation; none where one seed has no deviation, which is not one of zero."""
    return {"type": "data", "array": deviations.to_numpy("float64")}


def empty(theme: Theme, sentence: str) -> go.Figure:
    """A figure that says why there is nothing to draw, in lines that a phone can show."""
    drawn = figure(theme)
    drawn.update_xaxes(visible=False)
    drawn.update_yaxes(visible=False)
    lines = "<br>".join(textwrap.wrap(sentence, 44))
    drawn.add_annotation(text=lines, showarrow=False, font={"size": 15})
    return drawn
