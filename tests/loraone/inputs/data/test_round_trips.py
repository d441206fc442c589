"""Any table, in any format, is read back as it was written; any bytes are read or refused."""

from __future__ import annotations

import csv
import io
import json
import tempfile
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from loraone.errors import DataError
from loraone.inputs.data import files
from loraone.spec.data import DataSpec
from tests.loraone.inputs.data.written import as_csv, packed, read, rows_of, written

# Every character that there is; numbers, words and signs that readers like to interpret.
CHARACTERS = st.characters(exclude_categories=["Cs"])
TEXTS = st.one_of(
    st.text(CHARACTERS, max_size=12),
    st.text(st.sampled_from('",\n\r\t\\;\0\ufeff\x1c\x85\u2028 a'), max_size=12),
    st.sampled_from(["00007", "1.0", "1e5", "true", "NaN", "NA", "null", "2024-01-01", "0x1", ""]),
    st.integers().map(str),
    st.builds(lambda sign, count: sign * count, CHARACTERS, st.sampled_from([5_000, 200_000])),
)
# A spec names no column with a NUL, which no database keeps.
NAMES = st.text(CHARACTERS, min_size=1, max_size=8).filter(
    lambda name: name[0] != "\ufeff" and "\0" not in name
)


@st.composite
def tables(draw: st.DrawFn) -> dict[str, list[str]]:
    names = draw(st.lists(NAMES, min_size=1, max_size=4, unique=True))
    count = draw(st.integers(1, 6))
    return {name: draw(st.lists(TEXTS, min_size=count, max_size=count)) for name in names}


CSV_STYLES: list[dict[str, Any]] = [
    {},
    {"quoting": csv.QUOTE_ALL},
    {"quoting": csv.QUOTE_ALL, "lineterminator": "\n"},
    {"quoting": csv.QUOTE_ALL, "lineterminator": "\r"},
]
JSON_STYLES: list[dict[str, Any]] = [{}, {"ensure_ascii": False}]


@settings(max_examples=150)
@given(
    table=tables(),
    kind=st.sampled_from(["csv", "jsonl", "json", "parquet"]),
    gz=st.booleans(),
    encoding=st.sampled_from(["utf-8", "utf-8-sig", "utf-16", "utf-32-be", "gb18030"]),
    style=st.integers(0, 3),
    data=st.data(),
)
def test_a_table_is_read_back_as_it_was_written(
    table: dict[str, list[str]],
    kind: str,
    gz: bool,
    encoding: str,
    style: int,
    data: st.DataObject,
) -> None:
    text_column = data.draw(st.sampled_from(list(table)))
    label_column = data.draw(st.sampled_from(list(table)))
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / f"rows.{kind}{'.gz' if gz else ''}"
        if kind == "parquet":
            written(file, table)
        else:
            options = JSON_STYLES[style % 2]
            rows = rows_of(table)
            texts = {
                "csv": lambda: as_csv(table, **CSV_STYLES[style]),
                "jsonl": lambda: "".join(json.dumps(row, **options) + "\r\n" for row in rows),
                "json": lambda: json.dumps(rows, **options, indent=style or None),
            }
            content = texts[kind]().encode(encoding)
            packed(file, content)
        texts_read, labels_read = read(
            file, text_column=text_column, label_column=label_column, encoding=encoding
        )
        assert texts_read == table[text_column]
        assert labels_read == table[label_column]


@settings(max_examples=300)
@given(body=st.text(st.sampled_from('ab,"\n\r \\é\0'), max_size=30))
def test_any_csv_gives_the_rows_of_python_or_is_refused(body: str) -> None:
    content = "text,label\r\n" + body
    expected = [row for row in csv.reader(io.StringIO(content, newline="")) if row][1:]
    with tempfile.TemporaryDirectory() as folder:
        file = packed(Path(folder) / "rows.csv", content.encode())
        try:
            texts, labels = read(file)
        except DataError as error:
            assert "row" in error.message
        else:
            assert [list(row) for row in zip(texts, labels or [], strict=True)] == expected


@settings(max_examples=300)
@given(
    suffix=st.sampled_from(["csv", "jsonl", "json", "parquet", "csv.gz", "jsonl.gz", "parquet.gz"]),
    content=st.one_of(
        st.binary(max_size=60),
        st.text(st.sampled_from('[]{}",:1.-eEtruenlN\\ud8 \n'), max_size=40).map(str.encode),
    ),
    gz=st.booleans(),
    encoding=st.sampled_from(["utf-8", "utf-16", "cp1252", "shift_jis", "utf-7", "utf-16-be"]),
)
def test_any_bytes_are_read_or_refused_as_data(
    suffix: str, content: bytes, gz: bool, encoding: str
) -> None:
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / f"rows.{suffix}"
        packed(file, content) if gz else file.write_bytes(content)
        spec = DataSpec(source=str(file), encoding=encoding)
        for reads in (files.check, files.load):
            try:
                reads(spec, True)
            except DataError as error:
                assert error.message.encode() and error.field
            else:
                pass


def test_both_readers_refuse_the_same_missing_column(tmp_path: Path) -> None:
    for suffix in ("csv", "jsonl", "json", "parquet", "json.gz"):
        file = written(tmp_path / f"rows.{suffix}", {"text": ["a"], "kind": ["b"]})
        errors = []
        for reads in (files.check, files.load):
            with pytest.raises(DataError, match="no column 'label'") as caught:
                reads(DataSpec(source=str(file)), True)
            errors.append(caught.value.as_dict())
        assert errors[0] == errors[1]
