"""Numbers and names as sentences say them."""

from __future__ import annotations

from collections.abc import Sequence


def listed(names: Sequence[str], last: str = "and") -> str:
    """``a, b and c``; with semicolons where names have commas of their own."""
    if len(names) == 1:
        return names[0]
    return f"{enumerated(names[:-1])} {last} {names[-1]}"


def enumerated(names: Sequence[str]) -> str:
    """``a, b, c``, or ``a, r 4; a, r 8`` where names have commas of their own."""
    return ("; " if any(", " in name for name in names) else ", ").join(names)


def count(number: int, noun: str) -> str:
    """``1 seed``, ``2 seeds``."""
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def share(part: int, whole: int) -> str:
    """``2 of 3 runs``, or ``the only run``."""
    return "the only run" if part == whole == 1 else f"{part} of {count(whole, 'run')}"


def told_apart(one: float, other: float) -> tuple[str, str]:
    """Two numbers with three digits, or as many more as tell them apart."""
    for digits in range(3, 9):
        shown = f"{one:.{digits}g}", f"{other:.{digits}g}"
        if shown[0] != shown[1]:
            break
    return shown
