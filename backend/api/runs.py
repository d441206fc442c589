"""Runs and the queue: look at, cancel, retry, move, download."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

from fastapi import APIRouter, Query
from fastapi.responses import FileResponse, StreamingResponse
from sqlalchemy import select
from sqlalchemy.orm import Session

from backend.api.answers import refuses, sends
from backend.api.chosen import BasketDep
from backend.api.deps import (
    CallerDep,
    DatabaseDep,
    FeedDep,
    Key,
    Reading,
    RunDep,
    SchedulerDep,
    SettingsDep,
)
from backend.api.downloads import download, scratch_file
from backend.api.kept import everything, fresh, kept
from backend.api.rights import needs
from backend.api.schemas.runs import ChangedOut, LogOut, RunDetailOut, RunOut
from backend.errors import ConflictError, FieldProblem, InvalidError, NotFoundError
from backend.people import audit
from backend.people.caller import Caller
from backend.results.basket import Basket
from backend.scheduling.admission import admit
from backend.scheduling.jobs import MAX_LOG_BYTES
from backend.storage.store import runs
from backend.storage.stored_files import StoredFileError, located, opened, write_zip
from backend.storage.tables import ACTIVE, ArtifactRow, Experiment, Run
from loraone.errors import SpecError
from loraone.spec import stored
from loraone.spec.base import MOST_INT
from loraone.spec.experiment import ExperimentSpec, RunSpec
from loraone.spec.recipes import alone

router = APIRouter(tags=["runs"])

_UNSUCCESSFUL = ("failed", "cancelled")
# How the log of an attempt is called, without its ending.
_ATTEMPT = re.compile("[1-9][0-9]{0,8}", re.ASCII)


@router.get("/runs/{run_id}")
@kept(everything)
@needs("read", shared=True)
def detail(run: RunDep) -> RunDetailOut:
    """One run with its spec, environment and step-0 scalars."""
    return RunDetailOut.of_stored(run)


_DONE: dict[str, audit.Action] = {"cancel": "cancelled", "retry": "retried", "top": "moved"}


def _change(
    database: DatabaseDep, settings: SettingsDep, caller: Caller, run_id: int, verb: str
) -> RunOut:
    with database.write() as session:
        run = runs.get(session, run_id)
        if run is None:
            raise NotFoundError("run", run_id)
        experiment = session.get_one(Experiment, run.experiment_id)
        caller.check_may_change(experiment)
        if verb == "cancel" and not runs.cancel(session, run):
            raise ConflictError(f"run {run_id} has ended already: {run.status}")
        if verb == "retry":
            if run.status in ACTIVE:
                raise ConflictError(f"run {run_id} has not ended: {run.status}")
            admit(session, settings, {experiment.owner_id: 1})
            runs.retry(session, run)
        if verb == "top":
            if run.status != "queued":
                raise ConflictError(f"run {run_id} does not wait: {run.status}")
            runs.to_top(session, run)
        audit.note(session, caller, _DONE[verb], f"run {run_id}", "to the top" * (verb == "top"))
        # What cannot be stored is not found out while it is read again.
        session.flush()
        return RunOut.of(run)


def _note(
    session: Session,
    caller: Caller,
    action: audit.Action,
    basket: Basket,
    count: int,
    how: str = "",
) -> None:
    """What was done to several runs of a basket; nothing where it was none."""
    if count:
        target = audit.numbered("experiment", [row.id for row in basket.experiments])
        audit.note(session, caller, action, target, audit.counted(count, "run") + how)


def _own(session: Session, basket: Basket, caller: Caller) -> Sequence[Run]:
    """The basket's runs in the session that writes: they may have moved since it was read.
    Raises ForbiddenError where one is another's."""
    for experiment in basket.experiments:
        caller.check_may_change(experiment)
    return session.scalars(select(Run).where(Run.id.in_(basket.ids))).all()


@router.post("/runs/cancel")
@needs("launch", own=True)
def cancel_all(
    basket: BasketDep,
    caller: CallerDep,
    database: DatabaseDep,
    scheduler: SchedulerDep,
    feed: FeedDep,
) -> ChangedOut:
    """Cancel all runs of a basket that have not ended: of an experiment, or of one method."""
    with database.write() as session:
        ids = runs.cancel_all(session, _own(session, basket, caller))
        _note(session, caller, "cancelled", basket, len(ids))
    for run_id in ids:
        scheduler.interrupt(run_id)
    feed.wake()
    return ChangedOut(changed=len(ids))


@router.post("/runs/retry", responses=refuses(409, 429))
@needs("launch", own=True)
def retry_all(
    basket: BasketDep,
    caller: CallerDep,
    database: DatabaseDep,
    settings: SettingsDep,
    scheduler: SchedulerDep,
    feed: FeedDep,
) -> ChangedOut:
    """Queue again all runs of a basket that failed or were cancelled."""
    # What a run is never changes: it is looked at before others are kept from writing. One that
    # comes to nothing in between was none of those that were meant.
    meant = {run.id for run in basket.rows if run.status in _UNSUCCESSFUL and _runnable(run)}
    with database.write() as session:
        again = [
            run for run in _own(session, basket, caller)
            if run.id in meant and run.status in _UNSUCCESSFUL
        ]  # fmt: skip
        admit(session, settings, runs.by_owner(session, again))
        count = sum(runs.retry(session, run) for run in again)
        _note(session, caller, "retried", basket, count)
    scheduler.wake()
    feed.wake()
    return ChangedOut(changed=count)


@router.post("/runs/priority")
@needs("launch", own=True)
def prioritise(
    priority: Annotated[int, Query(ge=-100, le=100, description="Higher runs first")],
    basket: BasketDep,
    caller: CallerDep,
    database: DatabaseDep,
    feed: FeedDep,
) -> ChangedOut:
    """Move all waiting runs of a basket before or behind others; 0 is where they start."""
    with database.write() as session:
        count = sum(
            runs.set_priority(session, run, priority) for run in _own(session, basket, caller)
        )
        _note(session, caller, "moved", basket, count, f" to priority {priority}")
    feed.wake()
    return ChangedOut(changed=count)


@router.get("/runs/{run_id}/log", responses=refuses(409))
@fresh("a file that grows while its run goes on")
@needs("read")
def read_log(
    run: RunDep,
    settings: SettingsDep,
    attempt: Annotated[
        int | None, Query(ge=1, le=MOST_INT, description="Default: the last one")
    ] = None,
) -> LogOut:
    """What an attempt at the run printed, and which attempts printed anything."""
    folder = settings.logs / str(run.id)
    kept = sorted(int(file.stem) for file in folder.glob("*.log") if _ATTEMPT.fullmatch(file.stem))
    shown = attempt if attempt is not None else max(kept, default=max(run.attempt, 1))
    text = _printed(settings.logs, f"{run.id}/{shown}.log") if shown in kept else ""
    return LogOut(attempt=shown, attempts=kept, text=text)


def _printed(logs: Path, path: str) -> str:
    """The beginning of a log, which is all that a worker keeps of one."""
    try:
        with opened(located(logs, path)) as file:
            return file.read(2 * MAX_LOG_BYTES).decode("utf-8", errors="replace")
    except StoredFileError as error:
        raise ConflictError(f"the log is not shown: {error}") from error
    except FileNotFoundError:  # a retry has just removed it
        return ""


@router.get("/runs/{run_id}/template")
@kept(everything)
@needs("read")
def template(session: Reading, run: RunDep) -> ExperimentSpec:
    """An experiment of this run alone, to start the next one from."""
    experiment = session.get_one(Experiment, run.experiment_id)
    return alone(_runnable(run), name=f"{experiment.name}: {run.label}"[:200])


def _runnable(run: Run) -> RunSpec:
    """The spec of a stored run. Raises InvalidError where it cannot be run any more."""
    try:
        return stored.run(run.spec).spec
    except SpecError as error:
        raise InvalidError(FieldProblem.of_library(error)) from error


@router.post("/runs/{run_id}/cancel", responses=refuses(409))
@needs("launch", own=True)
def cancel(
    run_id: Key,
    caller: CallerDep,
    database: DatabaseDep,
    settings: SettingsDep,
    scheduler: SchedulerDep,
    feed: FeedDep,
) -> RunOut:
    """Cancel a queued or running run."""
    cancelled = _change(database, settings, caller, run_id, "cancel")
    scheduler.interrupt(run_id)
    feed.wake()
    return cancelled


@router.post("/runs/{run_id}/retry", responses=refuses(409, 429))
@needs("launch", own=True)
def retry(
    run: RunDep,
    caller: CallerDep,
    database: DatabaseDep,
    settings: SettingsDep,
    scheduler: SchedulerDep,
    feed: FeedDep,
) -> RunOut:
    """Queue a run again that has ended; its results are replaced when it starts."""
    _runnable(run)
    queued = _change(database, settings, caller, run.id, "retry")
    scheduler.wake()
    feed.wake()
    return queued


@router.post("/runs/{run_id}/top", responses=refuses(409))
@needs("launch", own=True)
def to_top(
    run_id: Key,
    caller: CallerDep,
    database: DatabaseDep,
    settings: SettingsDep,
    feed: FeedDep,
) -> RunOut:
    """Let a queued run be the next."""
    moved = _change(database, settings, caller, run_id, "top")
    feed.wake()
    return moved


@router.get(
    "/runs/{run_id}/adapter.zip",
    response_class=FileResponse,
    responses=sends("application/zip") | refuses(409),
)
@fresh("a file that is asked for once")
@needs("read")
def adapter(session: Reading, run: RunDep, settings: SettingsDep) -> StreamingResponse:
    """The trained adapter, as plain PEFT reads it."""
    row = session.get(ArtifactRow, (run.id, "adapter"))
    if row is None or not run.has_adapter:
        raise NotFoundError("adapter of run", run.id)
    packed = scratch_file(settings.home)
    try:
        folder = located(settings.artifacts, row.path)
        if not folder.is_dir():
            raise NotFoundError("adapter of run", run.id)
        write_zip(folder, packed)
    except StoredFileError as error:
        packed.close()
        raise ConflictError(f"the adapter of run {run.id} is not served: {error}") from error
    except BaseException as error:
        packed.close()
        if isinstance(error, FileNotFoundError):  # a retry has just removed it
            raise NotFoundError("adapter of run", run.id) from error
        raise
    return download(packed, f"adapter-run-{run.id}.zip", "application/zip")
