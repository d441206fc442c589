"""Tables as CSV that a spreadsheet shows and does not run."""

from __future__ import annotations

from typing import Any

import pandas as pd
from pandas.api.types import is_datetime64_any_dtype, is_numeric_dtype

# A spreadsheet takes a cell that begins so for a formula.
_FORMULA = ("=", "+", "-", "@", "\t", "\n")


def csv(table: pd.DataFrame) -> str:
    """``table`` as CSV. A word that a spreadsheet would take for a formula gets an apostrophe in
    front; a number is none, also where it stands in a column of words."""
    safe = table.copy()
    for place, kind in enumerate(table.dtypes):
        if not (is_numeric_dtype(kind) or is_datetime64_any_dtype(kind)):
            safe.isetitem(place, table.iloc[:, place].map(_harmless).array)
    safe.columns = pd.Index([_harmless(name) for name in table.columns])
    return safe.to_csv(index=False)


def _harmless(value: Any) -> Any:
    if not isinstance(value, str):
        return value
    # pandas puts no quotes around a carriage return, which would end the row.
    value = value.replace("\r\n", "\n").replace("\r", "\n")
    if not value.startswith(_FORMULA):
        return value
    try:
        float(value)
    except ValueError:
        return f"'{value}"
    return value
