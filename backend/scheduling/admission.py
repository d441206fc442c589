"""Whether runs are taken in: their spec must be possible here, there must be disk space for them,
an end to the queue, and room in the quotas of whose they are."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from sqlalchemy.orm import Session

from backend.errors import DiskFullError, FieldProblem, InvalidError, QueueFullError
from backend.people import quotas
from backend.scheduling import disk
from backend.settings import Settings
from backend.storage.store import runs
from loraone.inputs.models.foreseen import foresee, foresee_runs
from loraone.inputs.models.paths import preflight
from loraone.spec.experiment import MAX_RUNS, ExperimentSpec, RunSpec
from loraone.tracking.refusals import refusals


def check(spec: ExperimentSpec, settings: Settings) -> None:
    """Raise InvalidError where model or data cannot be what the spec says, trackers are not
    installed on this machine, which tells them, or its runs are more than the queue takes of an
    experiment."""
    errors = [*preflight(spec, settings.roots), *refusals(spec.report_to)]
    if errors:
        raise InvalidError(*(FieldProblem.of_library(error) for error in errors))
    count = spec.run_count
    if count > MAX_RUNS:  # the lab solves more at once, but the queue takes them one by one
        message = f"{count} runs are too many for the queue"
        raise InvalidError(FieldProblem("grid", message, count, f"1 to {MAX_RUNS}"))


def foreseen(spec: ExperimentSpec, runs: Sequence[RunSpec]) -> list[str | None]:
    """For each run why it would fail, or None, as far as the model's headers say it.

    Raises InvalidError where all would. A launch takes such runs in nevertheless: the worker that
    has loaded the model says what is true.
    """
    errors = foresee(spec)
    of_runs = foresee_runs(spec, runs)
    if not errors and all(of_runs):
        errors = list({(error.field, error.value): error for error in of_runs if error}.values())
    if errors:
        raise InvalidError(*(FieldProblem.of_library(error) for error in errors))
    return [None if error is None else error.message for error in of_runs]


def admit(session: Session, settings: Settings, more: Mapping[int | None, int]) -> None:
    """Raise DiskFullError, QueueFullError or QuotaError where so many more runs, by whose they are,
    are too many: before any of them is stored."""
    check_disk(settings)
    count = sum(more.values())
    _, waiting = runs.of_all(session)  # the queue is one: also what is private to another is in it
    if waiting + count > settings.max_queued:
        raise QueueFullError(
            f"{waiting} runs wait already, and {count} more are too many; allowed: up to "
            f"{settings.max_queued} (LORAONE_MAX_QUEUED)"
        )
    for owner, runs_of_theirs in more.items():
        quotas.check(session, settings, owner, runs=runs_of_theirs)


def check_disk(settings: Settings, size: int = 0) -> None:
    """Raise DiskFullError where the disk is almost full, or would be with ``size`` bytes more."""
    state = disk.read(settings)
    if state.state == "full":
        raise DiskFullError(f"no new runs are taken in. {state.sentence}")
    if size and state.free - size < settings.disk_stop_gb * 1e9:
        raise DiskFullError(
            f"no new runs are taken in: {size / 1e9:.3g} GB more would leave less than "
            f"{settings.disk_stop_gb:g} GB (LORAONE_DISK_STOP_GB) of the {state.free / 1e9:.3g} GB "
            "that are free"
        )
