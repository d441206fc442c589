"""Why the server cannot do what was asked, in the words of what it is about. No HTTP: the web room
says which status each of these is.

    RefusedError
    ├── NotFoundError     there is no such thing
    ├── InvalidError      fields are wrong, each with its path, value and allowed range
    ├── ConflictError     what it is about is not in a state for it (any more)
    ├── QueueFullError    too many runs wait
    └── DiskFullError     there is no space for the results of a run
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from loraone.errors import LoraOneError


@dataclass(frozen=True)
class FieldProblem:
    """What is wrong with one field: its path, the value given, the range allowed."""

    path: str
    message: str
    value: str | int | float | bool | None = None
    allowed: str | None = None
    hint: str | None = None

    @classmethod
    def of_library(cls, error: LoraOneError) -> FieldProblem:
        """The field that the library refused."""
        return cls(
            path=error.field or "",
            message=error.message,
            value=None if error.value is None else str(error.value),
            allowed=error.allowed,
            hint=error.hint,
        )


class RefusedError(Exception):
    """Base of all of them; its text is a sentence for the user."""


class NotFoundError(RefusedError):
    """There is no ``noun`` of this ``key``."""

    def __init__(self, noun: str, key: object) -> None:
        super().__init__(f"there is no {noun} {key}")


class InvalidError(RefusedError):
    """Fields are wrong, at least one; the first is the sentence."""

    def __init__(self, *problems: FieldProblem) -> None:
        first = problems[0]
        more = f" (and {len(problems) - 1} more)" if len(problems) > 1 else ""
        # The library's sentences may begin with the field already.
        field = f"{first.path}: "
        super().__init__(f"{field}{first.message.removeprefix(field)}{more}")
        self.problems: Sequence[FieldProblem] = problems


class ConflictError(RefusedError):
    """What it is about is not in a state for it, or not any more."""


class QueueFullError(RefusedError):
    """More runs would wait than may."""


class DiskFullError(RefusedError):
    """There is no disk space for the results of another run."""
