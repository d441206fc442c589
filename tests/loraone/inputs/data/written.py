"""Files as tests write them, and what is read of them."""

from __future__ import annotations

import csv
import gzip
import io
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from pyarrow import parquet

from loraone.errors import DataError
from loraone.inputs.data import files
from loraone.spec.data import DataSpec

Table = Mapping[str, Sequence[Any]]


def rows_of(table: Table) -> list[dict[str, Any]]:
    """A table by rows."""
    return [dict(zip(table, values, strict=True)) for values in zip(*table.values(), strict=True)]


def as_csv(table: Table, **options: Any) -> str:
    """As Python's csv writes it."""
    text = io.StringIO()
    writer = csv.writer(text, **options)
    writer.writerow(table)
    writer.writerows(zip(*table.values(), strict=True))
    return text.getvalue()


def packed(file: Path, content: bytes) -> Path:
    """``content`` in a file, by gzip where its name says so."""
    file.write_bytes(gzip.compress(content) if file.suffix == ".gz" else content)
    return file


def written(file: Path, table: Table, encoding: str = "utf-8") -> Path:
    """The table in the format of the file's name."""
    kind = next(suffix for suffix in file.suffixes if suffix != ".gz")
    if kind == ".parquet":
        sink = io.BytesIO()
        parquet.write_table(pa.table(dict(table)), sink)
        return packed(file, sink.getvalue())
    if kind == ".csv":
        text = as_csv(table)
    elif kind == ".jsonl":
        text = "\n".join(json.dumps(row) for row in rows_of(table))
    else:
        text = json.dumps(rows_of(table), ensure_ascii=False, indent=1)
    return packed(file, text.encode(encoding))


FORMATS = ("csv", "jsonl", "json", "parquet")
ALL_FORMATS = (*FORMATS, *(f"{name}.gz" for name in FORMATS))


def read(file: Path, labelled: bool = True, **spec: Any) -> tuple[list[Any], list[Any] | None]:
    """The texts and labels of a file, missing ones among them; both readers accept it."""
    asked = DataSpec(source=str(file), missing_labels="drop", **spec)
    files.check(asked, labelled)
    rows = files.load(asked, labelled)
    return list(rows.texts), rows.labels if rows.labels is None else list(rows.labels)


def refused(file: Path, *words: str, labelled: bool = True, **spec: Any) -> DataError:
    """The error that the file is refused with, in whose message are ``words``."""
    with pytest.raises(DataError) as caught:
        files.load(DataSpec(source=str(file), **spec), labelled)
    for word in words:
        assert word in caught.value.message, caught.value.message
    caught.value.message.encode()  # can be sent to the page
    return caught.value
