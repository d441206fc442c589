"""Experiments: launch, list, look at, cancel."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query

from backend.api.answers import refuses
from backend.api.bodies import JsonRoute
from backend.api.deps import (
    CallerDep,
    CallersDep,
    DatabaseDep,
    ExperimentDep,
    FeedDep,
    Reading,
    SchedulerDep,
    SettingsDep,
)
from backend.api.kept import experiment as its_experiment
from backend.api.kept import kept
from backend.api.rights import needs
from backend.api.schemas.experiments import ExperimentDetailOut, ExperimentOut, LayerOut
from backend.api.schemas.runs import RunOut
from backend.errors import MOST_PROBLEMS, FieldProblem
from backend.people import audit
from backend.results import queries
from backend.scheduling import admission
from backend.storage.audience import audience
from backend.storage.store import comments, experiments
from loraone.spec import stored
from loraone.spec.experiment import ExperimentSpec

router = APIRouter(route_class=JsonRoute, tags=["experiments"])


@router.post("/experiments", status_code=201, responses=refuses(409, 429))
@needs("launch")
def launch(
    spec: ExperimentSpec,
    caller: CallerDep,
    callers: CallersDep,
    settings: SettingsDep,
    database: DatabaseDep,
    scheduler: SchedulerDep,
    feed: FeedDep,
    private: Annotated[
        bool, Query(description="Seen by you and administrators alone, until you share it")
    ] = False,
) -> ExperimentOut:
    """Store the experiment and queue its runs. 409 where its owner would use more than they may."""
    admission.check(spec, settings)
    with database.write() as session:
        owner = caller.owner(session)
        admission.admit(session, settings, {owner.id: spec.run_count})
        experiment = experiments.create(session, spec, owner.name, owner.id)
        experiment.private = private
        detail = audit.counted(spec.run_count, "run")
        audit.note(session, caller, "launched", f"experiment {experiment.id}", detail)
        launched = ExperimentOut.of(experiments.listed(session, experiment))
    if private:
        callers.forget()  # whether its owner sees what others do not
    scheduler.wake()
    feed.wake()
    return launched


@router.get("/experiments/{experiment_id}")
@kept(its_experiment)
@needs("read", shared=True)
def detail(session: Reading, experiment: ExperimentDep) -> ExperimentDetailOut:
    """One experiment with its spec and runs."""
    base = ExperimentOut.of(experiments.listed(session, experiment))
    spec = stored.experiment(experiment.spec)
    runs = experiments.runs(session, experiment.id)
    return ExperimentDetailOut(
        **base.model_dump(),
        spec=spec.document,
        problems=[FieldProblem(**row) for row in spec.problems[:MOST_PROBLEMS]],
        runs=RunOut.listed(runs),
        layers=LayerOut.of_all(queries.layer_names(runs)),
        steps=queries.alignment_steps(session, [run.id for run in runs]),
        comments=0 if audience().only else comments.count(session, experiment.id),
    )
