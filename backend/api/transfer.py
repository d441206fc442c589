"""Experiments that leave and come in: one JSON document each, and the report."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Body, Depends, Request, Response
from fastapi.responses import StreamingResponse
from sqlalchemy.orm import Session

from backend.api.answers import refuses, sends
from backend.api.bodies import JsonRoute
from backend.api.deps import (
    CallerDep,
    DatabaseDep,
    ExperimentDep,
    FeedDep,
    Reading,
    SettingsDep,
    find_experiment,
)
from backend.api.downloads import written
from backend.api.kept import fresh
from backend.api.rights import needs
from backend.api.schemas.experiments import ExperimentOut, ImportedOut
from backend.people import audit, quotas
from backend.results.reports import report
from backend.scheduling import admission
from backend.storage.store import changes, experiments, transfer
from backend.storage.store.exported import Limits

router = APIRouter(route_class=JsonRoute, tags=["transfer"])


@router.get(
    "/experiments/{experiment_id}/report.html",
    response_class=Response,
    responses=sends("text/html"),
)
@fresh("a file that is asked for once, and says when it was made")
@needs("read")
def read_report(
    session: Reading, experiment: ExperimentDep, settings: SettingsDep
) -> StreamingResponse:
    """One HTML file that opens offline. A download: the server runs no inline scripts itself."""
    name = f"experiment-{experiment.id}.html"
    texts = report(session, experiment)
    return written(texts, settings.home, name, "text/html; charset=utf-8")


@router.get(
    "/experiments/{experiment_id}/export.json",
    response_class=Response,
    responses=sends("application/json"),
)
@fresh("a file that is asked for once")
@needs("read")
def export(session: Reading, experiment: ExperimentDep, settings: SettingsDep) -> StreamingResponse:
    """All that is stored of an experiment, apart from files; another server takes it in."""
    name = f"experiment-{experiment.id}.json"
    return written(transfer.parts(session, experiment), settings.home, name, "application/json")


async def _received(request: Request) -> int:
    """How many bytes came, whether or not the request said so before."""
    return len(await request.body())


@router.post("/experiments/import", status_code=201, responses=refuses(409))
@needs("launch")
def take_in(
    document: Annotated[dict[str, Any], Body(description="What export.json gave")],
    caller: CallerDep,
    received: Annotated[int, Depends(_received)],
    database: DatabaseDep,
    settings: SettingsDep,
    feed: FeedDep,
) -> ImportedOut:
    """Store an exported experiment as a new one; nothing of it is kept where a part is wrong.
    What is retried of it is mirrored nowhere, whatever trackers it was launched with. 409 where it
    takes more room than is left of one's quota."""
    admission.check_disk(settings, received)
    limits = Limits(settings.max_import_runs, settings.max_import_rows)

    def admit(session: Session, size: int) -> int:
        owner = caller.owner(session).id
        quotas.check(session, settings, owner, size=size)
        return owner

    taken = transfer.load(database, document, limits, admit)
    with database.write() as session:
        experiment = find_experiment(session, taken.key)
        audit.note(session, caller, "imported", f"experiment {taken.key}")
        changes.add_experiments(session, [taken.key], "experiment")
        row = ExperimentOut.of(experiments.listed(session, experiment))
    feed.wake()
    return ImportedOut(**row.model_dump(), left_out=list(taken.left_out))
