"""What of a run's events trackers are told: numbers under a name, at a step."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TypeAlias

from loraone.events import Event, Failed, Finished, InitReport, Metric

Status: TypeAlias = str
SUCCEEDED, FAILED, INTERRUPTED = "succeeded", "failed", "interrupted"


@dataclass(frozen=True)
class Row:
    """Numbers at a step; None stands for the last step there was."""

    step: int | None
    values: dict[str, float]


def row(event: Event) -> Row | None:
    """The numbers of an event, or None: spectra, angles and layers stay here, as no tracker draws
    them."""
    match event:
        case InitReport():
            return _of(0, {f"init/{name}": value for name, value in event.scalars.items()})
        case Metric():
            spent = {"train_seconds": event.seconds, "tokens": event.tokens}
            return _of(event.step, {**event.values, **spent})
        case Finished():
            return _of(None, {f"final/{name}": value for name, value in event.summary.items()})
    return None


def status(event: Event) -> Status | None:
    """How a run ended, where the event says so."""
    if isinstance(event, Finished):
        return SUCCEEDED
    return FAILED if isinstance(event, Failed) else None


def _of(step: int | None, values: Mapping[str, float | None]) -> Row | None:
    known = {name: value for name, value in values.items() if value is not None}
    return Row(step, known) if known else None
