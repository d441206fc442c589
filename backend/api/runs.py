"""Runs and the queue: look at, cancel, retry, move, download."""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path

from fastapi import APIRouter
from fastapi.responses import FileResponse
from sqlalchemy import select
from starlette.background import BackgroundTask

from backend.api.deps import DatabaseDep, FeedDep, Key, Reading, RunDep, SchedulerDep, SettingsDep
from backend.api.wire import LaneOut, QueueOut, RunDetailOut, RunOut
from backend.problems import ProblemError, not_found
from backend.store import changes, runs
from backend.tables import ArtifactRow, Experiment, Run

router = APIRouter(tags=["runs"])


@router.get("/queue")
def queue(session: Reading, scheduler: SchedulerDep) -> QueueOut:
    """What runs where, and what waits in order."""
    active = runs.queue(session)
    running = {run.lane: run for run in active if run.status == "running"}
    names = session.execute(
        select(Experiment.id, Experiment.name).where(
            Experiment.id.in_({run.experiment_id for run in active})
        )
    ).all()
    return QueueOut(
        lanes=[
            LaneOut(
                name=lane.name,
                run=RunOut.of(running[lane.name]) if lane.name in running else None,
            )
            for lane in scheduler.lanes()
        ],
        queued=[RunOut.of(run) for run in active if run.status == "queued"],
        experiments={int(key): str(name) for key, name in names},
        last_change=changes.bounds(session)[1],
    )


@router.get("/runs/{run_id}")
def detail(run: RunDep) -> RunDetailOut:
    """One run with its spec, environment and step-0 scalars."""
    return RunDetailOut.model_validate(run)


def _change(database: DatabaseDep, run_id: int, verb: str) -> RunOut:
    with database.write() as session:
        run = session.get(Run, run_id)
        if run is None:
            raise not_found("run", run_id)
        if verb == "cancel" and not runs.cancel(session, run):
            raise ProblemError(409, f"run {run_id} has ended already: {run.status}")
        if verb == "retry" and not runs.retry(session, run):
            raise ProblemError(409, f"run {run_id} has not ended: {run.status}")
        if verb == "top":
            if run.status != "queued":
                raise ProblemError(409, f"run {run_id} does not wait: {run.status}")
            runs.to_top(session, run)
        return RunOut.of(run)


@router.post("/runs/{run_id}/cancel")
def cancel(run_id: Key, database: DatabaseDep, scheduler: SchedulerDep, feed: FeedDep) -> RunOut:
    """Cancel a queued or running run."""
    found = _change(database, run_id, "cancel")
    scheduler.interrupt(run_id)
    feed.wake()
    return found


@router.post("/runs/{run_id}/retry")
def retry(run_id: Key, database: DatabaseDep, scheduler: SchedulerDep, feed: FeedDep) -> RunOut:
    """Queue a run again that has ended; its results are replaced when it starts."""
    found = _change(database, run_id, "retry")
    scheduler.wake()
    feed.wake()
    return found


@router.post("/runs/{run_id}/top")
def to_top(run_id: Key, database: DatabaseDep, feed: FeedDep) -> RunOut:
    """Let a queued run be the next."""
    found = _change(database, run_id, "top")
    feed.wake()
    return found


@router.get("/runs/{run_id}/adapter.zip", response_class=FileResponse)
def adapter(session: Reading, run: RunDep, settings: SettingsDep) -> FileResponse:
    """The trained adapter, as plain PEFT reads it."""
    row = session.get(ArtifactRow, (run.id, "adapter"))
    folder = settings.artifacts / row.path if row is not None else None
    if folder is None or not folder.is_dir():
        raise not_found("adapter of run", run.id)
    target = Path(tempfile.mkdtemp(prefix="loraone-"))
    packed = shutil.make_archive(str(target / "adapter"), "zip", folder)
    return FileResponse(
        packed,
        filename=f"adapter-run-{run.id}.zip",
        background=BackgroundTask(shutil.rmtree, target, ignore_errors=True),
    )
