"""Parquet, whose end says where everything stands."""

from __future__ import annotations

import io
from collections.abc import Iterator, Sequence
from functools import partial
from itertools import islice
from typing import IO, Any

from loraone.inputs.data import arrow_columns
from loraone.inputs.data.columns import Column
from loraone.inputs.data.rows import Row
from loraone.inputs.data.streams import HeadEndError

# Of Parquet in gzip, whose columns stand anywhere, so that it is unpacked whole.
MAX_UNPACKED = 2**28
# Rows at a time.
_BATCH = 8000
# The second is of files whose footer is encrypted.
_MARKS = (b"PAR1", b"PARE")
_MARK = 4
_LENGTH = 4


class ParquetTable:
    """A Parquet file, a batch of rows at a time.

    With ``head`` it reads up to so many bytes of its footer and of its first rows, and raises
    HeadEndError where they are longer, as ``stream`` does where it is packed. Raises ValueError for
    a file that was cut off.
    """

    def __init__(self, stream: IO[bytes], head: int | None = None) -> None:
        from pyarrow import parquet

        self._head = head
        whole = stream if stream.seekable() else _unpacked(stream)
        self._size = _check_ends(whole, head)
        self._file = parquet.ParquetFile(whole)

    def rows(self, columns: Sequence[Column]) -> Iterator[Row]:
        """The values of ``columns``, row by row; their types are checked before."""
        arrow_columns.check_schema(columns, self._file.schema_arrow)
        names = list(dict.fromkeys(column.name for column in columns))
        self._check_columns(names)
        if self._head is None:
            batches = self._file.iter_batches(columns=names, batch_size=_BATCH)
            yield from arrow_columns.rows(columns, batches)
        else:
            yield from self._first_rows(columns, names, self._head)

    def has(self, columns: Sequence[Column]) -> bool:
        """The schema says it before any row."""
        return True

    def _first_rows(
        self, columns: Sequence[Column], names: Sequence[str], head: int
    ) -> Iterator[Row]:
        """The rows of the first groups that have up to ``head`` bytes together."""
        groups, size = [], 0
        for group in range(self._file.num_row_groups):
            size += sum(chunk.total_uncompressed_size for chunk in self._chunks(group, names))
            if size > head:
                break
            groups.append(group)
        # A text that stands in the file once may be that of every row.
        few = max(1, min(_BATCH, 4 * head // max(1, size)))
        batches = self._file.iter_batches(columns=names, row_groups=groups, batch_size=few)
        left = head
        for line, values in arrow_columns.rows(columns, batches):
            yield line, values
            left -= sum(len(value) for value in values if value)
            if left < 0:
                raise HeadEndError
        if len(groups) < self._file.num_row_groups:
            raise HeadEndError

    def _check_columns(self, names: Sequence[str]) -> None:
        """Raise ValueError where the last rows would stand beyond the end of the file, as Arrow
        would when it comes to them."""
        if not self._file.num_row_groups:
            return
        for chunk in self._chunks(self._file.num_row_groups - 1, names):
            begin, first_page = chunk.data_page_offset, chunk.dictionary_page_offset
            if first_page is not None and 0 < first_page < begin:
                begin = first_page
            end = begin + chunk.total_compressed_size
            if end > self._size:
                raise ValueError(
                    f"column {chunk.path_in_schema!r} ends at byte {end}, and the file has "
                    f"{self._size}: a part of it is missing"
                )

    def _chunks(self, group: int, names: Sequence[str]) -> list[Any]:
        """What there is of the columns in a group of rows."""
        of_group = self._file.metadata.row_group(group)
        chunks = [of_group.column(i) for i in range(of_group.num_columns)]
        return [chunk for chunk in chunks if chunk.path_in_schema in names]


def _check_ends(file: IO[bytes], head: int | None) -> int:
    """The length of a file that begins and ends as Parquet does; at its end the length of its
    footer stands, which is read whole."""
    size = file.seek(0, io.SEEK_END)
    file.seek(0)
    begin = _mark(file)
    file.seek(max(0, size - _LENGTH - _MARK))
    length = int.from_bytes(file.read(_LENGTH), "little")
    end = file.read(_MARK)
    shortest = 2 * _MARK + _LENGTH
    if end != begin or size < shortest:
        raise ValueError(
            f"it begins as Parquet does, and its {size} bytes do not end so: it was cut off, or "
            "has more after its end; download or copy it again"
        )
    if length > size - shortest:
        raise ValueError(
            f"its footer has {length} bytes, and the file {size}: a part of it is missing; "
            "download or copy it again"
        )
    if head is not None and length > head:
        raise HeadEndError
    file.seek(0)
    return size


def _mark(file: IO[bytes]) -> bytes:
    begin = file.read(_MARK)
    if begin not in _MARKS:
        raise ValueError("it does not begin as Parquet does")
    return begin


def _unpacked(stream: IO[bytes]) -> IO[bytes]:
    """What a packed file holds, where it is Parquet and not too large for memory."""
    begin = _mark(stream)
    # In parts: at once, as much memory would be taken as it might have.
    parts = iter(partial(stream.read, 2**20), b"")
    whole = begin + b"".join(islice(parts, MAX_UNPACKED // 2**20 + 1))
    if len(whole) > MAX_UNPACKED:
        raise ValueError(
            f"it unpacks to more than {MAX_UNPACKED >> 20} MiB; Parquet is packed in itself: "
            "unpack the file and name the unpacked one"
        )
    return io.BytesIO(whole)
