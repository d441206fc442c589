"""Where the runs of an experiment are mirrored to; it changes nothing of what they compute."""

from __future__ import annotations

from typing import Annotated

from pydantic import AfterValidator, Field
from pydantic_core import PydanticCustomError

from loraone.catalog import TASKS, TRACKERS
from loraone.spec.base import Word, at_most

MOST_TRACKERS = 10


def _known(name: str) -> str:
    if name not in TRACKERS:
        known = ", ".join(TRACKERS)
        raise PydanticCustomError("unknown_tracker", "allowed: {known}", {"known": known})
    return name


def _once(names: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(names))


ReportTo = Annotated[
    tuple[Annotated[Word, AfterValidator(_known)], ...],
    Field(max_length=MOST_TRACKERS),
    AfterValidator(_once),
    at_most(MOST_TRACKERS, "trackers"),
]


def check_reported(task: str, report_to: tuple[str, ...]) -> None:
    """Refuse what would take trackers longer than the lab: they are told of thousands of runs."""
    if report_to and TASKS[task].synthetic:
        raise PydanticCustomError(
            "not_mirrored",
            "runs of the task {task} take milliseconds and are not mirrored; allowed: none",
            {"task": task, "at": "report_to", "given": ", ".join(report_to)},
        )
