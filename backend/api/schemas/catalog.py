"""What the catalogue's route answers with."""

from __future__ import annotations

from typing import Any, Literal

from backend.api.schemas.base import Out
from loraone.spec.experiment import ExperimentSpec


class PaperOut(Out):
    """Where something was published."""

    title: str
    url: str


class MethodOut(Out):
    """A row of the method catalogue; ``params`` is the JSON schema of its parameters.

    ``synthetic`` says whether a teacher–student problem can start from it.
    """

    name: str
    label: str
    summary: str
    paper: PaperOut | None
    colour: str
    trains: Literal["adapter", "A", "core", "all"]
    synthetic: bool
    params: dict[str, Any]


class RowOut(Out):
    """A row of another catalogue."""

    name: str
    label: str
    summary: str


class QuantityOut(RowOut):
    """A quantity with its unit and which way is better."""

    unit: str
    better: Literal["lower", "higher", "none"]


class LayerMetricOut(QuantityOut):
    """A number per layer, of the report at the init or of that about the update."""

    when: Literal["init", "update"]


class RunColumnOut(Out):
    """A column that a table of runs may have: of the run, its spec, or its results."""

    name: str
    label: str
    unit: str
    kind: Literal["run", "spec", "result"]


class TaskOut(RowOut):
    """A task, and what it is judged by; ``synthetic`` tasks draw their own problem."""

    metric: str
    synthetic: bool


class SourceOut(RowOut):
    """A data source; ``prefix`` is what names it, empty for paths and hub ids."""

    prefix: str


class PresetOut(RowOut):
    """An experiment to start from."""

    spec: ExperimentSpec


class CatalogOut(Out):
    """Everything that can be chosen, and the JSON schema of an experiment for the form."""

    version: str
    methods: list[MethodOut]
    tasks: list[TaskOut]
    sources: list[SourceOut]
    models: list[str]
    metrics: list[QuantityOut]
    scalars: list[QuantityOut]
    spectra: list[QuantityOut]
    columns: list[LayerMetricOut]
    run_columns: list[RunColumnOut]
    presets: list[PresetOut]
    theory: list[PresetOut]
    spec_schema: dict[str, Any]
