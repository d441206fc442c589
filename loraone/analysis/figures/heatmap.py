"""A scalar of every layer's spectrum as a map, layer × module: where to look first."""

from __future__ import annotations

import numpy as np
import pandas as pd
import plotly.graph_objects as go

from loraone.analysis.figures import layers
from loraone.analysis.figures.style import Theme, empty, figure, title
from loraone.catalog import SCALARS, SPECTRA

# Stands out from every colour of Cividis, on light and dark.
OUTLINE = "#D55E00"
# What is drawn unless something else is asked for.
QUANTITY = next(iter(SPECTRA))
SCALAR = next(row.name for row in SCALARS.values() if row.usual)


def table(
    names: list[str],
    values: dict[int, float | None],
    scalar: str,
    errors: dict[int, float] | None = None,
) -> pd.DataFrame:
    """One row per layer with its stack, block, module and the scalar's value.

    With ``errors``, those of estimates, there is a column ``standard_error``.
    """
    rows = []
    for index, name in enumerate(names):
        stack, block, module = layers.split(name)
        rows.append((index, name, stack, block, module, values.get(index)))
    columns = ["index", "layer", "stack", "block", "module", scalar]
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
    theme: Theme = "light",
) -> go.Figure:
    """Blocks from left to right, modules from top to bottom; a cell carries its layer's index.

    ``outlined`` is the index of the layer that is looked at: its cell has a frame.
    """
    if rows.empty or rows[scalar].isna().all():
        return empty(theme, "Not measured for this run")
    row = SCALARS[scalar]
    several = rows["stack"].nunique() > 1
    rows = rows.assign(
        line=(rows["stack"] + " " + rows["module"]).str.strip() if several else rows["module"],
        column=rows["block"].fillna(0),
    )
    modules = list(dict.fromkeys(rows["line"]))
    grid = rows.pivot_table(index="line", columns="column", values=scalar, dropna=False)
    where = rows.pivot_table(index="line", columns="column", values="index", dropna=False)
    grid, where = grid.reindex(modules), where.reindex(modules)
    text = None
    if "standard_error" in rows:
        cells = rows.assign(text=rows["standard_error"].map(_doubt))
        words = cells.pivot(index="line", columns="column", values="text").fillna("")
        text = words.reindex(index=modules, columns=grid.columns).to_numpy()
    drawn = figure(
        theme,
        xaxis={"title": "Transformer block", "dtick": 1, "showgrid": False, "automargin": True},
        yaxis={"autorange": "reversed", "showgrid": False, "automargin": True},
        margin={"l": 8, "r": 8, "t": 16, "b": 52},
    )
    drawn.add_trace(
        go.Heatmap(
            x=[int(column) for column in grid.columns],
            y=modules,
            z=grid.to_numpy(np.float32),
            customdata=where.to_numpy(),
            hovertext=text,
            colorscale="Cividis",
            xgap=2,
            ygap=2,
            colorbar={
                "title": {"text": title(row.label, row.unit), "side": "right"},
                "thickness": 14,
            },
            hovertemplate=(
                "block %{x}, %{y}<br>"
                + f"{SPECTRA[quantity].label}: {row.label} "
                + "%{z:.4g}"
                + ("%{hovertext}" if text is not None else "")
                + "<extra>click for its spectra</extra>"
            ),
        )
    )
    if outlined is not None and outlined in set(rows["index"]):
        cell = rows[rows["index"] == outlined].iloc[0]
        block, line = int(cell["column"]), modules.index(cell["line"])
        drawn.add_shape(
            x0=block - 0.5, x1=block + 0.5, y0=line - 0.5, y1=line + 0.5,
            line={"color": OUTLINE, "width": 3},
        )  # fmt: skip
    return drawn


def _doubt(error: float) -> str:
    """What is said after an estimate."""
    return "" if np.isnan(error) else f" ± {error:.2g} (estimated)"
