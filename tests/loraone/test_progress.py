"""A long computation gives progress at once, its value at the end, and stops when it is closed."""

from __future__ import annotations

import pytest

from loraone.events import Progress
from loraone.progress import Steps, finish


def counting(total: int, seen: list[str]) -> Steps[int]:
    try:
        for done in range(total):
            yield Progress("count", done, total)
            seen.append(f"step {done}")
    finally:
        seen.append("cleaned up")
    return total


def doubled(total: int, seen: list[str]) -> Steps[int]:
    return 2 * (yield from counting(total, seen))


def test_the_value_is_what_the_steps_come_to() -> None:
    assert finish(doubled(3, [])) == 6
    assert finish(doubled(0, [])) == 0


def test_progress_comes_before_the_work_goes_on() -> None:
    seen: list[str] = []
    steps = doubled(2, seen)
    assert next(steps) == Progress("count", 0, 2)
    assert seen == []
    assert next(steps) == Progress("count", 1, 2)
    assert seen == ["step 0"]


def test_closing_the_outermost_stops_the_innermost_at_its_step() -> None:
    seen: list[str] = []
    steps = doubled(3, seen)
    next(steps)
    steps.close()
    assert seen == ["cleaned up"]


def test_an_error_of_a_step_is_the_callers() -> None:
    def failing() -> Steps[int]:
        yield Progress("count", 0, 1)
        raise ValueError("no")

    with pytest.raises(ValueError, match="no"):
        finish(failing())
