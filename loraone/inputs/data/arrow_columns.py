"""Columns of Arrow, of Parquet files and of the hub's data sets, as texts."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from loraone.errors import DataError
from loraone.inputs.data.columns import Column, find, place
from loraone.inputs.data.rows import Row


def check_schema(columns: Sequence[Column], schema: Any) -> None:
    """Raise DataError for the first of ``columns`` that is not in the schema, or holds no texts."""
    for column, at in zip(columns, find(columns, schema.names), strict=True):
        kind = schema.types[at]
        if not _is_text_like(kind):
            raise DataError(
                f"{column.source}, column {column.name!r} holds {kind}, not texts",
                field=f"data.{column.field}",
                value=column.name,
                allowed="a column of texts, numbers or truth values",
                hint="name another column, or write its values as texts",
            )


def rows(columns: Sequence[Column], batches: Iterable[Any]) -> Iterator[Row]:
    """The values of ``columns`` in record batches, row by row."""
    first = 1
    for batch in batches:
        at = find(columns, batch.schema.names)
        texts = [
            _texts(column, batch.column(i), first) for column, i in zip(columns, at, strict=True)
        ]
        for values in zip(*texts, strict=True):
            yield 0, values
        first += batch.num_rows


def _is_text_like(kind: Any) -> bool:
    from pyarrow import types

    if types.is_dictionary(kind):
        return _is_text_like(kind.value_type)
    tests = (
        types.is_string,
        types.is_large_string,
        types.is_string_view,
        types.is_integer,
        types.is_floating,
        types.is_boolean,
        types.is_decimal,
        types.is_null,
    )
    return any(test(kind) for test in tests)


def _texts(column: Column, values: Any, first: int) -> list[str | None]:
    """Texts as they are, numbers with the digits that tell them apart; NaN is a missing value."""
    from pyarrow import types

    if types.is_dictionary(values.type):
        values = values.dictionary_decode()
    if types.is_floating(values.type):
        numbers = values.to_numpy(zero_copy_only=False)
        # numpy's str has the fewest digits that tell the number apart in the column's precision.
        return [None if number != number else str(float(str(number))) for number in numbers]
    if types.is_decimal(values.type):
        return [None if value is None else format(value, "f") for value in values.to_pylist()]
    if types.is_boolean(values.type) or types.is_integer(values.type):
        return [None if value is None else str(value).lower() for value in values.to_pylist()]
    try:
        texts: list[str | None] = values.to_pylist()
    except UnicodeDecodeError as error:
        raise _undecodable(column, values, first) from error
    return texts


def _undecodable(column: Column, values: Any, first: int) -> DataError:
    for row, value in enumerate(values, first):
        try:
            value.as_py()
        except UnicodeDecodeError as error:
            wrong = error.object[error.start]
            return DataError(
                f"{column.source}, {place(row, 0)}, column {column.name!r}: byte 0x{wrong:02x} is "
                f"not UTF-8, in {error.object[:40]!r}",
                field="data.source",
                value=column.source,
                allowed="texts in UTF-8, as the format demands",
                hint="write the file again with its texts decoded",
            )
    raise AssertionError("a column that was not to be decoded has a value that is not")
