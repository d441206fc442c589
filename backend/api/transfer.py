"""Experiments that leave and come in: one JSON document each, and the report."""

from __future__ import annotations

import json
from typing import Annotated, Any

from fastapi import APIRouter, Body, Request, Response

from backend.api.answers import refuses, sends
from backend.api.bodies import JsonRoute
from backend.api.deps import (
    DatabaseDep,
    ExperimentDep,
    FeedDep,
    Reading,
    SettingsDep,
    find_experiment,
)
from backend.api.kept import fresh
from backend.api.schemas.experiments import ExperimentOut
from backend.results.reports import report
from backend.scheduling import admission
from backend.storage.store import changes, experiments, transfer
from backend.storage.store.exported import Limits

router = APIRouter(route_class=JsonRoute, tags=["transfer"])


def _download(text: str, name: str, kind: str) -> Response:
    headers = {"Content-Disposition": f'attachment; filename="{name}"'}
    return Response(text, media_type=kind, headers=headers)


@router.get(
    "/experiments/{experiment_id}/report.html",
    response_class=Response,
    responses=sends("text/html"),
)
@fresh("a file that is asked for once, and says when it was made")
def read_report(session: Reading, experiment: ExperimentDep) -> Response:
    """One HTML file that opens offline. A download: the server runs no inline scripts itself."""
    name = f"experiment-{experiment.id}.html"
    return _download(report(session, experiment), name, "text/html; charset=utf-8")


@router.get(
    "/experiments/{experiment_id}/export.json",
    response_class=Response,
    responses=sends("application/json"),
)
@fresh("a file that is asked for once")
def export(session: Reading, experiment: ExperimentDep) -> Response:
    """All that is stored of an experiment, apart from files; another server takes it in."""
    text = json.dumps(transfer.dump(session, experiment))
    return _download(text, f"experiment-{experiment.id}.json", "application/json")


@router.post("/experiments/import", status_code=201, responses=refuses(409, 507))
def take_in(
    document: Annotated[dict[str, Any], Body(description="What export.json gave")],
    request: Request,
    database: DatabaseDep,
    settings: SettingsDep,
    feed: FeedDep,
) -> ExperimentOut:
    """Store an exported experiment as a new one; nothing of it is kept where a part is wrong."""
    length = request.headers.get("content-length", "")
    admission.check_disk(settings, int(length) if length.isdigit() else 0)
    limits = Limits(settings.max_import_runs, settings.max_import_rows)
    key = transfer.load(database, document, limits)
    with database.write() as session:
        changes.add_experiments(session, [key], "experiment")
        taken = ExperimentOut.of(experiments.listed(session, find_experiment(session, key)))
    feed.wake()
    return taken
