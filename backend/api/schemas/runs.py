"""What the routes about runs answer with."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Any, Literal

from backend.api.schemas.base import Out
from backend.errors import cut
from backend.storage.failure import Failure
from backend.storage.tables import Run
from loraone.catalog import METRICS, SUMMARY
from loraone.spec import stored

# Of all runs of a list together, in bytes of JSON.
MOST_LISTED = 4_500_000
# About what a run takes that says nothing.
_FIXED = 2_500
# How many notes of a run are listed, and letters of each, while that is more than its share.
_SHORTER = ((50, 500), (10, 200), (3, 80), (0, 20))

Status = Literal["queued", "running", "succeeded", "failed", "cancelled"]


class ErrorOut(Out, Failure):
    """Why a run failed, and what to do."""


class RunOut(Out):
    """A run and where it stands."""

    id: int
    experiment_id: int
    method: str
    label: str
    rank: int | None
    learning_rate: float
    seed: int
    status: Status
    priority: int
    attempt: int
    lane: str | None
    phase: str | None
    done: int
    total: int
    reason: str | None
    error: ErrorOut | None
    queued_at: datetime
    started_at: datetime | None
    finished_at: datetime | None
    notes: list[str]
    warnings: list[str]
    has_adapter: bool
    summary: dict[str, float | None] | None

    @classmethod
    def of(cls, run: Run) -> RunOut:
        """From the stored row."""
        return cls.model_validate(run)

    @classmethod
    def listed(cls, runs: Iterable[Run]) -> list[RunOut]:
        """As a list has them: of a run that says more than its share the beginning of it. Whoever
        wants all asks for the run."""
        found = [cls.of(run) for run in runs]
        share = MOST_LISTED // max(len(found), 1)
        return [run._within(share) for run in found]

    def _within(self, most: int) -> RunOut:
        short = self
        for notes, letters in _SHORTER:
            if short._size(most) <= most:
                break
            short = self._shortened(notes, letters)
        return short

    def _size(self, most: int) -> int:
        """About how many bytes it is in JSON, exactly where that matters."""
        said = [*self.notes, *self.warnings, self.reason or "", *(self.summary or ())]
        letters = sum(map(len, said)) + 40 * len(said)
        if self.error is None and 6 * letters + _FIXED < most:
            return letters
        return len(self.model_dump_json().encode())

    def _shortened(self, notes: int, letters: int) -> RunOut:
        error = self.error
        if error is not None:
            said = {
                name: cut(text, letters)
                for name, text in error
                if text and (notes or name in ("code", "message"))
            }
            error = ErrorOut(**said)
        summary = self.summary
        if summary is not None:
            known = METRICS if notes == 0 else METRICS | SUMMARY
            summary = {name: value for name, value in summary.items() if name in known}
        return self.model_copy(
            update={
                "notes": [cut(note, letters) for note in self.notes[: notes or 1]],
                "warnings": [cut(note, letters) for note in self.warnings[: notes or 1]],
                "reason": None if self.reason is None else cut(self.reason, letters),
                "error": error,
                "summary": summary,
            }
        )


class RunDetailOut(RunOut):
    """A run with all that is needed to repeat it, its spec in today's form."""

    spec: dict[str, Any]
    environment: dict[str, Any] | None
    layers: dict[str, Any] | None
    init_scalars: dict[str, float] | None

    @classmethod
    def of_stored(cls, run: Run) -> RunDetailOut:
        """From the stored row, whatever today's rules say of its spec."""
        return cls(
            **RunOut.of(run).model_dump(),
            spec=stored.run(run.spec).document,
            environment=run.environment,
            layers=run.layers,
            init_scalars=run.init_scalars,
        )


class LogOut(Out):
    """What an attempt at a run printed; ``attempts`` are those that printed anything."""

    attempt: int
    attempts: list[int]
    text: str


class ChangedOut(Out):
    """How many were changed."""

    changed: int
