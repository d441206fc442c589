"""What can be chosen."""

from __future__ import annotations

from dataclasses import asdict

from fastapi import APIRouter, Request, Response

from backend.api.deps import DatabaseHealthDep, SchedulerDep
from backend.api.kept import fresh
from backend.api.representations import Constant
from backend.api.rights import needs, open_to_all
from backend.api.schemas.catalog import (
    AlignmentMeasureOut,
    CatalogOut,
    FigureOut,
    LayerMetricOut,
    MethodOut,
    OptimizerOut,
    PresetOut,
    QuantityOut,
    RunColumnOut,
    ScalarOut,
    SourceOut,
    SpectrumOut,
    TaskOut,
    TrackerOut,
)
from backend.api.schemas.server import HealthOut
from backend.errors import UnavailableError
from backend.results import run_table
from loraone import __version__
from loraone.catalog import (
    ALIGNMENT_MEASURES,
    COSTS,
    FIGURES,
    LAYER_METRICS,
    METHODS,
    METRICS,
    OPTIMIZERS,
    SCALARS,
    SOURCES,
    SPECTRA,
    TASKS,
    TRACKERS,
    Result,
)
from loraone.inputs.models.location import BUILTIN_MODELS
from loraone.spec.experiment import ExperimentSpec
from loraone.spec.presets import PRESETS
from loraone.theory.presets import THEORY

router = APIRouter(tags=["catalog"])


@router.get("/health")
@fresh("it says that the server answers now")
@open_to_all("whoever watches the server has no account")
async def health(database_health: DatabaseHealthDep) -> HealthOut:
    """Whether the server answers, and its version; a problem where its database cannot be used:
    it is gone, replaced, read-only, locked or damaged.

    It is asked often and must be quick when all threads are busy: it waits for none of theirs.
    """
    trouble = await database_health.trouble()
    if trouble is not None:
        raise UnavailableError(trouble)
    return HealthOut(status="ok", version=__version__)


@router.get("/ready")
@fresh("it says whether the server can work now")
@open_to_all("whoever balances load has no account")
async def ready(database_health: DatabaseHealthDep, scheduler: SchedulerDep) -> HealthOut:
    """Whether the server can take work: its database can be used, and its queue is seen to. A
    problem where it cannot, such as while it starts or stops."""
    if not scheduler.alive:
        raise UnavailableError("nobody sees to the queue now: the server starts or stops")
    return await health(database_health)


@router.get("/catalog", response_model=CatalogOut)
@fresh("it is made once, and kept by itself")
@needs("read", shared=True)
def catalog(request: Request) -> Response:
    """Methods, tasks, sources, quantities, presets, and the schema of an experiment."""
    return _CATALOG.answer(request)


def described() -> CatalogOut:
    return CatalogOut(
        version=__version__,
        methods=[
            MethodOut(
                **{
                    **asdict(row),
                    "params": row.params.model_json_schema(),
                    "synthetic": row.synthetic,
                }
            )
            for row in METHODS.values()
        ],
        tasks=[TaskOut.model_validate(row) for row in TASKS.values()],
        sources=[SourceOut.model_validate(row) for row in SOURCES.values()],
        models=list(BUILTIN_MODELS),
        optimizers=[OptimizerOut.model_validate(row) for row in OPTIMIZERS.values()],
        trackers=[TrackerOut.model_validate(row) for row in TRACKERS.values()],
        figures=[FigureOut.model_validate(row) for row in FIGURES.values()],
        metrics=[QuantityOut.model_validate(row) for row in METRICS.values()],
        costs=[_cost(row) for row in COSTS.values()],
        scalars=[ScalarOut.model_validate(row) for row in SCALARS.values()],
        spectra=[SpectrumOut.model_validate(row) for row in SPECTRA.values()],
        alignments=[AlignmentMeasureOut.model_validate(row) for row in ALIGNMENT_MEASURES.values()],
        columns=[LayerMetricOut.model_validate(row) for row in LAYER_METRICS.values()],
        run_columns=[RunColumnOut.model_validate(head) for head in run_table.heads()],
        usual_run_columns=run_table.usual(),
        presets=[PresetOut.model_validate(row) for row in PRESETS.values()],
        theory=[PresetOut.model_validate(row) for row in THEORY.values()],
        spec_schema=ExperimentSpec.model_json_schema(),
    )


def _cost(row: Result) -> QuantityOut:
    """A cost by its stored name, which addresses have, in the unit that people see."""
    shown = QuantityOut.model_validate(row.as_shown)
    return shown.model_copy(update={"name": row.name})


# The rows are found once in a process, and so is what is said of them.
_CATALOG = Constant(lambda: described().model_dump_json().encode())
