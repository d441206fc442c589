"""What a source yields: texts and labels as they are written there, row by row."""

from __future__ import annotations

from array import array
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from loraone.inputs.data.columns import Column

# The line that a row begins on (0 where a format has none), and its values in the columns' order.
Row = tuple[int, Sequence[str | None]]


@dataclass(frozen=True)
class Rows:
    """Texts in a fixed order, and their labels as written there; None where there is none.

    ``lines`` are those that the rows begin on, in files that have lines. ``declared`` says that
    the source names its classes, so that no label of it is a word for a missing one; ``part`` that
    there are more rows after these.
    """

    texts: Sequence[str | None]
    labels: Sequence[str | None] | None
    lines: Sequence[int] = ()
    declared: bool = False
    part: bool = False

    @classmethod
    def collect(cls, columns: Sequence[Column], rows: Iterable[Row]) -> Rows:
        """All rows; ``columns`` are the texts' and, where they are wanted, the labels'."""
        texts: list[str | None] = []
        labels: list[str | None] = []
        lines = array("q")
        # The few labels there are stand in memory once.
        known: dict[str | None, str | None] = {}
        for line, values in rows:
            lines.append(line)
            texts.append(values[0])
            if len(columns) > 1:
                labels.append(known.setdefault(values[1], values[1]))
        return cls(texts, labels if len(columns) > 1 else None, lines)

    @property
    def count(self) -> str:
        """How many rows there are, for messages."""
        return f"{'the first ' * self.part}{len(self.texts)} rows"

    def place(self, index: int) -> str:
        """How the row is named in messages: its number from 1, and its line in a file of lines."""
        line = self.lines[index] if self.lines else 0
        return f"{index + 1} (line {line})" if line else str(index + 1)
