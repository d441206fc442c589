"""Which run is next: the highest priority, fairly between users, then the oldest.

Runs of an experiment are stored seed by seed (:func:`loraone.expand`), so that the oldest first
also means that a comparison of all methods is complete before its second seed begins.
"""

from __future__ import annotations

from collections.abc import Collection
from datetime import UTC, datetime, timedelta

from sqlalchemy import ColumnElement, and_, func, or_, select, union_all
from sqlalchemy.orm import Session

from backend.storage.audience import looking_into_bin
from backend.storage.store import lanes, runs
from backend.storage.tables import STATUSES, Experiment, Run, now

# Users share the time on lanes of the last hour. A lane stays with a user whose model it has
# loaded until somebody who waits is so far behind.
WINDOW = timedelta(hours=1)
QUANTUM_S = 60.0


def claim(
    session: Session, lane: str, warm: str | None = None, held: Collection[int] = ()
) -> Run | None:
    """Begin the next run on ``lane``, which last worked for the user ``warm``; None: wait. Runs of
    the people who are ``held`` wait whatever is free."""
    if not lanes.is_open(session, lane):
        return None
    due = and_(_due(), *_not_held(held))
    # Not max(): an index that ends in what is due is read from its end, not as a whole.
    highest = session.scalar(select(Run.priority).where(due).order_by(Run.priority.desc()).limit(1))
    if highest is None:
        return None
    first = {
        str(author): int(key)
        for author, key in session.execute(
            select(Experiment.author, func.min(Run.id))
            .join(Experiment, Experiment.id == Run.experiment_id)
            .where(due, Run.priority == highest)
            .group_by(Experiment.author)
        )
    }
    author = next(iter(first)) if len(first) == 1 else _fair(session, first, warm)
    run = session.get_one(Run, first[author])
    runs.begin(session, run, lane)
    return run


def is_due(session: Session, held: Collection[int]) -> bool:
    """Whether a run waits that is not of these people."""
    waits = select(Run.id).where(Run.status == "queued", *_not_held(held))
    return session.scalar(waits.limit(1)) is not None


def _not_held(held: Collection[int]) -> list[ColumnElement[bool]]:
    """Of nobody who is held. Only experiments of theirs with runs ahead are looked at."""
    if not held:
        return []
    theirs = select(Experiment.id).where(
        Experiment.owner_id.in_(sorted(held)), Experiment.settled.is_(False)
    )
    return [Run.experiment_id.not_in(theirs)]


def _due() -> ColumnElement[bool]:
    """Waiting, and not for its next attempt. A clock that was set back must not hold a run up
    for longer than anything here waits."""
    at = now()
    longest = max(runs.BACKOFF)
    waited = or_(Run.not_before.is_(None), Run.not_before <= at, Run.not_before > at + longest)
    return and_(Run.status == "queued", waited)


def _fair(session: Session, first: dict[str, int], warm: str | None) -> str:
    """The user who had least of the lanes; the one the lane is warm for if not far ahead."""
    used = usage(session, first)
    least = min(first, key=lambda author: (used[author], first[author]))
    if warm in first and used[warm] - used[least] < QUANTUM_S:
        return warm
    return least


def usage(session: Session, authors: Collection[str]) -> dict[str, float]:
    """Seconds on lanes of each user's runs that ended in the last hour or go on. Whoever deletes
    them has had the lanes all the same."""
    with looking_into_bin():
        return _usage(session, authors)


def _usage(session: Session, authors: Collection[str]) -> dict[str, float]:
    since = now() - WINDOW
    seconds_of = dict.fromkeys(authors, 0.0)
    spent = [
        select(Run.experiment_id, func.sum(Run.busy_seconds).label("seconds"))
        .where(Run.status.in_(STATUSES), within)
        .group_by(Run.experiment_id)
        for within in (Run.finished_at >= since, Run.finished_at.is_(None))
    ]
    of_each = union_all(*spent).subquery()
    for author, seconds in session.execute(
        select(Experiment.author, func.sum(of_each.c.seconds))
        .join(of_each, of_each.c.experiment_id == Experiment.id)
        .where(Experiment.author.in_(seconds_of))
        .group_by(Experiment.author)
    ):
        seconds_of[author] += float(seconds or 0)
    for author, started in session.execute(
        select(Experiment.author, Run.started_at)
        .join(Experiment, Experiment.id == Run.experiment_id)
        .where(Run.status == "running", Experiment.author.in_(seconds_of))
    ):
        seconds_of[author] += _since(started)
    return seconds_of


def _since(started: datetime | None) -> float:
    if started is None:
        return 0.0
    return max(0.0, (datetime.now(UTC) - started).total_seconds())
