"""The columns that a spec asks for: found by name, their values texts as written or refused."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from loraone.errors import DataError
from loraone.spec.data import DataSpec

# How many names or characters a message shows.
_NAMES = 30
_CHARACTERS = 40


@dataclass(frozen=True)
class Column:
    """A wanted column: ``field`` of the spec says its ``name``; ``source`` and ``encoding`` are
    what is read."""

    field: str
    name: str
    source: str
    encoding: str

    def text(self, value: object, row: int, line: int = 0) -> str | None:
        """The value as written, None for a missing one.

        Raises DataError, with row and column, for what is no text, or was not to be decoded.
        """
        if isinstance(value, str):
            if not (value.isascii() or is_unicode(value)):
                raise self.undecodable(value, row, line)
            return value
        if value is None:
            return None
        if isinstance(value, bool):
            return "true" if value else "false"
        kind = "a list" if type(value) is list else "an object"
        raise self.refused(
            row,
            line,
            f"holds {kind}, not a text",
            value=shown(value),
            hint="name a column of texts, or write each value as one text",
        )

    def undecodable(self, value: str, row: int, line: int) -> DataError:
        """Bytes that are none of the encoding's, which :mod:`.streams` has kept as surrogates."""
        byte = next(ord(sign) & 0xFF for sign in value if is_surrogate(sign))
        return DataError(
            f"{self.source}, {place(row, line)}, column {self.name!r}: byte 0x{byte:02x} is not "
            f"{self.encoding}, in {shown(value)}",
            field="data.encoding",
            value=self.encoding,
            allowed="the encoding that the file was written in",
            hint="set data.encoding to it (cp1252 in many older files), or save the file as UTF-8",
        )

    def refused(
        self, row: int, line: int, why: str, *, value: str | None = None, hint: str | None = None
    ) -> DataError:
        """An error about this column's value in one row."""
        what = f": {value}" if value is not None else ""
        return DataError(
            f"{self.source}, {place(row, line)}, column {self.name!r} {why}{what}",
            field=f"data.{self.field}",
            value=self.name,
            allowed="a column of texts, numbers or truth values",
            hint=hint,
        )


def wanted(spec: DataSpec, labelled: bool) -> list[Column]:
    """The text column and, where labels are wanted, the label column."""
    names = {"text_column": spec.text_column}
    if labelled:
        names["label_column"] = spec.label_column
    return [Column(field, name, spec.source, spec.encoding) for field, name in names.items()]


def find(columns: Sequence[Column], have: Sequence[str]) -> list[int]:
    """Where each of ``columns`` stands among the names that there are.

    Raises DataError for the first that is not there, or is there more than once.
    """
    for column in columns:
        count = have.count(column.name)
        if count == 0:
            raise _not_there(column, have)
        if count > 1:
            raise DataError(
                f"{column.source} has {count} columns named {column.name!r}",
                field=f"data.{column.field}",
                value=column.name,
                allowed="a column whose name is there once",
                hint="rename or remove the others in the file",
            )
    return [have.index(column.name) for column in columns]


def _not_there(column: Column, have: Sequence[str]) -> DataError:
    named = [_name(name) for name in dict.fromkeys(have) if name][:_NAMES]
    more = len(set(have) - {""}) - len(named)
    names = ", ".join(named) + (f" and {more} more" if more > 0 else "") or "none"
    message = f"{column.source} has no column {column.name!r}; its columns: {names}"
    if not all(is_unicode(name) and "\0" not in name for name in have):
        return DataError(
            message,
            field="data.encoding",
            value=column.encoding,
            allowed="the encoding that the file was written in",
            hint=f"the names are not {column.encoding}: set data.encoding",
        )
    other = next((sign for sign in ";\t|" if len(have) == 1 and sign in have[0]), None)
    return DataError(
        message,
        field=f"data.{column.field}",
        value=column.name,
        allowed=names,
        hint=other and f"columns are separated by commas, here it seems by {other!r}",
    )


def _name(name: str) -> str:
    """As it is, or quoted where that would hide something."""
    plain = name.isprintable() and name == name.strip() and len(name) <= _CHARACTERS
    return name if plain else shown(name)


def place(row: int, line: int) -> str:
    """How messages name a row: its number from 1 without the header, and the line it begins on."""
    return f"row {row} (line {line})" if line else f"row {row}"


def is_surrogate(sign: str) -> bool:
    """Whether it is half of a character, which no text can hold."""
    return "\ud800" <= sign <= "\udfff"


def is_unicode(text: str) -> bool:
    """Whether it has no surrogates, neither undecodable bytes nor halves of characters."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def shown(value: object) -> str:
    """A value in quotes and shortened, its undecodable bytes as ``\\xNN``."""
    text = repr(value)
    if isinstance(value, str):
        cut = value[:_CHARACTERS] + ("…" if len(value) > _CHARACTERS else "")
        signs = (f"\\x{ord(s) & 0xFF:02x}" if is_surrogate(s) else s for s in cut)
        return "'" + "".join(s if s.isprintable() else repr(s)[1:-1] for s in signs) + "'"
    return text if len(text) <= _CHARACTERS else text[:_CHARACTERS] + "…"
