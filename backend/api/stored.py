"""What takes the space: experiments by what their files take, and their adapters freed."""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated

from fastapi import APIRouter, Query
from sqlalchemy import ColumnElement, and_, case, func, select

from backend.api.bodies import JsonRoute
from backend.api.deletions import delete_all
from backend.api.deps import CallerDep, DatabaseDep, FeedDep, Reading, SchedulerDep, SettingsDep
from backend.api.kept import fresh
from backend.api.rights import needs
from backend.api.schemas.deletions import FreedOut, FreeIn, StorageOut, StoredExperimentOut
from backend.api.wastebin import EMPTYING_S, emptied_out
from backend.people import audit
from backend.storage.store.many import among
from backend.storage.tables import ArtifactRow, BinnedAdapter, Deletion, Experiment, Run, now
from loraone.spec.base import MOST_INT

router = APIRouter(route_class=JsonRoute, tags=["storage"])

MOST_LISTED = 100


@router.get("/storage")
@fresh("it is another for everybody")
@needs("launch", own=True)
def find_stored(
    session: Reading,
    caller: CallerDep,
    older_than: Annotated[
        float | None, Query(ge=0, le=100_000, description="Launched so many days ago or earlier")
    ] = None,
    larger_than: Annotated[
        int | None, Query(ge=0, le=10**15, description="With files of at least so many bytes")
    ] = None,
    owner: Annotated[
        int | None, Query(ge=1, le=MOST_INT, description="Of this person alone")
    ] = None,
) -> StorageOut:
    """One's own experiments that have files, the largest first; for administrators everybody's."""
    size = func.sum(ArtifactRow.bytes)
    kept = ArtifactRow.run_id.not_in(select(BinnedAdapter.run_id))
    is_adapter = and_(ArtifactRow.name == "adapter", kept)
    where: list[ColumnElement[bool]] = []
    if older_than is not None:
        where.append(Experiment.created_at <= now() - timedelta(days=older_than))
    if owner is not None:
        where.append(Experiment.owner_id == owner)
    if not caller.may_change(None):
        where.append(Experiment.owner_id == caller.person)
    rows = session.execute(
        select(
            Experiment.id, Experiment.name, Experiment.author, Experiment.owner_id,
            Experiment.created_at, Experiment.run_count, size,
            func.sum(case((is_adapter, ArtifactRow.bytes), else_=0)),
        )
        .join(Run, Run.experiment_id == Experiment.id)
        .join(ArtifactRow, ArtifactRow.run_id == Run.id)
        .where(*where)
        .group_by(Experiment.id)
        .having(size >= (larger_than or 0))
        .order_by(size.desc(), Experiment.id)
    ).all()  # fmt: skip
    columns = ("id", "name", "author", "owner", "created_at", "runs", "bytes", "adapters")
    found = [StoredExperimentOut(**dict(zip(columns, row, strict=True))) for row in rows]
    return StorageOut(
        experiments=found[:MOST_LISTED],
        total=len(found),
        bytes=sum(row.bytes for row in found),
        adapters=sum(row.adapters for row in found),
    )


@router.post("/storage/free")
@needs("launch", own=True)
def free(
    chosen: FreeIn,
    caller: CallerDep,
    database: DatabaseDep,
    settings: SettingsDep,
    scheduler: SchedulerDep,
    feed: FeedDep,
) -> FreedOut:
    """Free the adapters of experiments; those that are not there are passed over, and none is freed
    where one is another's."""
    with database.read() as session:
        ids = session.scalars(
            select(Run.id).where(among(session, Run.experiment_id, chosen.ids))
        ).all()
    deleted = delete_all(database, settings, caller, ids, "adapters")
    emptied = None
    if chosen.now:
        with database.write() as session:
            rows = select(Deletion.experiment_id).where(Deletion.id.in_(deleted.deletions))
            if freed_of := sorted(session.scalars(rows)):
                keys = audit.numbered("experiment", freed_of)
                audit.note(session, caller, "removed for good", f"adapters of {keys}")
        freed = scheduler.emptying.now(deleted.deletions, EMPTYING_S)
        emptied = emptied_out(freed, database)
    feed.wake()
    return FreedOut(**deleted.model_dump(), emptied=emptied)
