"""A scalar of every layer's spectrum as a map, layer × module or expert × layer: where to look
first."""

from __future__ import annotations

from collections.abc import Collection

import numpy as np
import pandas as pd
import plotly.graph_objects as go

from loraone.analysis.figures import layers
from loraone.analysis.figures.style import Theme, empty, figure, title
from loraone.catalog import SCALARS, SPECTRA

# Stands out from every colour of Cividis, on light and dark.
OUTLINE = "#D55E00"
# What a cell that is struck through is.
UNUSED = "no token of the gradient batch"
# Columns that each have a number on a phone, too.
_FEW = 12
# What is drawn unless something else is asked for.
QUANTITY = next(iter(SPECTRA))
SCALAR = next(row.name for row in SCALARS.values() if row.usual)


def table(
    names: list[str],
    values: dict[int, float | None],
    scalar: str,
    errors: dict[int, float] | None = None,
) -> pd.DataFrame:
    """One row per layer with its stack, block, module, expert if it is one's, and the scalar.

    With ``errors``, those of estimates, there is a column ``standard_error``.
    """
    rows = []
    for index, name in enumerate(names):
        stack, block, module = layers.split(name)
        rows.append((index, name, stack, block, module, layers.expert(name), values.get(index)))
    columns = ["index", "layer", "stack", "block", "module", "expert", scalar]
    found = pd.DataFrame(rows, columns=columns)
    if errors:
        found["standard_error"] = found["index"].map(errors)
    return found


def draw(
    rows: pd.DataFrame,
    *,
    scalar: str,
    quantity: str,
    outlined: int | None = None,
    experts: str | None = None,
    unused: Collection[int] = (),
    theme: Theme = "light",
) -> go.Figure:
    """Blocks from left to right, modules from top to bottom; a cell carries its layer's index.

    With ``experts``, a class of layers, its experts from left to right and the blocks from top to
    bottom. ``unused`` are the indices of those that got no token of the gradient batch: their cells
    are struck through, and have no colour where the quantity is their gradient's. ``outlined`` is
    the index of the layer that is looked at: its cell has a frame.
    """
    of_experts = rows["expert"].notna()
    rows = rows[~of_experts if experts is None else of_experts & (rows["module"] == experts)]
    if rows.empty or rows[scalar].isna().all():
        return empty(theme, "Not measured for this run")
    if experts is None:
        rows, drawn = _of_layers(rows, scalar, quantity, theme)
    else:
        rows, drawn = _of_experts(rows, scalar, quantity, unused, theme)
        drawn.update_xaxes(title=f"Expert ({experts})")
    _outline(drawn, rows, outlined)
    return drawn


def _of_layers(
    rows: pd.DataFrame, scalar: str, quantity: str, theme: Theme
) -> tuple[pd.DataFrame, go.Figure]:
    several = rows["stack"].nunique() > 1
    rows = rows.assign(
        line=(rows["stack"] + " " + rows["module"]).str.strip() if several else rows["module"],
        column=rows["block"].fillna(0),
    )
    drawn = _map(rows, scalar, quantity, "block %{x}, %{y}", theme)
    drawn.update_xaxes(title="Transformer block")
    return rows, drawn


def _of_experts(
    rows: pd.DataFrame, scalar: str, quantity: str, unused: Collection[int], theme: Theme
) -> tuple[pd.DataFrame, go.Figure]:
    rows = rows.assign(
        line=(rows["stack"] + " " + rows["block"].astype(int).astype(str)).str.strip(),
        column=rows["expert"],
    )
    none = rows["index"].isin(unused)
    known = rows.assign(**{scalar: rows[scalar].mask(none)}) if quantity == QUANTITY else rows
    drawn = _map(known, scalar, quantity, "expert %{x} of block %{y}", theme)
    drawn.update_yaxes(title="Transformer block", type="category")
    struck = rows[none]
    if len(struck):
        drawn.add_trace(
            go.Scatter(
                x=struck["column"].astype(int),
                y=struck["line"],
                customdata=struck["index"],
                mode="markers",
                marker={"symbol": "line-ne-open", "size": 14, "color": OUTLINE, "line_width": 2},
                name=UNUSED,
                showlegend=True,
                hovertemplate="expert %{x} of block %{y}<br>" + UNUSED + "<extra></extra>",
            )
        )
        drawn.update_layout(legend={"orientation": "h", "y": 1.02, "yanchor": "bottom"})
        drawn.update_layout(margin_t=40)
    return rows, drawn


def _map(
    rows: pd.DataFrame, scalar: str, quantity: str, where_said: str, theme: Theme
) -> go.Figure:
    """Of ``line`` and ``column``, in the order of the lines."""
    row = SCALARS[scalar]
    lines = list(dict.fromkeys(rows["line"]))
    grid = rows.pivot_table(index="line", columns="column", values=scalar, dropna=False)
    where = rows.pivot_table(index="line", columns="column", values="index", dropna=False)
    grid, where = grid.reindex(lines), where.reindex(lines)
    few = grid.shape[1] <= _FEW
    text = None
    if "standard_error" in rows:
        cells = rows.assign(text=rows["standard_error"].map(_doubt))
        words = cells.pivot(index="line", columns="column", values="text").fillna("")
        text = words.reindex(index=lines, columns=grid.columns).to_numpy()
    drawn = figure(
        theme,
        # Of few columns plotly would also name halves, of many each has no room on a phone.
        xaxis={"showgrid": False, "automargin": True, "dtick": 1 if few else None},
        yaxis={"autorange": "reversed", "showgrid": False, "automargin": True},
        margin={"l": 8, "r": 8, "t": 16, "b": 52},
    )
    drawn.add_trace(
        go.Heatmap(
            x=[int(column) for column in grid.columns],
            y=lines,
            z=grid.to_numpy(np.float32),
            customdata=where.to_numpy(),
            hovertext=text,
            colorscale="Cividis",
            xgap=2,
            ygap=2,
            colorbar={
                "title": {
                    "text": title(row.label, row.unit) + ("" if text is None else ", estimated"),
                    "side": "right",
                },
                "thickness": 14,
            },
            hovertemplate=(
                where_said
                + f"<br>{SPECTRA[quantity].label}: {row.label} "
                + "%{z:.4g}"
                + ("%{hovertext}" if text is not None else "")
                + "<extra>click for its spectra</extra>"
            ),
        )
    )
    return drawn


def _outline(drawn: go.Figure, rows: pd.DataFrame, outlined: int | None) -> None:
    if outlined is not None and outlined in set(rows["index"]):
        cell = rows[rows["index"] == outlined].iloc[0]
        column = int(cell["column"])
        line = list(dict.fromkeys(rows["line"])).index(cell["line"])
        drawn.add_shape(
            x0=column - 0.5, x1=column + 0.5, y0=line - 0.5, y1=line + 0.5,
            line={"color": OUTLINE, "width": 3},
        )  # fmt: skip


def _doubt(error: float) -> str:
    """What is said after an estimate."""
    return "" if np.isnan(error) else f" ± {error:.2g} (estimated)"
