"""JSON objects, one for each row: a list of them, or one after the other as in JSONL."""

from __future__ import annotations

import codecs
import json
import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from loraone.errors import DataError
from loraone.inputs.data.columns import Column, find, is_unicode, place, shown
from loraone.inputs.data.rows import Row
from loraone.inputs.data.streams import MAX_ROW, Text

_SPACE = re.compile(r"[ \t\r\n]*")
_BLOCK = 2**20
# How near to the end of what is read an error may be one of what is not read yet.
_NEAR = 64
# Bytes at either end of a file in which a list's bracket is looked for, and what may stand beside
# it: spaces, the half of the bracket itself in UTF-16, a byte order mark.
_END = 2**12
_BLANK = b" \t\r\n\0"
_MARKS = codecs.BOM_UTF8 + codecs.BOM_UTF16


class _Object(list[tuple[str, Any]]):
    """The names and values of a JSON object, with those that are there twice."""


def _constant(name: str) -> str | None:
    """NaN is what libraries write for a missing value; the infinities are numbers."""
    return None if name == "NaN" else name


# Numbers stay the digits that are written: 1.0 and 1, or 0.10 and 0.1, are different labels.
_DECODER = json.JSONDecoder(
    parse_int=str, parse_float=str, parse_constant=_constant, object_pairs_hook=_Object
)


class JsonTable:
    """Rows are objects; a row that lacks a column has no value there.

    There is no header: a column is there if any row has it. Raises DataError for what is no JSON,
    no object, or has a wanted column twice.
    """

    def __init__(self, text: Text, source: str) -> None:
        self._source = source
        self._encoding = text.encoding
        self._scan = _Scan(text)
        self._row = 0
        # In the order of their first appearance.
        self._names: dict[str, None] = {}

    def rows(self, columns: Sequence[Column]) -> Iterator[Row]:
        """The values of ``columns``, row by row."""
        for record in self._records():
            self._names |= dict.fromkeys(name for name, _ in record)
            yield self._scan.line, [self._value(record, column) for column in columns]
        find(columns, list(self._names))

    def has(self, columns: Sequence[Column]) -> bool:
        """Whether any row so far had each of ``columns``."""
        return all(column.name in self._names for column in columns)

    def _value(self, record: _Object, column: Column) -> str | None:
        row, line = self._row, self._scan.line
        values = [value for name, value in record if name == column.name]
        if len(values) > 1:
            raise column.refused(row, line, "is there more than once")
        value = values[0] if values else None
        if isinstance(value, str) and not is_unicode(value) and is_unicode(self._scan.written):
            raise column.refused(row, line, "holds half of a character", value=repr(value[:40]))
        if isinstance(value, list):
            value = json.loads(self._scan.written)[column.name]  # as it is to be shown
        return column.text(value, row, line)

    def _records(self) -> Iterator[_Object]:
        scan = self._scan
        try:
            in_list = scan.skip("[")
            more = scan.peek() != ("]" if in_list else "")
            while more:
                self._row += 1
                yield self._record()
                more = scan.skip(",") if in_list else scan.peek() != ""
            if in_list and not scan.skip("]"):
                raise self._malformed("a comma or the end of the list is missing")
            if scan.peek():
                raise self._malformed("there is more after the end of the list")
        except json.JSONDecodeError as error:
            raise self._malformed(f"{error.msg} (in line {scan.line_at(error.pos)})") from error
        except RecursionError as error:
            raise self._malformed("it is nested too deeply") from error

    def _record(self) -> _Object:
        if self._scan.peek() == "{":
            record: _Object = self._scan.value()
            return record
        self._scan.mark()
        value = self._scan.beginning()
        raise self._malformed(f"it is not an object of columns and values, but {shown(value)}")

    def _malformed(self, why: str) -> DataError:
        message = f"{self._source}, {place(self._row, self._scan.line)}: {why}"
        beginning = self._scan.beginning()
        if not is_unicode(beginning) or "\0" in beginning:
            return DataError(
                message,
                field="data.encoding",
                value=self._encoding,
                allowed="the encoding that the file was written in",
                hint=f"it is not {self._encoding}: set data.encoding",
            )
        return DataError(
            message,
            field="data.source",
            value=self._source,
            allowed="an object for each row: one on each line, or a list of them",
        )


def check_list_end(path: Path) -> None:
    """Raise ValueError for a list whose end is missing, which is all there is to see of a file
    that was cut off beyond the rows that are looked at."""
    with path.open("rb") as file:
        begin = file.read(_END).lstrip(_BLANK + _MARKS)
        file.seek(max(0, path.stat().st_size - _END))
        end = file.read().rstrip(_BLANK)
    if begin.startswith(b"[") and end and not end.endswith(b"]"):
        raise ValueError("its list has no end: it was cut off; download or copy it again")


class _Scan:
    """Reads JSON values one after the other, and knows the line that the last began on."""

    def __init__(self, text: Text) -> None:
        self._source = text
        self._text = ""
        self._at = 0
        self._begin = 0
        self.line = 1

    @property
    def written(self) -> str:
        """The last value as it is written."""
        return self._text[self._begin : self._at]

    def peek(self) -> str:
        """The next character that is no space; empty at the end."""
        while True:
            self._at = _SPACE.match(self._text, self._at).end()  # type: ignore[union-attr]
            if self._at < len(self._text):
                return self._text[self._at]
            self.mark()
            if not self._read_on():
                return ""

    def skip(self, sign: str) -> bool:
        """Go over ``sign`` if it is next."""
        there = self.peek() == sign
        self._at += there
        return there

    def mark(self) -> None:
        """Count the lines up to here; a row begins here."""
        self.line += self._text.count("\n", self._begin, self._at)
        self._begin = self._at

    def value(self) -> Any:
        """The object that begins here. Raises json.JSONDecodeError where it is none."""
        self.mark()
        while True:
            try:
                value, self._at = _DECODER.raw_decode(self._text, self._at)
            except json.JSONDecodeError as error:
                cut = error.pos > len(self._text) - _NEAR or "Unterminated" in error.msg
                if not (cut and self._read_on()):
                    raise
            else:
                return value

    def beginning(self) -> str:
        """The next few characters."""
        return self._text[self._at : self._at + 2 * _NEAR]

    def line_at(self, place: int) -> int:
        """The line of a place in what :meth:`value` has raised for."""
        return self.line + self._text.count("\n", self._begin, place)

    def _read_on(self) -> bool:
        """Forget what is before the last mark, and read more; False at the end."""
        self._text = self._text[self._begin :]
        self._at, self._begin = self._at - self._begin, 0
        if len(self._text) > MAX_ROW:
            raise ValueError(f"it has a row of more than {MAX_ROW} characters")
        more = self._source.read(max(_BLOCK, len(self._text)))
        self._text += more
        return bool(more)
