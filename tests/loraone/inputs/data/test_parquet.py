"""Parquet: texts, and numbers as texts; other types are refused by name before a run starts."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from pyarrow import parquet

from loraone.errors import DataError
from loraone.inputs.data import files
from loraone.spec.data import DataSpec
from tests.loraone.inputs.data.written import read, refused


def stored(file: Path, *columns: Any, names: tuple[str, ...] = ("text", "label")) -> Path:
    parquet.write_table(pa.Table.from_arrays(list(columns), names=names), file)
    return file


TEXTS = ["a", None, "", "007"]


@pytest.mark.parametrize(
    "kind",
    [pa.string(), pa.large_string(), pa.string_view(), pa.dictionary(pa.int8(), pa.string())],
)
def test_every_type_of_texts_is_read(tmp_path: Path, kind: pa.DataType) -> None:
    column = pa.array(TEXTS, pa.string()).cast(kind)
    file = stored(tmp_path / "rows.parquet", column, pa.array(TEXTS))
    assert read(file) == (TEXTS, TEXTS)


@pytest.mark.parametrize(
    ("column", "texts"),
    [
        (pa.array([1, None, -2], pa.int8()), ["1", None, "-2"]),
        (pa.array([2**64 - 1, 0, 1], pa.uint64()), ["18446744073709551615", "0", "1"]),
        (pa.array([True, None, False]), ["true", None, "false"]),
        (pa.array([1.0, float("nan"), 0.1]), ["1.0", None, "0.1"]),
        (pa.array([None, 1e22, float("inf")]), [None, "1e+22", "inf"]),
        (pa.array([1.0, 0.1, 16777216.0], pa.float32()), ["1.0", "0.1", "16777216.0"]),
        (pa.array(np.array([0.1, 1, 2], np.float16)), ["0.1", "1.0", "2.0"]),
        (pa.array([Decimal("1.50"), Decimal("0.00"), None]), ["1.50", "0.00", None]),
        (pa.array([3, None, 3]).dictionary_encode(), ["3", None, "3"]),
        (pa.nulls(3), [None, None, None]),
    ],
)
def test_numbers_have_the_digits_that_tell_them_apart(
    tmp_path: Path, column: pa.Array, texts: list[str | None]
) -> None:
    file = stored(tmp_path / "rows.parquet", pa.array(["a", "b", "c"]), column)
    assert read(file) == (["a", "b", "c"], texts)


@pytest.mark.parametrize(
    "column",
    [
        pa.array([["a"], ["b"]]),
        pa.array([{"role": "user"}, None]),
        pa.array([b"a", b"b"]),
        pa.array([b"a", b"b"], pa.binary(1)),
        pa.array([datetime(2024, 1, 1)] * 2, pa.timestamp("ns")),
        pa.array([1, 2], pa.duration("s")),
        pa.array([[("a", 1)], []], pa.map_(pa.string(), pa.int8())),
    ],
    ids=lambda column: str(column.type),
)
@pytest.mark.parametrize("field", ["text_column", "label_column"])
def test_other_types_are_refused_by_name_from_the_schema(
    tmp_path: Path, column: pa.Array, field: str
) -> None:
    name = field.removesuffix("_column")
    columns = {"text": pa.array(["a", "b"]), "label": pa.array(["x", "y"]), name: column}
    file = stored(tmp_path / "rows.parquet", columns["text"], columns["label"])
    error = refused(file, f"column '{name}' holds", str(column.type).partition("<")[0])
    assert error.field == f"data.{field}"
    with pytest.raises(DataError, match="holds"):
        files.check(DataSpec(source=str(file)), True)


def test_a_text_that_is_not_utf_8_is_named_by_row_beyond_the_first_batch(tmp_path: Path) -> None:
    values = [b"a"] * 150_000
    values[140_000] = b"caf\xe9"
    column = pa.array(values).view(pa.string())
    file = stored(tmp_path / "rows.parquet", column, pa.array(["x"] * 150_000))
    refused(file, "row 140001", "column 'text'", "0xe9 is not UTF-8", "caf\\xe9")


def test_a_column_is_found_by_its_whole_name(tmp_path: Path) -> None:
    nested = pa.array([{"b": 1}, {"b": 2}])
    file = stored(
        tmp_path / "rows.parquet", nested, pa.array(["x", "y"]), nested, names=("a", "a.b", "c")
    )
    assert read(file, labelled=False, text_column="a.b")[0] == ["x", "y"]
    refused(file, "no column 'c.b'", labelled=False, text_column="c.b")


def test_a_name_that_is_there_twice_is_refused_where_it_is_asked_for(tmp_path: Path) -> None:
    columns = [pa.array(["a", "b"])] * 3
    file = stored(tmp_path / "rows.parquet", *columns, names=("text", "label", "label"))
    assert refused(file, "2 columns named 'label'").field == "data.label_column"
    assert read(file, labelled=False)[0] == ["a", "b"]
