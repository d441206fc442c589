"""What can be chosen, and what a spec would do."""

from __future__ import annotations

from dataclasses import asdict

from fastapi import APIRouter

from backend.api.deps import DeviceBenchmarksDep, DevicesDep, Reading, SettingsDep
from backend.api.schemas.catalog import (
    CatalogOut,
    LayerMetricOut,
    MethodOut,
    PresetOut,
    QuantityOut,
    RunColumnOut,
    SourceOut,
    TaskOut,
)
from backend.api.schemas.experiments import PlannedRun, PlanOut
from backend.api.schemas.server import HealthOut
from backend.results import estimates, run_table
from backend.settings import Settings
from backend.web.problems import FieldProblem, invalid, of_library
from loraone import __version__
from loraone.catalog import LAYER_METRICS, METHODS, METRICS, SCALARS, SOURCES, SPECTRA, TASKS
from loraone.models.paths import BUILTIN_MODELS, preflight
from loraone.spec.experiment import MAX_RUNS, ExperimentSpec, expand
from loraone.spec.presets import PRESETS
from loraone.spec.recipes import as_python, as_yaml, peft_snippet
from loraone.theory.presets import THEORY

router = APIRouter(tags=["catalog"])


@router.get("/health")
def health() -> HealthOut:
    """Whether the server answers, and its version."""
    return HealthOut(status="ok", version=__version__)


@router.get("/catalog")
def catalog() -> CatalogOut:
    """Methods, tasks, sources, quantities, presets, and the schema of an experiment."""
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
        metrics=[QuantityOut.model_validate(row) for row in METRICS.values()],
        scalars=[QuantityOut.model_validate(row) for row in SCALARS.values()],
        spectra=[QuantityOut.model_validate(row) for row in SPECTRA.values()],
        columns=[LayerMetricOut.model_validate(row) for row in LAYER_METRICS.values()],
        run_columns=[RunColumnOut.model_validate(head) for head in run_table.heads()],
        presets=[PresetOut.model_validate(row) for row in PRESETS.values()],
        theory=[PresetOut.model_validate(row) for row in THEORY.values()],
        spec_schema=ExperimentSpec.model_json_schema(),
    )


@router.post("/plan")
def plan(
    spec: ExperimentSpec,
    settings: SettingsDep,
    session: Reading,
    devices: DevicesDep,
    device_benchmarks: DeviceBenchmarksDep,
) -> PlanOut:
    """What launching ``spec`` would do; a problem with the fields that are wrong otherwise."""
    check(spec, settings)
    runs = expand(spec)
    return PlanOut(
        runs=[
            PlannedRun(
                title=run.title,
                label=run.label,
                method=run.method.name,
                rank=run.rank if run.trains_adapter else None,
                learning_rate=run.learning_rate,
                seed=run.seed,
            )
            for run in runs
        ],
        gradients=len({run.gradient_key() for run in runs}),
        cost=estimates.cost(session, runs, devices, device_benchmarks),
        yaml=as_yaml(spec),
        command="loraone run experiment.yaml",
        python=as_python(spec),
        peft={method.label: peft_snippet(spec, method) for method in spec.methods},
    )


def check(spec: ExperimentSpec, settings: Settings) -> None:
    """Raise a problem where model or data cannot be what the spec says."""
    errors = preflight(spec, settings.roots)
    if errors:
        raise invalid([of_library(error) for error in errors])
    count = len(expand(spec))
    if count > MAX_RUNS:  # the lab solves more at once, but the queue takes them one by one
        message = f"{count} runs are too many for the queue"
        allowed = f"1 to {MAX_RUNS}"
        raise invalid([FieldProblem(path="grid", message=message, value=count, allowed=allowed)])
