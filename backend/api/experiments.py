"""Experiments: launch, list, look at, cancel."""

from __future__ import annotations

from fastapi import APIRouter

from backend.api import catalog
from backend.api.deps import DatabaseDep, ExperimentDep, FeedDep, Reading, SchedulerDep, SettingsDep
from backend.api.schemas.experiments import ExperimentDetailOut, ExperimentOut, LayerOut, RunOut
from backend.results import queries
from backend.scheduling.admission import admit
from backend.storage.store import experiments
from loraone.spec.experiment import ExperimentSpec, expand

router = APIRouter(tags=["experiments"])


@router.post("/experiments", status_code=201)
def launch(
    spec: ExperimentSpec,
    settings: SettingsDep,
    database: DatabaseDep,
    scheduler: SchedulerDep,
    feed: FeedDep,
) -> ExperimentOut:
    """Store the experiment and queue its runs."""
    catalog.check(spec, settings)
    with database.write() as session:
        admit(session, settings, len(expand(spec)))
        experiment = experiments.create(session, spec, settings.user)
        found = ExperimentOut.of(experiments.listed(session, experiment))
    scheduler.wake()
    feed.wake()
    return found


@router.get("/experiments/{experiment_id}")
def detail(session: Reading, experiment: ExperimentDep) -> ExperimentDetailOut:
    """One experiment with its spec and runs."""
    base = ExperimentOut.of(experiments.listed(session, experiment))
    found = experiments.runs(session, experiment.id)
    return ExperimentDetailOut(
        **base.model_dump(),
        spec=ExperimentSpec.model_validate(experiment.spec),
        runs=[RunOut.of(run) for run in found],
        layers=LayerOut.of_all(queries.layer_names(found)),
        steps=queries.alignment_steps(session, [run.id for run in found]),
    )
