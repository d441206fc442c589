"""What can be chosen."""

from __future__ import annotations

from dataclasses import asdict

from fastapi import APIRouter

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
from backend.api.schemas.server import HealthOut
from backend.results import run_table
from loraone import __version__
from loraone.catalog import LAYER_METRICS, METHODS, METRICS, SCALARS, SOURCES, SPECTRA, TASKS
from loraone.models.paths import BUILTIN_MODELS
from loraone.spec.experiment import ExperimentSpec
from loraone.spec.presets import PRESETS
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
