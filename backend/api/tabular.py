"""Tables as they leave the server: CSV, Parquet, or rows of JSON; and figures with theirs."""

from __future__ import annotations

from collections.abc import Callable
from io import BytesIO
from typing import Literal

import pandas as pd
import plotly.graph_objects as go
from fastapi import Response

from loraone.analysis.csv_text import csv
from loraone.analysis.figures.style import fitted

Format = Literal["json", "csv", "parquet", "records"]


def _csv(table: pd.DataFrame) -> bytes:
    return csv(table).encode()


def _parquet(table: pd.DataFrame) -> bytes:
    written = BytesIO()
    table.to_parquet(written, index=False)
    return written.getvalue()


_FILES: dict[str, tuple[str, Callable[[pd.DataFrame], bytes]]] = {
    "csv": ("text/csv; charset=utf-8", _csv),
    "parquet": ("application/vnd.apache.parquet", _parquet),
}


def answer_table(table: pd.DataFrame, form: str, name: str) -> Response:
    """A download named ``name``; for ``records`` ``{"columns": […], "data": [[…], …]}``."""
    if form == "records":
        text = table.to_json(orient="split", index=False, double_precision=15)
        return Response(text, media_type="application/json")
    kind, write = _FILES[form]
    headers = {"Content-Disposition": f'attachment; filename="{name}.{form}"'}
    return Response(write(table), media_type=kind, headers=headers)


def answer(drawn: go.Figure, table: pd.DataFrame, form: Format, name: str) -> Response:
    """A figure as plotly reads it, or the numbers behind it."""
    if form == "json":
        return Response(fitted(drawn).to_json(), media_type="application/json")
    return answer_table(table, form, name)
