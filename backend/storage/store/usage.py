"""What a person uses: runs of theirs that wait, room on the disk, hours on lanes.

Each is one sum by index, so that it can be asked in the transaction that queues more.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from sqlalchemy import ColumnElement, Select, delete, func, insert, select, update
from sqlalchemy.orm import Session

from backend.storage.audience import EVERYTHING, looking_into_bin, reading_for
from backend.storage.store.many import among
from backend.storage.tables import Experiment, LaneTime, Person, Run, RunSize, now
from backend.storage.versions import NO_EXPERIMENT, TOUCHES

# Hours on lanes are those of the last week; older ones are forgotten.
WEEK = timedelta(days=7)
_HOUR_S = 3600
# Whose number no person has.
_NOBODY = 0
_NO_EXPERIMENT = {TOUCHES: NO_EXPERIMENT}


def queued(session: Session, person_id: int) -> int:
    """How many of their runs wait. Where all have ended, an experiment is settled: those are not
    looked at."""
    open_ones = _owned(person_id).where(Experiment.settled.is_(False))
    query = select(func.count()).where(Run.experiment_id.in_(open_ones), Run.status == "queued")
    return int(_of_all(session, query))


def stored_bytes(session: Session, person_id: int) -> int:
    """Bytes of all that is stored of their runs, also in the bin."""
    query = select(func.sum(RunSize.bytes)).where(RunSize.experiment_id.in_(_owned(person_id)))
    return int(_of_all(session, query))


def lane_hours(session: Session, person_id: int) -> float:
    """Hours that lanes worked for them in the last seven days, also now."""
    spent = select(func.sum(LaneTime.seconds)).where(LaneTime.person_id == person_id, _of_week())
    going = running(session).get(person_id, 0.0)
    return (float(_of_all(session, spent)) + going) / _HOUR_S


@dataclass
class Used:
    """What one person uses: the three above."""

    queued: int = 0
    bytes: int = 0
    lane_hours: float = 0.0


def by_person(session: Session) -> dict[int, Used]:
    """What everybody uses who uses something, as one sum over all of each kind."""
    waiting = (
        select(Experiment.owner_id, func.count())
        .join(Run, Run.experiment_id == Experiment.id)
        .where(Experiment.settled.is_(False), Run.status == "queued")
        .group_by(Experiment.owner_id)
    )
    size = func.sum(RunSize.bytes).label("bytes")
    sizes = select(RunSize.experiment_id, size).group_by(RunSize.experiment_id).subquery()
    stored = (
        select(Experiment.owner_id, func.sum(sizes.c.bytes))
        .join(sizes, sizes.c.experiment_id == Experiment.id)
        .group_by(Experiment.owner_id)
    )
    used: defaultdict[int, Used] = defaultdict(Used)
    with reading_for(EVERYTHING), looking_into_bin():
        for owner, count in session.execute(waiting):
            used[owner or _NOBODY].queued = int(count)
        for owner, total in session.execute(stored):
            used[owner or _NOBODY].bytes = int(total)
        for owner, seconds in session.execute(_spent()):
            used[owner].lane_hours = float(seconds) / _HOUR_S
        for owner, seconds in running(session).items():
            used[owner].lane_hours += seconds / _HOUR_S
    return dict(used)


def running(session: Session) -> dict[int, float]:
    """Seconds that runs go on by now, by whose they are."""
    query = (
        select(Experiment.owner_id, Run.started_at)
        .join(Experiment, Experiment.id == Run.experiment_id)
        .where(Run.status == "running")
    )
    seconds: dict[int, float] = {}
    at = now()
    with reading_for(EVERYTHING):
        rows = session.execute(query).all()
    for owner, started in rows:
        if owner is not None and started is not None:
            seconds[owner] = seconds.get(owner, 0.0) + max(0.0, (at - started).total_seconds())
    return seconds


def used_up(session: Session, default: float | None) -> frozenset[int]:
    """Who has had as many hours on lanes as they may in a week: ``default``, where a person has no
    number of their own."""
    allowed = func.coalesce(Person.quota_lane_hours, default)
    spent = _spent().subquery()
    query = (
        select(Person.id, allowed, func.coalesce(spent.c.seconds, 0.0))
        .outerjoin(spent, spent.c.person_id == Person.id)
        .where(allowed.is_not(None))
    )
    rows = session.execute(query).all()
    going = running(session) if rows else {}
    return frozenset(
        int(key) for key, hours, seconds in rows if seconds + going.get(key, 0.0) >= hours * _HOUR_S
    )


def spend(session: Session, run: Run, seconds: float) -> None:
    """An attempt at ``run`` leaves its lane: count its time for whose it is."""
    owner = session.get_one(Experiment, run.experiment_id).owner_id
    if owner is None or session.get(Person, owner) is None:
        return
    hour = _hour()
    row = session.get(LaneTime, (owner, hour))
    if row is None:
        old = delete(LaneTime).where(LaneTime.person_id == owner, ~_of_week())
        session.execute(old, execution_options=_NO_EXPERIMENT)
        row = LaneTime(person_id=owner, hour=hour, seconds=0.0)
        session.add(row)
    row.seconds += seconds


def hand_over(session: Session, before: int, person_id: int) -> None:
    """The time on lanes of one person is another's from now on."""
    for row in session.scalars(select(LaneTime).where(LaneTime.person_id == before)).all():
        theirs = session.get(LaneTime, (person_id, row.hour))
        if theirs is None:
            theirs = LaneTime(person_id=person_id, hour=row.hour, seconds=0.0)
            session.add(theirs)
        theirs.seconds += row.seconds
        session.delete(row)
    session.flush()


def grew(session: Session, run: Run) -> None:
    """What is stored of ``run`` is another amount now; it is measured soon."""
    row = session.get(RunSize, run.id)
    if row is None:
        session.add(RunSize(run_id=run.id, experiment_id=run.experiment_id))
    else:
        row.due = True


def changed(session: Session, run_ids: Sequence[int]) -> None:
    """The same of several that were measured before."""
    query = update(RunSize).where(among(session, RunSize.run_id, run_ids)).values(due=True)
    session.execute(query, execution_options=_NO_EXPERIMENT)


def expect(session: Session, experiment_id: int, run_ids: Sequence[int], size: int) -> None:
    """Runs come in that will take so many bytes: nobody else is given that room."""
    rows = [
        {"run_id": key, "experiment_id": experiment_id, "bytes": 0 if i else size, "due": False}
        for i, key in enumerate(run_ids)
    ]
    if rows:
        session.execute(insert(RunSize), rows, execution_options=_NO_EXPERIMENT)


def _of_all(session: Session, query: Select[Any]) -> float:
    """Whatever the audience of this request sees: it is about whose they are, and in the bin they
    take room too."""
    with reading_for(EVERYTHING), looking_into_bin():
        return session.scalar(query) or 0


def _owned(person_id: int) -> Select[Any]:
    return select(Experiment.id).where(Experiment.owner_id == person_id)


def _spent() -> Select[int, float]:
    """Seconds on lanes in the last week, by whose they are."""
    seconds = func.sum(LaneTime.seconds).label("seconds")
    return select(LaneTime.person_id, seconds).where(_of_week()).group_by(LaneTime.person_id)


def _of_week() -> ColumnElement[bool]:
    return LaneTime.hour > _hour() - int(WEEK.total_seconds()) // _HOUR_S


def _hour() -> int:
    return int(now().timestamp()) // _HOUR_S
