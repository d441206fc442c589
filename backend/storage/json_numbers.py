"""Numbers within stored JSON, read by the database: NULL for what is none, whatever it is."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Float, literal
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.orm import InstrumentedAttribute
from sqlalchemy.sql.functions import FunctionElement


class number_in(FunctionElement[float]):  # noqa: N801
    """The number that a column's JSON object has under ``name``.

    SQLAlchemy's ``as_float`` ends the whole statement where one row holds a text, or no JSON.
    """

    type = Float()
    inherit_cache = True

    def __init__(self, column: InstrumentedAttribute[Any], name: str) -> None:
        super().__init__(column, literal(name))


@compiles(number_in, "sqlite")
def _sqlite(element: number_in, compiler: Any, **options: Any) -> str:
    column, name = (compiler.process(clause, **options) for clause in element.clauses)
    path = f"'$.\"' || {name} || '\"'"
    return (
        f"CASE WHEN json_valid({column}) THEN CASE WHEN json_type({column}, {path}) IN "
        f"('integer', 'real') THEN json_extract({column}, {path}) END END"
    )


@compiles(number_in, "postgresql")
def _postgresql(element: number_in, compiler: Any, **options: Any) -> str:
    column, name = (compiler.process(clause, **options) for clause in element.clauses)
    return (
        f"CASE WHEN json_typeof({column} -> {name}) = 'number' "
        f"THEN CAST({column} ->> {name} AS FLOAT) END"
    )
