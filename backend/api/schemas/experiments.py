"""What the API answers with. The page's types are generated from these."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Literal

from backend.api.schemas.catalog import Out
from backend.storage.store.experiments import Listed
from backend.storage.tables import Run
from loraone.analysis.figures import layers
from loraone.spec.experiment import ExperimentSpec

Status = Literal["queued", "running", "succeeded", "failed", "cancelled"]


class PlannedRun(Out):
    """One run of a plan."""

    title: str
    label: str
    method: str
    rank: int | None
    learning_rate: float
    seed: int


class CostOut(Out):
    """What runs will take: seconds on all lanes together, bytes of the largest run.

    ``too_large`` are the methods that the device's memory does not hold; ``basis`` says where the
    numbers come from, or why there are none; ``waiting`` that there will be some soon.
    """

    seconds: float | None
    memory_bytes: float | None
    device: str
    device_memory_bytes: int
    lanes: int
    too_large: list[str]
    basis: str
    waiting: bool

    @classmethod
    def unknown(cls, why: str, *, waiting: bool = False) -> CostOut:
        """No numbers, and why."""
        return cls(
            seconds=None,
            memory_bytes=None,
            device="",
            device_memory_bytes=0,
            lanes=0,
            too_large=[],
            basis=why,
            waiting=waiting,
        )


class PlanOut(Out):
    """What launching a spec would do, and the same spec in other forms; ``peft`` by method."""

    runs: list[PlannedRun]
    gradients: int
    cost: CostOut | None
    yaml: str
    command: str
    python: str
    peft: dict[str, str]


class ErrorOut(Out):
    """Why a run failed, and what to do."""

    code: str
    message: str
    field: str | None = None
    value: str | None = None
    allowed: str | None = None
    hint: str | None = None


class RunOut(Out):
    """A run and where it stands."""

    id: int
    experiment_id: int
    method: str
    label: str
    rank: int | None
    learning_rate: float
    seed: int
    status: Status
    priority: int
    attempt: int
    lane: str | None
    phase: str | None
    done: int
    total: int
    reason: str | None
    error: ErrorOut | None
    queued_at: datetime
    started_at: datetime | None
    finished_at: datetime | None
    notes: list[str]
    has_adapter: bool
    summary: dict[str, float | None] | None

    @classmethod
    def of(cls, run: Run) -> RunOut:
        """From the stored row."""
        return cls.model_validate(run)


class RunDetailOut(RunOut):
    """A run with all that is needed to repeat it."""

    spec: dict[str, Any]
    environment: dict[str, Any] | None
    layers: dict[str, Any] | None
    init_scalars: dict[str, float] | None


class LogOut(Out):
    """What an attempt at a run printed; ``attempts`` are those that printed anything."""

    attempt: int
    attempts: list[int]
    text: str


class CountsOut(Out):
    """How many runs are in each status."""

    queued: int
    running: int
    succeeded: int
    failed: int
    cancelled: int


class BestOut(Out):
    """What is ahead in an experiment, at its own best learning rate: mean over seeds."""

    label: str
    learning_rate: float
    metric: str
    value: float
    seeds: int


class ExperimentOut(Out):
    """An experiment as a list shows it."""

    id: int
    name: str
    description: str
    created_at: datetime
    status: Status
    counts: CountsOut
    task: str
    model: str
    data: str
    methods: list[str]
    author: str
    starred: bool
    archived: bool
    tags: list[str]
    best: BestOut | None

    @classmethod
    def of(cls, listed: Listed) -> ExperimentOut:
        """From the stored row and its counts."""
        row = listed.experiment
        spec = ExperimentSpec.model_validate(row.spec)
        return cls(
            id=row.id,
            name=row.name,
            description=row.description,
            created_at=row.created_at,
            status=listed.status,
            counts=CountsOut(**listed.counts),
            task=row.task,
            model=row.model,
            data=row.data,
            methods=[method.label for method in spec.methods],
            author=row.author,
            starred=row.starred,
            archived=row.archived,
            tags=list(listed.tags),
            best=None if listed.best is None else BestOut.model_validate(listed.best),
        )


class LayerOut(Out):
    """A target layer: its name in the model, as people say it, and the class it belongs to."""

    name: str
    label: str
    module: str

    @classmethod
    def of_all(cls, names: list[str]) -> list[LayerOut]:
        """From the names in the model."""
        return [
            cls(name=name, label=layers.label(name), module=layers.split(name)[2]) for name in names
        ]


class ExperimentDetailOut(ExperimentOut):
    """An experiment with its spec, runs, layers, and the steps at which alignment was measured."""

    spec: ExperimentSpec
    runs: list[RunOut]
    layers: list[LayerOut]
    steps: list[int]


# ``open`` takes runs, ``paused`` does not, ``drained`` has let go of its device.
LaneMode = Literal["open", "paused", "drained"]


class LaneOut(Out):
    """A device, the run on it and how long that will take yet; memory in use, °C if known."""

    name: str
    mode: LaneMode
    run: RunOut | None
    seconds_left: float | None
    memory_bytes: int | None
    temperature: float | None


class QueueOut(Out):
    """Lanes, what waits for them in order (the first of ``waiting``), and what failed last."""

    lanes: list[LaneOut]
    queued: list[RunOut]
    waiting: int
    failed: list[RunOut]
    seconds_left: float | None
    experiments: dict[int, str]
    notices: list[str]
    last_change: int


class PredictionOut(Out):
    """What the theory says of a series beside what was measured, medians over seeds."""

    series: str
    name: str
    label: str
    formula: str
    source: str
    predicted: float | None
    measured: float | None
    ratio: float | None
    silent: str


class TheoryOut(Out):
    """A theory experiment, solved: plotly figures and their numbers as CSV, by name."""

    figures: dict[str, str]
    tables: dict[str, str]
    predictions: list[PredictionOut]
    runs: int
    seeds: int
    seconds: float


class ChangedOut(Out):
    """How many were changed."""

    changed: int
