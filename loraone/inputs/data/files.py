"""Local CSV, JSON and Parquet files with named columns, packed with gzip or not."""

from __future__ import annotations

import io
import zlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from itertools import islice
from pathlib import Path
from typing import IO, Any, Protocol

from loraone.catalog import SOURCES
from loraone.errors import DataError
from loraone.inputs.data import arrow_columns
from loraone.inputs.data.columns import Column, wanted
from loraone.inputs.data.csv_table import CsvTable
from loraone.inputs.data.json_table import JsonTable
from loraone.inputs.data.missing import complete
from loraone.inputs.data.rows import Row, Rows
from loraone.inputs.data.streams import HeadEndError, Text, opened
from loraone.spec.data import DataSpec

# Of Parquet in gzip, whose columns stand anywhere, so that it is unpacked whole.
MAX_PARQUET = 2**28
_PARQUET = b"PAR1"
# So many rows are checked before a run is taken in, and so many looked through for a column, within
# so many bytes of the file: the server itself does it, and what is longer is a worker's.
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
    that only later rows have is not missed yet. No more than :data:`HEAD` bytes are read.
    """
    columns = wanted(spec, labelled)
    try:
        with _table(spec, HEAD) as table:
            rows = _Beginning(table.rows(columns))
            first = Rows.collect(columns, islice(rows, FIRST_ROWS))
            first = replace(first, part=next(rows, None) is not None or rows.cut)
            if rows.cut and not first.texts:
                raise _long_row(spec)
            if not table.has(columns):
                any(table.has(columns) for _ in islice(rows, SEARCHED_ROWS))
            complete(first, spec)
    except HeadEndError as error:  # within the header
        raise _long_row(spec) from error


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


def _long_row(spec: DataSpec) -> DataError:
    return DataError(
        f"the first row of {spec.source}, or its header, is longer than {HEAD >> 20} MiB",
        field="data.source",
        value=spec.source,
        allowed=f"a table whose rows have up to {HEAD >> 20} MiB",
        hint="see that lines end where rows do",
    )


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
        # Parquet's beginning is its end: the table itself looks at no more than that.
        packed = path.suffix.lower() == ".gz"
        with opened(path, head if packed or suffix != ".parquet" else None) as stream:
            if suffix == ".parquet":
                yield ParquetTable(stream, head)
            elif suffix == ".csv":
                yield CsvTable(Text(stream, spec.encoding), spec.source)
            else:
                yield JsonTable(Text(stream, spec.encoding, translated=True), spec.source)
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


class ParquetTable:
    """A Parquet file, a batch of rows at a time.

    With ``head`` only row groups are read whose columns have up to so many bytes, and of a packed
    file that is larger nothing but that it begins as Parquet does.
    """

    def __init__(self, stream: IO[bytes], head: int | None = None) -> None:
        from pyarrow import parquet

        self._head = head
        self._file: Any = None
        whole = stream if stream.seekable() else _whole(stream)
        if whole is not None:
            if head is not None:
                _check_footer(whole, head)
            self._file = parquet.ParquetFile(whole)

    def rows(self, columns: Sequence[Column]) -> Iterator[Row]:
        """The values of ``columns``, row by row; their types are checked before."""
        if self._file is None:
            return iter(())
        arrow_columns.check_schema(columns, self._file.schema_arrow)
        names = list(dict.fromkeys(column.name for column in columns))
        groups = list(self._groups(names))
        batches = self._file.iter_batches(
            columns=names, row_groups=groups, batch_size=8 * FIRST_ROWS
        )
        return arrow_columns.rows(columns, batches)

    def has(self, columns: Sequence[Column]) -> bool:
        """The schema says it before any row."""
        return True

    def _groups(self, names: Sequence[str]) -> Iterator[int]:
        """The row groups to read: all, or the first ones that are small enough."""
        metadata = self._file.metadata
        for group in range(metadata.num_row_groups):
            if self._head is not None:
                of_group = metadata.row_group(group)
                chunks = [of_group.column(i) for i in range(of_group.num_columns)]
                wanted = [chunk for chunk in chunks if chunk.path_in_schema in names]
                if sum(chunk.total_uncompressed_size for chunk in wanted) > self._head:
                    return
            yield group


def _check_footer(stream: IO[bytes], head: int) -> None:
    """Its last eight bytes say how long it is; it is read whole."""
    size = stream.seek(0, io.SEEK_END)
    stream.seek(max(0, size - 8))
    length = int.from_bytes(stream.read(4), "little")
    if stream.read(4) == _PARQUET and length > head:
        raise ValueError(f"its footer has {length} bytes; allowed: up to {head}")
    stream.seek(0)


def _whole(stream: IO[bytes]) -> IO[bytes] | None:
    """What a packed file holds, where it is Parquet and not too large for memory; None where more
    than its beginning would have to be read."""
    begin = stream.read(len(_PARQUET))
    if begin != _PARQUET:
        raise ValueError("it does not begin as Parquet does")
    try:
        # In parts: at once, as much memory would be taken as it might have.
        parts = iter(partial(stream.read, 2**20), b"")
        limited = islice(parts, MAX_PARQUET // 2**20 + 1)
        unpacked = begin + b"".join(limited)
    except HeadEndError:
        return None
    if len(unpacked) > MAX_PARQUET:
        raise ValueError(
            f"it unpacks to more than {MAX_PARQUET >> 20} MiB; Parquet is packed in itself: unpack "
            "the file and name the unpacked one"
        )
    return io.BytesIO(unpacked)
