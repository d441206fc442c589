"""What the routes about runs answer with."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Literal

from backend.api.schemas.base import Out
from backend.storage.failure import Failure
from backend.storage.tables import Run
from loraone.spec import stored

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
