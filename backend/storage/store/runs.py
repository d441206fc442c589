"""The queue: ``queued → running → succeeded | failed | cancelled``.

Every transition checks the status it starts from, so that two of them cannot both win.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from sqlalchemy import bindparam, delete, exists, func, or_, select
from sqlalchemy.orm import Session, defer

from backend.storage.audience import EVERYTHING, reading_for
from backend.storage.store import changes, notices, settling, usage
from backend.storage.store.visible import visible
from backend.storage.tables import (
    ACTIVE,
    AlignmentRow,
    ArtifactRow,
    Experiment,
    LayerColumn,
    MetricRow,
    OverlapRow,
    Run,
    SpectrumRow,
    now,
)
from backend.storage.versions import TOUCHES

MAX_LOST = 3
# So often in a row may a run be preempted and come no further; then it counts as lost.
MAX_PREEMPTED = 3
# Before its second and its third attempt a lost run waits so long.
BACKOFF = (timedelta(seconds=2), timedelta(seconds=10))
# What no list of runs shows is not read for one.
_AS_LISTED = (defer(Run.layers), defer(Run.environment), defer(Run.init_scalars))
_CANCELLED = "cancelled by a user"
RESULTS = (MetricRow, SpectrumRow, AlignmentRow, OverlapRow, LayerColumn, ArtifactRow)
_MEASURED = select(or_(*(exists().where(table.run_id == bindparam("run")) for table in RESULTS)))


def get(session: Session, run_id: int) -> Run | None:
    """One run, or None."""
    return session.scalars(select(Run).where(Run.id == run_id, visible(Run))).one_or_none()


def of_all(session: Session) -> tuple[set[str], int]:
    """The lanes that run something and how many runs wait, also of what the audience of this
    request does not see: that the machine is busy is no secret."""
    with reading_for(EVERYTHING):
        busy = session.scalars(select(Run.lane).where(Run.status == "running"))
        return {lane for lane in busy if lane is not None}, count_waiting(session)


def begin(session: Session, run: Run, lane: str) -> None:
    """Start the next attempt at a queued run on ``lane``."""
    _clear(session, run)
    run.status = "running"
    run.attempt += 1
    run.lane = lane
    run.not_before = None
    run.started_at = run.heartbeat_at = now()
    run.phase, run.done, run.total = "start", 0, 0
    changes.add(session, run, "status")


def _clear(session: Session, run: Run) -> None:
    """Forget what an earlier attempt measured: a run has exactly one set of results."""
    # One question for the usual run, which has nothing, rather than a statement for each table.
    if session.scalar(_MEASURED, {"run": run.id}):
        for table in RESULTS:
            session.execute(
                delete(table).where(table.run_id == run.id),
                execution_options={TOUCHES: run.experiment_id},
            )
    run.last_seq = -1
    run.notes = []
    run.environment = run.layers = run.init_scalars = run.summary = run.error = None
    run.finished_at = run.reason = None


def finish(
    session: Session,
    run: Run,
    status: str,
    *,
    error: dict[str, Any] | None = None,
    reason: str | None = None,
    settle: bool = True,
) -> None:
    """Put the run into a final status. With ``settle`` off, see to its experiment afterwards."""
    _leave_lane(session, run)
    run.status = status
    run.finished_at = now()
    run.error = error
    run.reason = reason
    run.lane = run.phase = run.not_before = None
    if run.attempt:  # one that never began left nothing
        usage.grew(session, run)
    changes.add(session, run, "status")
    if status == "failed":
        notices.failed(session, run)
    # Whoever cancels knows that it has ended.
    if settle and settling.settle(session, run.experiment_id) and status != "cancelled":
        notices.settled(session, session.get_one(Experiment, run.experiment_id))


def _leave_lane(session: Session, run: Run) -> None:
    """Count the time of an attempt that ends, before its status changes."""
    if run.status == "running" and run.started_at is not None:
        seconds = max(0.0, (now() - run.started_at).total_seconds())
        run.busy_seconds += seconds
        usage.spend(session, run, seconds)


def cancel(session: Session, run: Run) -> bool:
    """Cancel a queued or running run; False where it has ended already."""
    if run.status not in ACTIVE:
        return False
    finish(session, run, "cancelled", reason=_CANCELLED)
    return True


def cancel_all(session: Session, some: Collection[Run]) -> list[int]:
    """Cancel those that have not ended, and see to their experiments once; their numbers."""
    going = [run for run in some if run.status in ACTIVE]
    for run in going:
        finish(session, run, "cancelled", reason=_CANCELLED, settle=False)
    for experiment_id in {run.experiment_id for run in going}:
        settling.settle(session, experiment_id)
    return [run.id for run in going]


def requeue(session: Session, run: Run, reason: str) -> None:
    """Put a run back that did not end, without counting it as lost."""
    _leave_lane(session, run)
    run.status = "queued"
    run.not_before = None
    run.lane = run.phase = None
    run.reason = reason
    settling.unsettle(session, run.experiment_id)
    changes.add(session, run, "status")


def preempt(session: Session, run: Run, reason: str) -> None:
    """Its worker was asked to end: queue the run again, as often as that happens as long as the run
    comes further. What ends its worker each time before that may be the run's own doing."""
    run.preempted += 1
    if run.preempted >= MAX_PREEMPTED:
        lose(session, run, f"{reason}, {run.preempted} times before the run came any further")
        return
    requeue(session, run, f"{reason}; queued again, and goes on from its checkpoint if it has one")
    run.not_before = now() + BACKOFF[0]


def lose(session: Session, run: Run, reason: str) -> None:
    """A worker or the server died under the run: queue it again, at most ``MAX_LOST`` times
    from where it last went on."""
    run.lost += 1
    if run.lost < MAX_LOST:
        requeue(session, run, f"{reason}; queued again ({run.lost} of {MAX_LOST})")
        run.not_before = now() + BACKOFF[run.lost - 1]
        return
    error = {
        "code": "lost",
        "message": f"{reason}, {MAX_LOST} times",
        "hint": "where the worker was killed for memory, lower batch sizes, then retry",
    }
    finish(session, run, "failed", error=error)


def went_on(run: Run, step: int) -> None:
    """An attempt goes on from this step: losses before the run came so far do not count."""
    if step > run.reached:
        run.reached = step
        run.lost = run.preempted = 0


def retry(session: Session, run: Run) -> bool:
    """Queue a run again that has ended; False where it has not."""
    if run.status in ACTIVE:
        return False
    run.lost = run.preempted = 0
    run.reached = -1
    run.queued_at = now()
    requeue(session, run, "retried by a user")
    return True


def by_owner(session: Session, some: Collection[Run]) -> Counter[int | None]:
    """How many of these runs belong to whom."""
    found: Counter[int | None] = Counter()
    for key, count in Counter(run.experiment_id for run in some).items():
        found[session.get_one(Experiment, key).owner_id] += count
    return found


def recover(session: Session, driven: Collection[tuple[int, int]] = ()) -> int:
    """Runs that no lane drives, whatever their rows say, were lost: a server died under them.

    ``driven`` are the run and the attempt of every lane.
    """
    running = session.scalars(select(Run).where(Run.status == "running")).all()
    lost = [run for run in running if (run.id, run.attempt) not in driven]
    for run in lost:
        lose(session, run, "the server stopped during the run")
    return len(lost)


def to_top(session: Session, run: Run) -> None:
    """Give a queued run the highest priority of all that wait, also of those that the audience of
    this request does not see."""
    waiting = select(func.max(Run.priority)).where(Run.status == "queued")
    with reading_for(EVERYTHING):
        highest = session.scalar(waiting) or 0
    run.priority = highest + 1
    changes.add(session, run, "status")


def set_priority(session: Session, run: Run, priority: int) -> bool:
    """Where the run stands among those that wait; False where it does not wait."""
    if run.status != "queued":
        return False
    run.priority = priority
    changes.add(session, run, "status")
    return True


def live(session: Session, run_id: int, attempt: int) -> Run | None:
    """The run, if this attempt is the one that may write into it."""
    run = session.get(Run, run_id)
    if run is None or run.attempt != attempt or run.status != "running":
        return None
    return run


def waiting(session: Session) -> bool:
    """Whether any run waits."""
    return session.scalar(select(Run.id).where(Run.status == "queued").limit(1)) is not None


def count_waiting(session: Session) -> int:
    """How many runs wait."""
    return session.scalar(select(func.count()).where(Run.status == "queued")) or 0


def failed(session: Session, limit: int) -> list[Run]:
    """The runs that failed last, newest first."""
    query = select(Run).where(Run.status == "failed").order_by(Run.finished_at.desc())
    return list(session.scalars(query.options(*_AS_LISTED).limit(limit)))


@dataclass(frozen=True)
class Waiting:
    """How many runs of an experiment wait, and between which priorities."""

    experiment_id: int
    runs: int
    lowest: int
    highest: int


def waiting_by_experiment(session: Session, limit: int) -> list[Waiting]:
    """The experiments that wait, those whose turn comes first before others, at most so many."""
    highest = func.max(Run.priority)
    rows = session.execute(
        select(Run.experiment_id, func.count(), func.min(Run.priority), highest)
        .where(Run.status == "queued")
        .group_by(Run.experiment_id)
        .order_by(highest.desc(), func.min(Run.id))
        .limit(limit)
    )
    return [Waiting(*row) for row in rows]


def active(session: Session, limit: int) -> list[Run]:
    """Runs that have not ended: the running ones, then so many of the queued ones in order."""
    # Sorted here: for a few rows in order of their numbers SQLite may rather read the whole table.
    running = session.scalars(select(Run).where(Run.status == "running").options(*_AS_LISTED))
    # Their numbers first: what is sorted is an index then, and not every row that waits.
    first = (
        select(Run.id).where(Run.status == "queued").order_by(Run.priority.desc(), Run.id)
    ).limit(limit)
    ids = session.scalars(first).all()
    if not ids:
        return sorted(running, key=lambda run: run.id)
    waiting = session.scalars(select(Run).where(Run.id.in_(ids)).options(*_AS_LISTED))
    queued = {run.id: run for run in waiting}
    return [*sorted(running, key=lambda run: run.id), *(queued[key] for key in ids)]
