"""What the server measured, with the columns that :mod:`loraone.analysis` takes."""

from __future__ import annotations

import base64
from collections.abc import Sequence
from io import BytesIO
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from loraone.analysis import outcomes
from loraone.client.connection import Connection
from loraone.client.errors import ClientError
from loraone.client.models import RunOut

if TYPE_CHECKING:
    import plotly.graph_objects as go

# Of every figure, and nobody's choice here.
_FIXED = {"of", "format"}


def read_table(connection: Connection, path: str, **params: Any) -> pd.DataFrame:
    """A table that the server sends as Parquet."""
    answer = connection.get(path, format="parquet", **params)
    return pd.read_parquet(BytesIO(answer.content))


def run_table(connection: Connection, item: str, runs: Sequence[RunOut]) -> pd.DataFrame:
    """A row for each run: its spec, where it stands, its results.

    Beside the columns of the page's table ``method`` has the catalogue's name, and ``series`` and
    ``origin`` are there, so that figures can be drawn of it as it is.
    """
    table = read_table(connection, "/api/runs/file", of=item)
    methods = {run.id: run.method for run in runs}
    ranks = table["rank"] if "rank" in table else pd.Series(np.nan, index=table.index)
    known: list[float | None] = [None if pd.isna(rank) else float(rank) for rank in ranks]
    return table.assign(
        method=[methods.get(key, "") for key in table["run_id"]],
        series=outcomes.names([str(label) for label in table["label"]], known),
        origin="",
    )


def draw(connection: Connection, item: str, name: str, options: dict[str, Any]) -> go.Figure:
    """A figure as the page shows it. Raises ClientError where it, or an option, is unknown."""
    import plotly.graph_objects as go

    path = f"/api/figures/{name.replace('_', '-')}"
    _check_options(connection.document["paths"], path, options)
    drawn = connection.read(dict[str, Any], path, of=item, **options)
    return go.Figure(_with_arrays(drawn))


def _check_options(paths: dict[str, Any], path: str, options: dict[str, Any]) -> None:
    """The server passes over a parameter that it does not know: a slip of the pen would not be
    noticed."""
    kind = "/api/figures/"
    figures = [each.removeprefix(kind) for each in paths if each.startswith(kind)]
    name = path.removeprefix(kind)
    if name not in figures:
        raise ClientError(
            f"there is no figure {name!r}; allowed: {', '.join(figures)}",
            field="name",
            value=name,
            allowed=", ".join(figures),
        )
    known = [row["name"] for row in paths[path]["get"]["parameters"] if row["name"] not in _FIXED]
    for option, value in options.items():
        if option not in known:
            allowed = ", ".join(known)
            raise ClientError(
                f"the figure {name} has no option {option!r}; allowed: {allowed}",
                field=option,
                value=value,
                allowed=allowed,
            )


def _with_arrays(value: Any) -> Any:
    """Plotly's JSON with numpy's arrays where it has their bytes."""
    if isinstance(value, list):
        return [_with_arrays(each) for each in value]
    if not isinstance(value, dict):
        return value
    if isinstance(value.get("bdata"), str) and "dtype" in value:
        flat = np.frombuffer(base64.b64decode(value["bdata"]), dtype=value["dtype"])
        shape = [int(size) for size in str(value["shape"]).split(",")] if "shape" in value else [-1]
        return flat.reshape(shape)
    return {name: _with_arrays(each) for name, each in value.items()}
