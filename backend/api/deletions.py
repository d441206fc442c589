"""Experiments, runs and adapters are deleted: into the bin, from where they come back."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import Annotated

from fastapi import APIRouter, Query
from sqlalchemy import select

from backend.api.answers import refuses
from backend.api.bodies import JsonRoute
from backend.api.chosen import BasketDep
from backend.api.deps import (
    CallerDep,
    DatabaseDep,
    FeedDep,
    Key,
    Reading,
    RunDep,
    SettingsDep,
    find_own_experiment,
)
from backend.api.kept import fresh
from backend.api.rights import needs
from backend.api.schemas.deletions import (
    MOST,
    DeletedOut,
    ExperimentIds,
    Id,
    SelectedOut,
    SizeOut,
    What,
)
from backend.errors import NotFoundError
from backend.people import audit
from backend.people.caller import Caller
from backend.scheduling.feed import Feed
from backend.settings import Settings
from backend.storage.database import Database
from backend.storage.store import deletions, experiments, sizes
from backend.storage.store.many import among
from backend.storage.store.sizes import Size
from backend.storage.tables import Deletion, Experiment, Run, now

router = APIRouter(route_class=JsonRoute, tags=["deletions"])


@router.get("/bin/selected")
@fresh("it says what files take now")
@needs("read")
def select_for_bin(
    session: Reading,
    settings: SettingsDep,
    experiment: Annotated[
        list[Id], Query(min_length=1, max_length=MOST, description="Experiments as a whole")
    ],
    what: Annotated[What, Query(description="Whole runs, or their adapters alone")] = "runs",
) -> SelectedOut:
    """What would be deleted of these experiments, and what that would free; nothing is. Those that
    are not there are passed over."""
    rows = session.execute(
        select(Run.id, Run.status)
        .where(among(session, Run.experiment_id, experiment))
        .order_by(Run.id)
    ).all()
    ids = [int(key) for key, _ in rows]
    if what == "adapters":
        having, size = sizes.of_adapters(session, ids)
        return SelectedOut(runs=len(having), running=[], queued=0, size=SizeOut.of(size))
    return SelectedOut(
        runs=len(ids),
        running=[int(key) for key, status in rows if status == "running"],
        queued=sum(status == "queued" for _, status in rows),
        size=SizeOut.of(sizes.of_runs(session, ids, settings.logs)),
    )


@router.delete("/experiments/{experiment_id}", responses=refuses(409))
@needs("launch", own=True)
def delete_experiment(
    experiment_id: Key,
    caller: CallerDep,
    database: DatabaseDep,
    settings: SettingsDep,
    feed: FeedDep,
) -> DeletedOut:
    """Put an experiment into the bin with all its runs. Those that wait are cancelled; 409 where
    one runs."""
    with database.read() as session:
        find_own_experiment(session, experiment_id, caller)
    return _delete_experiments(database, settings, caller, feed, [experiment_id])


@router.post("/experiments/bulk-delete", responses=refuses(409))
@needs("launch", own=True)
def delete_experiments(
    chosen: ExperimentIds,
    caller: CallerDep,
    database: DatabaseDep,
    settings: SettingsDep,
    feed: FeedDep,
) -> DeletedOut:
    """The same of several; those that are not there are passed over, and none is deleted where one
    runs or is another's."""
    return _delete_experiments(database, settings, caller, feed, chosen.ids)


@router.delete("/runs/{run_id}", responses=refuses(409))
@needs("launch", own=True)
def delete_run(
    run: RunDep, caller: CallerDep, database: DatabaseDep, settings: SettingsDep, feed: FeedDep
) -> DeletedOut:
    """Put a run into the bin. One that waits is cancelled; 409 for one that runs."""
    deleted = delete_all(database, settings, caller, [run.id], "runs")
    feed.wake()
    return deleted


@router.post("/runs/delete", responses=refuses(409))
@needs("launch", own=True)
def delete_runs(
    basket: BasketDep,
    caller: CallerDep,
    database: DatabaseDep,
    settings: SettingsDep,
    feed: FeedDep,
    what: Annotated[What, Query(description="Whole runs, or their adapters alone")] = "runs",
) -> DeletedOut:
    """Put all runs of a basket into the bin, or their adapters alone: then all numbers stay."""
    deleted = delete_all(database, settings, caller, basket.ids, what)
    feed.wake()
    return deleted


@router.delete("/runs/{run_id}/adapter")
@needs("launch", own=True)
def delete_adapter(
    run: RunDep, caller: CallerDep, database: DatabaseDep, settings: SettingsDep, feed: FeedDep
) -> DeletedOut:
    """Put a run's adapter into the bin; its numbers stay."""
    if not run.has_adapter:
        raise NotFoundError("adapter of run", run.id)
    deleted = delete_all(database, settings, caller, [run.id], "adapters")
    feed.wake()
    return deleted


def _delete_experiments(
    database: Database,
    settings: Settings,
    caller: Caller,
    feed: Feed,
    ids: Sequence[int],
) -> DeletedOut:
    with database.read() as session:  # before others are kept from writing
        there = session.scalars(select(Experiment.id).where(Experiment.id.in_(ids))).all()
        found = {
            key: sizes.of_runs(session, experiments.run_ids(session, key), settings.logs)
            for key in there
        }
    with database.write() as session:
        rows = session.scalars(select(Experiment).where(Experiment.id.in_(there))).all()
        for row in rows:
            caller.check_may_change(row)
        by = caller.person, caller.name
        put = [deletions.put_experiment(session, row, by, found[row.id]) for row in rows]
        if put:
            keys = [row.id for row in rows]
            audit.note(session, caller, "deleted", audit.numbered("experiment", keys))
    feed.wake()
    return _deleted(settings, put)


def delete_all(
    database: Database, settings: Settings, caller: Caller, ids: Sequence[int], what: What
) -> DeletedOut:
    """Put these runs into the bin, or their adapters, as far as they are there. Raises
    ForbiddenError where one is another's."""
    with database.read() as session:
        of_each = experiments.of_runs(session, ids)
        found = {
            key: sizes.of_runs(session, its, settings.logs)
            if what == "runs"
            else sizes.of_adapters(session, its)[1]
            for key, its in of_each.items()
        }
    with database.write() as session:
        for key in of_each:
            caller.check_may_change(session.get_one(Experiment, key))
        every = [key for its in of_each.values() for key in its]
        rows = session.scalars(
            select(Run).where(among(session, Run.id, every)).order_by(Run.id)
        ).all()
        put = deletions.put_runs if what == "runs" else deletions.put_adapters
        made = put(session, rows, (caller.person, caller.name), found)
        if made:
            noun = "run" if what == "runs" else "adapter of run"
            audit.note(session, caller, "deleted", audit.numbered(noun, every))
    return _deleted(settings, made)


def _deleted(settings: Settings, rows: Sequence[Deletion]) -> DeletedOut:
    return DeletedOut(
        deletions=[row.id for row in rows],
        experiments=len({row.experiment_id for row in rows}),
        runs=sum(row.runs for row in rows),
        size=SizeOut.of(sum((Size(**row.size) for row in rows), Size())),
        until=now() + timedelta(days=settings.bin_days),
    )
