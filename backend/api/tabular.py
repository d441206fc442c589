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
from loraone.analysis.figures.thinned import thinned

Format = Literal["json", "csv", "parquet", "records"]
# Of a table that is shown in a page; its files have all.
MOST_RECORDS = 20_000


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
    """A download named ``name``; for ``records`` ``{"columns": […], "data": [[…], …], "left_out":
    n}``, where ``n`` rows would be too many."""
    if form == "records":
        text = table[:MOST_RECORDS].to_json(orient="split", index=False, double_precision=15)
        left_out = max(0, len(table) - MOST_RECORDS)
        return Response(f'{text[:-1]},"left_out":{left_out}}}', media_type="application/json")
    kind, write = _FILES[form]
    headers = {"Content-Disposition": f'attachment; filename="{name}.{form}"'}
    return Response(write(table), media_type=kind, headers=headers)


def answer(drawn: go.Figure, table: pd.DataFrame, form: Format, name: str) -> Response:
    """A figure as plotly reads it, or the numbers behind it."""
    if form == "json":
        return Response(thinned(fitted(drawn)).to_json(), media_type="application/json")
    return answer_table(table, form, name)
