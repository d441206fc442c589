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
    """A quantity with its unit, which way is better, and how its axis is drawn."""

    unit: str
    better: Literal["lower", "higher", "none"]
    axis: Literal["linear", "log", "share", "signed", "count"]


class ScalarOut(QuantityOut):
    """A number that sums up a spectrum; the ``usual`` one is shown unless another is asked for."""

    usual: bool


class SpectrumOut(QuantityOut):
    """A matrix whose singular values are kept; ``shared`` ones are the same for all methods.

    The ``usual`` ones are drawn unless others are asked for.
    """

    shared: bool
    usual: bool


class AlignmentMeasureOut(QuantityOut):
    """A number of the principal angles; ``short`` is its label beside that of a side.

    ``sided`` ones are of the out side and of the in side apart, others of both together.
    """

    short: str
    sided: bool


class OptimizerOut(RowOut):
    """An optimiser, and where it may be used: see the fields' rows in the library."""

    paper: PaperOut | None
    needs_factors: bool
    synthetic: bool
    dora: bool


class FigureOut(RowOut):
    """A figure; its name is that of its route."""


class LayerMetricOut(QuantityOut):
    """A number per layer, of the report at the init or of that about the update.

    What is ``computed`` when it is read needs a run of full fine-tuning beside it.
    """

    when: Literal["init", "update"]
    computed: Literal["run", "read"]


class RunColumnOut(Out):
    """A column that a table of runs may have: of the run, its spec, or its results."""

    name: str
    label: str
    unit: str
    kind: Literal["run", "spec", "result"]


class TaskOut(RowOut):
    """A task, and what it is judged by; ``synthetic`` tasks draw their own problem.

    ``curves`` are the metrics that its runs yield while they train, the usual one first, and
    ``judges`` those of them that a finished run can be judged by.
    """

    metric: str
    synthetic: bool
    labelled: bool
    loss_unit: str
    curves: list[str]
    judges: list[str]


class SourceOut(RowOut):
    """A data source; ``prefix`` is what names it, empty for paths and hub ids."""

    prefix: str


class TrackerOut(Out):
    """A tracker that runs can be mirrored to; ``install`` installs its package on this machine."""

    name: str
    label: str
    where: str
    installed: bool
    install: str


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
    optimizers: list[OptimizerOut]
    trackers: list[TrackerOut]
    figures: list[FigureOut]
    metrics: list[QuantityOut]
    costs: list[QuantityOut]
    scalars: list[ScalarOut]
    spectra: list[SpectrumOut]
    alignments: list[AlignmentMeasureOut]
    columns: list[LayerMetricOut]
    run_columns: list[RunColumnOut]
    usual_run_columns: list[str]
    presets: list[PresetOut]
    theory: list[PresetOut]
    spec_schema: dict[str, Any]
