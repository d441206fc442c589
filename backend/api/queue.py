"""The queue and its lanes: look at, pause, drain, open again."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Path, Query
from sqlalchemy import select

from backend.api.deps import (
    CallerDep,
    DatabaseDep,
    FeedDep,
    ProcessStateDep,
    Reading,
    SchedulerDep,
    SettingsDep,
)
from backend.api.kept import everything, kept
from backend.api.rights import needs
from backend.api.schemas.queue import LaneMode, LaneOut, QueueOut, WaitingOut
from backend.api.schemas.runs import RunOut
from backend.errors import NotFoundError
from backend.people import audit, quotas
from backend.results.estimates import remaining
from backend.storage.store import changes, lanes, runs
from backend.storage.tables import Experiment, LaneRow, Run

router = APIRouter(tags=["queue"])

LATEST_FAILED = 10
# Of those that wait so many are listed; all are counted.
MOST_LISTED = 200
# And so many experiments of theirs.
MOST_EXPERIMENTS = 50


@router.get("/queue")
# Times that are left, readings and notices are none of the database's: a second old at most.
@kept(everything, seconds=1, process=True)
@needs("read")
def queue(session: Reading, process: ProcessStateDep, settings: SettingsDep) -> QueueOut:
    """What runs where, what waits in order and for how long, and what failed last."""
    active = runs.active(session, MOST_LISTED)
    failed = runs.failed(session, LATEST_FAILED)
    # Most queues are empty, and every page asks for them: then nothing more is read of what waits.
    waits = any(run.status == "queued" for run in active)
    groups = runs.waiting_by_experiment(session, MOST_EXPERIMENTS) if waits else []
    held = quotas.out_of_hours(session, settings) if waits else frozenset[int]()
    running = {run.lane: run for run in active if run.status == "running"}
    named = session.execute(
        select(Experiment.id, Experiment.name, Experiment.owner_id).where(
            Experiment.id.in_(
                {run.experiment_id for run in [*active, *failed]}
                | {group.experiment_id for group in groups}
            )
        )
    ).all()
    left = remaining(session, active, process.speed)
    known = [seconds for seconds in left.values() if seconds is not None]
    listed = lanes.listed(session)
    taking = sum(lane.mode == "open" for lane in listed)
    waiting = runs.count_waiting(session) if waits else 0
    busy, waiting_of_all = runs.of_all(session)
    # What is not listed is taken to last as long as what is.
    share = (len(busy) + waiting_of_all) / max(len(active), 1)
    whole = sum(known) * share / taking if taking and len(known) == len(active) else None
    shown = {run.id: run for run in RunOut.listed([*active, *failed])}
    return QueueOut(
        lanes=[_lane(lane, running.get(lane.name), left, lane.name in busy) for lane in listed],
        queued=[shown[run.id] for run in active if run.status == "queued"],
        failed=[shown[run.id] for run in failed],
        waiting=waiting,
        waiting_hidden=waiting_of_all - waiting,
        waiting_by_experiment=[
            WaitingOut(
                experiment=group.experiment_id,
                runs=group.runs,
                lowest=group.lowest,
                highest=group.highest,
            )
            for group in groups
        ],
        seconds_left=whole,
        experiments={key: name for key, name, _ in named},
        owners={key: owner for key, _, owner in named},
        out_of_hours=sorted(held & {owner for *_, owner in named}),
        notices=process.notices,
        last_change=changes.bounds(session)[1],
    )


def _lane(
    lane: LaneRow, run: Run | None, left: dict[int, float | None], busy: bool = False
) -> LaneOut:
    return LaneOut(
        name=lane.name,
        mode=lane.mode,
        busy=busy,
        run=None if run is None else RunOut.of(run),
        seconds_left=None if run is None else left[run.id],
        memory_bytes=lane.memory,
        temperature=lane.temperature,
    )


@router.post("/lanes/{name}")
@needs("admin")
def set_mode(
    name: Annotated[str, Path(max_length=100)],
    mode: Annotated[LaneMode, Query(description="open, paused, or drained")],
    caller: CallerDep,
    database: DatabaseDep,
    scheduler: SchedulerDep,
    feed: FeedDep,
) -> LaneOut:
    """Let a lane take runs or not; a drained one also lets go of its device after its run."""
    with database.write() as session:
        row = lanes.set_mode(session, name, mode)
        if row is None:
            raise NotFoundError("lane", name)
        audit.note(session, caller, "lane set", f"lane {name}", mode)
        changed = _lane(row, None, {})
    scheduler.wake()
    feed.wake()
    return changed
