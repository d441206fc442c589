"""Local CSV, JSONL and Parquet files with named columns."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from loraone.errors import DataError
from loraone.inputs.data.texts import Rows
from loraone.spec.data import DataSpec


def load(spec: DataSpec, labelled: bool) -> Rows:
    """Read the text column, and the label column where labels are wanted."""
    table = read(Path(spec.source))
    names = {"text_column": spec.text_column}
    if labelled:
        names["label_column"] = spec.label_column
    check_columns(table.column_names, names, spec.source)
    columns = {
        field: ["" if value is None else str(value) for value in table.column(name).to_pylist()]
        for field, name in names.items()
    }
    return Rows(columns["text_column"], columns.get("label_column"))


def read(path: Path) -> Any:
    """The file as an Arrow table. Raises DataError where it is missing or not what it says."""
    from pyarrow import csv, parquet
    from pyarrow import json as arrow_json

    with _readable(path):
        if path.suffix.lower() == ".csv":
            return csv.read_csv(path)
        if path.suffix.lower() == ".parquet":
            return parquet.read_table(path)
        return arrow_json.read_json(path)


def columns(path: Path) -> list[str]:
    """The file's column names, from its beginning alone. Raises DataError as :func:`read`."""
    from pyarrow import csv, parquet

    with _readable(path):
        if path.suffix.lower() == ".csv":
            with csv.open_csv(path) as reader:
                return list(reader.schema.names)
        if path.suffix.lower() == ".parquet":
            return list(parquet.read_schema(path).names)
        with path.open(encoding="utf-8") as lines:
            first = json.loads(next((line for line in lines if line.strip()), "{}"))
        if not isinstance(first, dict):
            raise ValueError("its first line is not a JSON object")
        return list(first)


@contextmanager
def _readable(path: Path) -> Iterator[None]:
    if not path.is_file():
        raise DataError(
            f"there is no file {path}",
            field="data.source",
            value=path,
            allowed="an existing .csv, .jsonl or .parquet file",
        )
    try:
        yield
    except (OSError, ValueError) as error:
        raise DataError(
            f"{path} cannot be read as {path.suffix[1:].upper()}: {error}",
            field="data.source",
            value=path,
        ) from error


def check_columns(have: list[str], wanted: dict[str, str], source: str) -> None:
    """Raise DataError for the first of ``wanted`` (field → column) that ``have`` lacks."""
    for field, name in wanted.items():
        if name not in have:
            raise DataError(
                f"{source} has no column {name!r}; its columns: {', '.join(have)}",
                field=f"data.{field}",
                value=name,
                allowed=", ".join(have),
            )
