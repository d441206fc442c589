"""What browsers follow: an ordered feed of what changed, kept for a while."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any, Literal

from sqlalchemy import delete, func, select
from sqlalchemy.orm import Session

from backend.storage.store import batch
from backend.storage.tables import Change, Run
from backend.storage.versions import NO_EXPERIMENT, TOUCHES

KEPT = 20_000

# What a change of a run is: it went on (with ``began`` into its next phase: what the one before
# has measured is stored); a metric, an alignment, or a report about its layers was stored; its
# status is another.
OfRun = Literal["progress", "metric", "alignment", "report", "status"]
# What people change of an experiment: its name, description, star, tags, or whether it is archived
# (also: it is new); its notes; and what they say about it.
OfExperiment = Literal["experiment", "notes", "comments"]


def add(session: Session, run: Run, kind: OfRun, payload: dict[str, Any] | None = None) -> None:
    """Append a change of ``run`` with where the run stands now."""
    body = {
        "status": run.status,
        "phase": run.phase,
        "done": run.done,
        "total": run.total,
        "lane": run.lane,
        **(payload or {}),
    }
    _append(session, kind, run.experiment_id, run.id, body)


def add_lanes(session: Session) -> None:
    """Append that lanes have changed: whoever shows them reads them anew."""
    _append(session, "lanes")


def add_experiments(session: Session, ids: Collection[int], kind: OfExperiment) -> None:
    """Append that somebody changed these experiments."""
    for key in ids:
        _append(session, kind, key)


def add_runs(session: Session, experiment_id: int) -> None:
    """Append that an experiment has other runs than before: some were deleted, or came back."""
    _append(session, "status", experiment_id)


def add_views(session: Session) -> None:
    """Append that the saved searches have changed."""
    _append(session, "views")


def add_notices(session: Session) -> None:
    """Append that somebody was told something: whose it is, nobody else learns."""
    _append(session, "notices")


def _append(
    session: Session,
    kind: str,
    experiment_id: int = 0,
    run_id: int = 0,
    payload: dict[str, Any] | None = None,
) -> None:
    batch.add(
        session,
        Change,
        NO_EXPERIMENT,  # no answer shows the feed
        experiment_id=experiment_id,
        run_id=run_id,
        kind=kind,
        payload=payload or {},
    )


def prune(session: Session) -> None:
    """Drop those that came long before."""
    oldest, newest = bounds(session)
    if newest - oldest >= KEPT:
        session.execute(
            delete(Change).where(Change.id <= newest - KEPT),
            execution_options={TOUCHES: NO_EXPERIMENT},
        )


def after(session: Session, last: int, experiment_id: int | None, limit: int = 500) -> list[Change]:
    """Changes after ``last``, oldest first."""
    query = select(Change).where(Change.id > last)
    if experiment_id is not None:
        query = query.where(Change.experiment_id == experiment_id)
    return list(session.scalars(query.order_by(Change.id).limit(limit)))


def bounds(session: Session) -> tuple[int, int]:
    """The oldest and the newest id that are kept; (0, 0) where there is none."""
    # Each by itself is one step in an index; both at once are a walk through all of it.
    ends = (select(end(Change.id)).scalar_subquery() for end in (func.min, func.max))
    oldest, newest = session.execute(select(*ends)).one()
    return oldest or 0, newest or 0
