"""CSV as Python's ``csv`` reads it, where nothing about it is in doubt."""

from __future__ import annotations

import csv
from collections.abc import Iterator, Sequence

from loraone.errors import DataError
from loraone.inputs.data.columns import Column, find, place, shown
from loraone.inputs.data.rows import Row
from loraone.inputs.data.streams import MAX_ROW, Text


class CsvTable:
    """A header and rows with as many fields; empty lines are none of them.

    Raises DataError for a quotation mark that is not closed, for text after a closing one, and for
    a row of another length than the header.
    """

    def __init__(self, text: Text, source: str) -> None:
        # The limit is the process's own, 128 KiB at first; nothing that reads CSV needs it lower.
        csv.field_size_limit(max(csv.field_size_limit(), MAX_ROW))
        self._source = source
        self._reader = csv.reader(text.lines(), strict=True)
        # Of the last record: the header is row 0.
        self._row, self._line = -1, 0
        self._header = self._next() or []

    def rows(self, columns: Sequence[Column]) -> Iterator[Row]:
        """The values of ``columns``, row by row."""
        wanted = list(zip(columns, find(columns, self._header), strict=True))
        width = len(self._header)
        while record := self._next():
            if len(record) != width:
                raise self._ragged(record)
            row, line = self._row, self._line
            yield line, [column.text(record[at], row, line) for column, at in wanted]

    def has(self, columns: Sequence[Column]) -> bool:
        """The header says it before any row."""
        return True

    def _next(self) -> list[str] | None:
        """The next record, None at the end."""
        while True:
            self._row, self._line = self._row + 1, self._reader.line_num + 1
            try:
                record = next(self._reader, None)
            except csv.Error as error:
                raise self._malformed(error) from error
            if record != []:
                return record
            self._row -= 1

    def _malformed(self, error: csv.Error) -> DataError:
        open_quote = "unexpected end" in str(error)
        why = "a quotation mark is opened and never closed" if open_quote else str(error)
        until = f" (in line {self._reader.line_num})" if not open_quote else ""
        return DataError(
            f"{self._source}, {self._place()}: {why}{until}",
            field="data.source",
            value=self._source,
            allowed="CSV with quotation marks around whole values, and two for one within",
            hint="write the file with a CSV library, or correct the row",
        )

    def _ragged(self, record: list[str]) -> DataError:
        have, width = len(record), len(self._header)
        if have > width:
            detail = f"the value after the last column is {shown(record[width])}"
        else:
            detail = f"column {shown(self._header[have])} has no value"
        return DataError(
            f"{self._source}, {self._place()} has {have} values for {width} columns: {detail}",
            field="data.source",
            value=self._source,
            allowed=f"{width} values in every row, as in the header",
            hint="put values that have a comma or a line break in quotation marks",
        )

    def _place(self) -> str:
        return place(self._row, self._line) if self._row else f"header (line {self._line})"
