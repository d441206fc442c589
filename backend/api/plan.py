"""What a spec would do."""

from __future__ import annotations

from fastapi import APIRouter

from backend.api.bodies import JsonRoute
from backend.api.deps import CallerDep, DeviceBenchmarksDep, DevicesDep, Reading, SettingsDep
from backend.api.rights import needs
from backend.api.schemas.plan import CostOut, PlannedRun, PlanOut
from backend.api.schemas.quotas import QuotaOut
from backend.people import quotas
from backend.results import estimates
from backend.scheduling import admission
from loraone.inputs.models.foreseen import left_out
from loraone.spec.experiment import ExperimentSpec, expand
from loraone.spec.recipes import as_python, as_yaml, peft_snippet

# Each can be as long as its list of target modules.
MOST_SNIPPETS = 100

router = APIRouter(route_class=JsonRoute, tags=["catalog"])


@router.post("/plan")
@needs("read")
def plan(
    spec: ExperimentSpec,
    caller: CallerDep,
    settings: SettingsDep,
    session: Reading,
    devices: DevicesDep,
    device_benchmarks: DeviceBenchmarksDep,
) -> PlanOut:
    """What launching ``spec`` would do, with what single runs would fail at; a problem with the
    fields that are wrong otherwise, or that would make every run fail."""
    admission.check(spec, settings)
    runs = expand(spec)
    problems = admission.foreseen(spec, runs)
    cost = estimates.cost(session, runs, devices, device_benchmarks)
    seconds: float | None = 0
    if cost is not None:
        seconds = None if cost.seconds is None else cost.seconds * cost.lanes
    person = caller.number(session)
    mine = quotas.of(session, settings, person, runs=len(runs), seconds=seconds)
    return PlanOut(
        runs=[
            PlannedRun(
                title=run.title,
                label=run.label,
                method=run.method.name,
                rank=run.rank if run.trains_adapter else None,
                learning_rate=run.learning_rate,
                seed=run.seed,
                problem=problem,
            )
            for run, problem in zip(runs, problems, strict=True)
        ],
        notes=left_out(spec),
        gradients=len({run.gradient_key() for run in runs}),
        cost=None if cost is None else CostOut.model_validate(cost),
        quotas=QuotaOut.listed(mine),
        yaml=as_yaml(spec),
        command="loraone run experiment.yaml",
        python=as_python(spec),
        peft={method.label: peft_snippet(spec, method) for method in spec.methods[:MOST_SNIPPETS]},
    )
