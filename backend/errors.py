"""Why the server cannot do what was asked, in the words of what it is about. No HTTP: the web room
says which status each of these is.

    RefusedError
    ├── NobodyError       whoever asks has not said who they are
    ├── ForbiddenError    they may not
    ├── NotFoundError     there is no such thing
    ├── InvalidError      fields are wrong, each with its path, value and allowed range
    ├── ConflictError     what it is about is not in a state for it (any more)
    │   └── QuotaError    whose it is would use more of the machine than they may
    ├── TooOftenError     it was tried too often of late
    ├── QueueFullError    too many runs wait
    ├── DiskFullError     there is no space for the results of a run
    └── UnavailableError  what the server itself needs cannot be used now
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, fields

from loraone.errors import LoraOneError

# An answer does not repeat what was sent: so much of each part of it is echoed. What is allowed is
# ours, and may be a list of names.
MOST_ECHOED, MOST_SAID = 200, 2000
# So many fields are named in one answer.
MOST_PROBLEMS = 100


def shortened(text: str, most: int = MOST_SAID) -> str:
    """``text`` as it can be written into an answer: its beginning, in characters that are any."""
    cut = text if len(text) <= most else f"{text[:most]}… ({len(text)} characters)"
    return cut.encode("utf-8", "backslashreplace").decode()


def cut(text: str, most: int) -> str:
    """The beginning of a text, for a list; whoever wants all of it asks for the one."""
    return text if len(text) <= most else f"{text[: most - 1]}…"


def _echoed(value: object) -> object:
    """A value as JSON has it, in few characters."""
    if isinstance(value, str):
        return shortened(value, MOST_ECHOED)
    if isinstance(value, float) and not math.isfinite(value):
        return str(value)
    if isinstance(value, int) and abs(value) >= 2**63:  # str() of very long ones is refused
        return f"{'-' if value < 0 else ''}a number of {value.bit_length()} bits"
    return value


@dataclass(frozen=True)
class FieldProblem:
    """What is wrong with one field: its path, the value given, the range allowed."""

    path: str
    message: str
    value: str | int | float | bool | None = None
    allowed: str | None = None
    hint: str | None = None

    def __post_init__(self) -> None:
        """What is echoed is short, and can be written as JSON."""
        for field in fields(self):
            value = getattr(self, field.name)
            if field.name in ("path", "value"):
                value = _echoed(value)
            elif isinstance(value, str):
                value = shortened(value)
            object.__setattr__(self, field.name, value)

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


class NobodyError(RefusedError):
    """Whoever asks has not said who they are, or what says it holds no longer."""


class ForbiddenError(RefusedError):
    """Whoever asks may not, whoever they are."""


class NotFoundError(RefusedError):
    """There is no ``noun`` of this ``key``."""

    def __init__(self, noun: str, key: object) -> None:
        super().__init__(f"there is no {noun} {shortened(str(key), MOST_ECHOED)}")


class InvalidError(RefusedError):
    """Fields are wrong, at least one; the first is the sentence.

    ``further`` are those that are wrong besides and not named.
    """

    def __init__(self, *problems: FieldProblem, further: int = 0) -> None:
        first = problems[0]
        others = len(problems) - 1 + further
        more = f" (and {others} more)" if others else ""
        # The library's sentences may begin with the field already.
        field = f"{first.path}: " if first.path else ""
        super().__init__(f"{field}{first.message.removeprefix(field)}{more}")
        self.problems: Sequence[FieldProblem] = problems[:MOST_PROBLEMS]


class ConflictError(RefusedError):
    """What it is about is not in a state for it, or not any more."""


class QuotaError(ConflictError):
    """Somebody would use more of the machine than they may; the problems name the quotas."""

    def __init__(self, *problems: FieldProblem) -> None:
        super().__init__("; ".join(problem.message for problem in problems))
        self.problems: Sequence[FieldProblem] = problems


class TooOftenError(RefusedError):
    """It was tried too often of late; ``again`` seconds from now it may be tried again."""

    def __init__(self, message: str, again: float) -> None:
        super().__init__(message)
        self.again = again


class QueueFullError(RefusedError):
    """More runs would wait than may."""


class DiskFullError(RefusedError):
    """There is no disk space for the results of another run."""


class UnavailableError(RefusedError):
    """What the server itself needs, such as its database, cannot be used now.

    ``again`` is in how many seconds to try it, where that is known.
    """

    def __init__(self, text: str, again: float | None = None) -> None:
        super().__init__(text)
        self.again = again
