"""What is in the bin: looked at, restored, or removed for good."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import asdict
from datetime import timedelta
from typing import Annotated

from fastapi import APIRouter, Query
from sqlalchemy.orm import Session

from backend.api.answers import refuses
from backend.api.bodies import JsonRoute
from backend.api.deps import (
    CallerDep,
    DatabaseDep,
    FeedDep,
    Reading,
    SchedulerDep,
    SettingsDep,
)
from backend.api.kept import fresh
from backend.api.rights import needs
from backend.api.schemas.deletions import (
    MOST,
    BinnedOut,
    BinOut,
    DeletionIds,
    EmptiedOut,
    Id,
    RestoredOut,
    SizeOut,
)
from backend.errors import NotFoundError
from backend.people import audit
from backend.people.caller import Caller
from backend.storage.database import Database
from backend.storage.emptying import Freed
from backend.storage.store import deletions
from backend.storage.store.sizes import Size
from backend.storage.tables import Deletion, Experiment

router = APIRouter(route_class=JsonRoute, tags=["bin"])

# How long a request removes; what is left the scheduler goes on with.
EMPTYING_S = 20.0


@router.get("/bin")
@fresh("it is another for everybody")
@needs("launch", own=True)
def look(session: Reading, caller: CallerDep, settings: SettingsDep) -> BinOut:
    """What one has deleted, and others of one's own: it can be restored."""
    rows = [
        BinnedOut(
            id=deletion.id,
            kind=deletion.kind,
            experiment_id=experiment.id,
            experiment=experiment.name,
            owner=experiment.owner_id,
            runs=deletion.runs,
            deleted_by=deletion.name,
            deleted_at=deletion.at,
            until=deletion.at + timedelta(days=settings.bin_days),
            size=SizeOut.of(Size(**deletion.size)),
            trouble=deletion.trouble,
        )
        for deletion, experiment in _own(session, caller, deletions.listed(session))
    ]
    total = sum((Size(**row.size.model_dump(exclude={"total"})) for row in rows), Size())
    return BinOut(days=settings.bin_days, deletions=rows, size=SizeOut.of(total))


@router.post("/bin/restore", responses=refuses(404, 409))
@needs("launch", own=True)
def restore(
    chosen: DeletionIds,
    caller: CallerDep,
    database: DatabaseDep,
    feed: FeedDep,
) -> RestoredOut:
    """Bring back what was deleted, as it was; 409 for what is being removed already."""
    with database.write() as session:
        own = _chosen(session, caller, chosen.deletions)
        for deletion, _ in own:
            deletions.restore(session, deletion)
            audit.note(session, caller, "restored", _what(deletion))
    feed.wake()
    return RestoredOut(experiments=sorted({experiment.id for _, experiment in own}))


@router.delete("/bin", responses=refuses(404))
@needs("launch", own=True)
def empty(
    caller: CallerDep,
    database: DatabaseDep,
    scheduler: SchedulerDep,
    feed: FeedDep,
    deletion: Annotated[
        list[Id] | None,
        Query(max_length=MOST, description="These alone; default: all of one's own"),
    ] = None,
) -> EmptiedOut:
    """Remove for good what one has in the bin; administrators remove everybody's."""
    with database.read() as session:
        if deletion is None:
            own = _own(session, caller, deletions.listed(session))
        else:
            own = _chosen(session, caller, deletion)
        ids = [row.id for row, _ in own]
    with database.write() as session:
        for row, _ in own:
            audit.note(session, caller, "removed for good", _what(row))
    freed = scheduler.emptying.now(ids, EMPTYING_S)
    feed.wake()
    return emptied_out(freed, database)


def emptied_out(freed: Freed, database: Database) -> EmptiedOut:
    """What was freed, as an answer."""
    return EmptiedOut(**asdict(freed), kept=_kept(database))


def _kept(database: Database) -> str:
    """What becomes of the room that rows took."""
    if database.shared:
        return "PostgreSQL's autovacuum makes room for new rows; its files do not become smaller"
    return (
        "SQLite uses free pages again; its file is made smaller when that is worth it and nothing "
        "runs"
    )


def _what(deletion: Deletion) -> str:
    """What it is, for the audit trail."""
    of = f"experiment {deletion.experiment_id}"
    return of if deletion.kind == "experiment" else f"{deletion.runs} {deletion.kind} of {of}"


def _own(
    session: Session, caller: Caller, found: Iterable[Deletion]
) -> list[tuple[Deletion, Experiment]]:
    """Those of experiments that are the caller's to change."""
    rows = list(found)
    known = deletions.experiments_of(session, rows)
    pairs = [(row, known[row.experiment_id]) for row in rows if row.experiment_id in known]
    return [pair for pair in pairs if caller.may_change(pair[1].owner_id)]


def _chosen(
    session: Session, caller: Caller, ids: Sequence[int]
) -> list[tuple[Deletion, Experiment]]:
    """These, of one's own. Raises NotFoundError for one that is not there."""
    own = {row.id: (row, of) for row, of in _own(session, caller, deletions.listed(session))}
    for key in ids:
        if key not in own:
            raise NotFoundError("deletion", key)
    return [own[key] for key in dict.fromkeys(ids)]
