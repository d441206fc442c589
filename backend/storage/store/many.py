"""Rows by many keys at once: one parameter, however many there are."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from sqlalchemy import ARRAY, ColumnElement, Integer, any_, func, literal, select
from sqlalchemy.orm import InstrumentedAttribute, Session


def among(
    session: Session, column: InstrumentedAttribute[Any], keys: Sequence[int]
) -> ColumnElement[bool]:
    """Whether a column has one of these whole numbers.

    ``IN`` with a parameter for each has an end (32 766 on SQLite) and is slow to build long before.
    """
    if session.get_bind().dialect.name == "sqlite":
        listed = func.json_each(json.dumps(list(keys))).table_valued("value")
        return column.in_(select(listed.c.value))
    return column == any_(literal(list(keys), ARRAY(Integer)))
