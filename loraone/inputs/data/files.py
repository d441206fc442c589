"""Local CSV, JSON and Parquet files with named columns, packed with gzip or not."""

from __future__ import annotations

import zlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import replace
from functools import partial
from itertools import islice
from pathlib import Path
from typing import Protocol

from loraone.catalog import SOURCES
from loraone.errors import DataError
from loraone.inputs.data.columns import Column, wanted
from loraone.inputs.data.csv_table import CsvTable
from loraone.inputs.data.json_table import JsonTable, check_list_end
from loraone.inputs.data.missing import complete
from loraone.inputs.data.parquet_table import ParquetTable
from loraone.inputs.data.rows import Row, Rows
from loraone.inputs.data.streams import HeadEndError, Text, opened
from loraone.spec.data import DataSpec

# So many rows are checked before a run is taken in, and so many looked through for a column, within
# so many bytes of the file: the server itself does it. What stands beyond them is a worker's to
# look at, and so is a first row that they hold only a part of.
FIRST_ROWS = 1000
SEARCHED_ROWS = 100_000
HEAD = 8 * 2**20


class Table(Protocol):
    """A file of any format, from its beginning; it is read once."""

    def rows(self, columns: Sequence[Column]) -> Iterator[Row]:
        """The values of ``columns``, row by row.

        Raises DataError for a column that is not there, and for what is not as it should be in a
        row.
        """

    def has(self, columns: Sequence[Column]) -> bool:
        """Whether ``columns`` are there, as far as is known from the rows that were read."""


def load(spec: DataSpec, labelled: bool) -> Rows:
    """Read the text column, and the label column where labels are wanted."""
    columns = wanted(spec, labelled)
    with _table(spec) as table:
        return Rows.collect(columns, table.rows(columns))


def check(spec: DataSpec, labelled: bool) -> None:
    """Raise the DataError that :func:`load`, and what follows it, would raise for the beginning.

    Where formats have no header, rows are read on until all columns are found; in a long file one
    that only later rows have is not missed yet. No more than :data:`HEAD` bytes are read: of what
    is longer nothing is known to be wrong.
    """
    columns = wanted(spec, labelled)
    with suppress(HeadEndError), _table(spec, HEAD) as table:
        rows = _Beginning(table.rows(columns))
        first = Rows.collect(columns, islice(rows, FIRST_ROWS))
        first = replace(first, part=next(rows, None) is not None or rows.cut)
        if not table.has(columns):
            any(table.has(columns) for _ in islice(rows, SEARCHED_ROWS))
        complete(first, spec)


class _Beginning(Iterator[Row]):
    """Rows as long as they lie within the beginning of a file; ``cut`` says that there are more."""

    def __init__(self, rows: Iterator[Row]) -> None:
        self._rows = rows
        self.cut = False

    def __next__(self) -> Row:
        try:
            return next(self._rows)
        except HeadEndError:
            self.cut = True
            raise StopIteration from None


@contextmanager
def _table(spec: DataSpec, head: int | None = None) -> Iterator[Table]:
    from pyarrow import ArrowException

    path = Path(spec.source).expanduser()
    suffix = SOURCES["file"].suffix(spec.source)
    try:
        if not path.is_file():
            raise DataError(
                f"there is no file {spec.source}",
                field="data.source",
                value=spec.source,
                allowed=f"an existing {SOURCES['file'].file_kinds}",
            )
        if not path.stat().st_size:
            raise DataError(
                f"{spec.source} is empty",
                field="data.source",
                value=spec.source,
                allowed="a file with rows",
                hint="download or copy it again",
            )
        # Parquet's beginning is its end: the table itself looks at no more than that.
        packed = path.suffix.lower() == ".gz"
        with opened(path, head if packed or suffix != ".parquet" else None) as stream:
            if suffix == ".parquet":
                yield ParquetTable(stream, head)
            else:
                # Held, as it closes the stream when nobody holds it.
                text = Text(stream, spec.encoding, translated=suffix != ".csv")
                yield (CsvTable if suffix == ".csv" else JsonTable)(text, spec.source)
                if head is not None and not packed and suffix == ".json":
                    check_list_end(path)
            if packed:  # that it was cut off shows at its end alone
                for _ in iter(partial(stream.read, 2**16), b""):
                    pass
    except (MemoryError, DataError):  # Arrow's is an ArrowException too, ours a ValueError
        raise
    except UnicodeError as error:  # such as UTF-16 without its byte order mark
        raise DataError(
            f"{spec.source} cannot be read as {spec.encoding}: {error}",
            field="data.encoding",
            value=spec.encoding,
            allowed="the encoding that the file was written in",
        ) from error
    # What a broken or foreign file leads to in csv, json, gzip and Arrow.
    except (OSError, EOFError, ValueError, zlib.error, ArrowException) as error:
        kind = (suffix or "")[1:].upper() + " in gzip" * path.name.lower().endswith(".gz")
        raise DataError(
            f"{spec.source} cannot be read as {kind}: {error}",
            field="data.source",
            value=spec.source,
        ) from error
