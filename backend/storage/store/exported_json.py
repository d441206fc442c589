"""Values of other servers that are kept as they are: nothing endless, and only what every database
and every reader has words for."""

from __future__ import annotations

import math
from typing import Any

from backend.errors import FieldProblem, InvalidError

# Of one value that is kept as it is, such as a spec: how deep it is nested, how many parts it has,
# and how long its texts, alone in characters and together in bytes of JSON, and its numbers are.
MAX_DEPTH = 16
MAX_PARTS = 50_000
MAX_TEXT = 100_000
MAX_TEXTS = 500_000
MAX_BITS = 63
# What of a value that is refused is told again.
_SHOWN = 60


class TransferError(InvalidError):
    """The document is not an exported experiment; its problems' paths say where it is wrong."""

    @classmethod
    def at(
        cls, path: str, message: str, allowed: str | None = None, value: object = None
    ) -> TransferError:
        """Of one place."""
        return cls(FieldProblem(path, message, shown(value), allowed))


def shown(value: object) -> str | int | float | bool | None:
    """A value as a problem names it: short, and such that JSON has a word for it."""
    if isinstance(value, bool) or value is None:
        return value
    if isinstance(value, int):
        return value if value.bit_length() <= MAX_BITS else f"a number of {value.bit_length()} bits"
    if isinstance(value, float):
        return value if math.isfinite(value) else str(value)
    if not isinstance(value, str):
        return None
    text = value.encode("utf-8", "backslashreplace").decode()
    return text if len(text) <= _SHOWN else f"{text[:_SHOWN]}…"


def check_plain(value: Any, path: str) -> None:
    """Raise TransferError, naming the place, for what no spec and no environment has: endless
    nesting, texts and numbers beyond all bounds, characters that no database keeps."""
    parts = texts = 0
    waiting: list[tuple[Any, str, int]] = [(value, path, 0)]
    while waiting:
        one, at, depth = waiting.pop()
        parts += 1
        if parts > MAX_PARTS:
            raise TransferError.at(path, "has too many parts", f"up to {MAX_PARTS}")
        if depth > MAX_DEPTH:
            raise TransferError.at(path, "is nested too deeply", f"up to {MAX_DEPTH} levels")
        if isinstance(one, dict):
            texts += sum(map(_size, one))
            for name, inner in one.items():
                _check_one(name, at)
                waiting.append((inner, f"{at}.{shown(name)}", depth + 1))
        elif isinstance(one, list):
            waiting += [(inner, f"{at}.{i}", depth + 1) for i, inner in enumerate(one)]
        else:
            texts += _size(one) if isinstance(one, str) else 0
            _check_one(one, at)
        if texts > MAX_TEXTS:
            raise TransferError.at(path, "has too much text", f"up to {MAX_TEXTS} bytes")


def _size(text: str) -> int:
    """About as many bytes as it takes in an answer."""
    return len(text) if text.isascii() and text.isprintable() else 6 * len(text)


def _check_one(value: Any, path: str) -> None:
    if isinstance(value, str):
        if (problem := text_problem(value)) is not None:
            raise TransferError.at(path, problem, value=value)
        if len(value) > MAX_TEXT:
            raise TransferError.at(path, "is too long", f"up to {MAX_TEXT} characters", value)
    elif isinstance(value, bool) or value is None:
        return
    elif isinstance(value, int) and value.bit_length() > MAX_BITS:
        raise TransferError.at(path, "is too large", f"up to {MAX_BITS} bits", value)
    elif isinstance(value, float) and not math.isfinite(value):
        raise TransferError.at(path, "is not finite", "a finite number", value)


def text_problem(text: str) -> str | None:
    """What is wrong with a text that no database or answer could have; None of any other."""
    if "\0" in text:
        return "has the character NUL"
    if not text.isascii() and any("\ud800" <= sign <= "\udfff" for sign in text):
        return "has half of a character"
    return None
