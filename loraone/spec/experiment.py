"""What to run, said once: every parameter with its bounds, unit and help text.

An :class:`ExperimentSpec` is a grid; :func:`expand` turns it into :class:`RunSpec`, one for each
method × rank × learning rate × seed. The same classes serve YAML files, the command line, the
HTTP API and, through OpenAPI, the form in the browser.
"""

from __future__ import annotations

from collections.abc import Mapping
from itertools import product
from typing import Annotated, Any

from pydantic import AfterValidator, BeforeValidator, ConfigDict, Field, model_validator
from pydantic_core import PydanticCustomError

from loraone.catalog import METHODS, TASKS
from loraone.spec import versions
from loraone.spec.adapter import AdapterSpec
from loraone.spec.applicability import Paths, check_spec, check_sweep
from loraone.spec.base import LearningRate, Rank, Seed, Spec, Text, Word, at_most, exactly
from loraone.spec.data import DataSpec
from loraone.spec.form import form, layout
from loraone.spec.gradient import GradientSpec
from loraone.spec.measure import MeasureSpec
from loraone.spec.method import MOST_VALUES, MethodSpec, _method_from_name
from loraone.spec.model import ModelSpec
from loraone.spec.reporting import ReportTo, check_reported
from loraone.spec.start import HeadTraining, InputsSpec, StartMeasurements, StartSpec, TeacherSpec
from loraone.spec.synthetic import ProblemSpec, SweepSpec
from loraone.spec.training import TrainingSpec

MAX_RUNS = 500
# Teacher–student problems are solved many at once.
MAX_PROBLEMS = MOST_VALUES


def _known_task(name: str) -> str:
    if name not in TASKS:
        raise PydanticCustomError("unknown_task", "allowed: {known}", {"known": ", ".join(TASKS)})
    return name


def _unique(values: tuple[Any, ...]) -> tuple[Any, ...]:
    return tuple(dict.fromkeys(values))


_Dimension = Field(min_length=1, max_length=MOST_VALUES)
_Bounded = at_most(MOST_VALUES)


class GridSpec(Spec):
    """The values that are combined with every method."""

    ranks: Annotated[tuple[Rank, ...], _Dimension, AfterValidator(_unique), _Bounded] = Field(
        (8,), title="Ranks", description="r of lora_A (r, n) and lora_B (m, r)"
    )
    learning_rates: Annotated[
        tuple[LearningRate, ...], _Dimension, AfterValidator(_unique), _Bounded
    ] = Field((1e-3,), title="Learning rates", description="AdamW's peak learning rates")
    seeds: Annotated[tuple[Seed, ...], _Dimension, AfterValidator(_unique), _Bounded] = Field(
        (0,), title="Seeds", description="Draw head, batches and random factors"
    )


class _Shared(Spec):
    """What an experiment and each of its runs have in common."""

    version: int = Field(
        versions.CURRENT,
        ge=1,
        le=versions.CURRENT,
        description="Of the spec's form; earlier ones are brought forward",
        json_schema_extra=form(hidden=True),
    )
    task: Annotated[Word, AfterValidator(_known_task)] = Field(
        "sequence-classification",
        title="Task",
        description="What the model is trained to do",
        json_schema_extra=form(
            section="Model and data",
            order=2,
            # Teacher–student problems have a page of their own.
            choices={task.name: task.label for task in TASKS.values() if not task.synthetic},
        ),
    )
    model: ModelSpec = ModelSpec()
    data: DataSpec = DataSpec()
    gradient: GradientSpec = GradientSpec()
    adapter: AdapterSpec = AdapterSpec()
    training: TrainingSpec = TrainingSpec()
    measure: MeasureSpec = MeasureSpec()
    problem: ProblemSpec = Field(ProblemSpec(), json_schema_extra=form(hidden=True))

    @model_validator(mode="before")
    @classmethod
    def _of_this_version(cls, given: Any) -> Any:
        """What an earlier release wrote is brought forward before anything of it is read."""
        if not isinstance(given, Mapping):
            return given
        version = versions.version_of(given)
        if version is None or version > versions.CURRENT:
            raise PydanticCustomError(
                "spec_version",
                "version {given} of a spec is not known to this release; allowed: 1 to {current}",
                {"given": given["version"], "current": versions.CURRENT, "at": "version"},
            )
        return versions.upgraded(given)


class ExperimentSpec(_Shared):
    """A grid of runs that share model, data and training."""

    model_config = ConfigDict(json_schema_extra=layout())

    name: Text = Field(
        "Untitled", title="Name", min_length=1, max_length=200, description="Shown in the history"
    )
    description: Text = Field(
        "",
        title="Description",
        max_length=10_000,
        description="What the experiment asks",
        json_schema_extra=form(widget="textarea"),
    )
    methods: Annotated[
        tuple[Annotated[MethodSpec, BeforeValidator(_method_from_name)], ...],
        Field(min_length=1, max_length=MAX_RUNS),
        at_most(MAX_RUNS, "methods"),
    ] = Field(
        (MethodSpec(name="lora"), MethodSpec(name="lora_one")),
        title="Methods",
        description="Initialisations to compare",
        json_schema_extra=form(section="Methods", widget="methods"),
    )
    grid: GridSpec = GridSpec()
    # Of the experiment alone: runs that are mirrored are the same runs.
    report_to: ReportTo = Field(
        (),
        title="Mirror to",
        description="Experiment trackers that are told of each run's settings, metrics and end",
        json_schema_extra=form(section="Measurements", order=1, widget="trackers"),
    )
    sweep: SweepSpec | None = Field(
        None,
        title="Sweep",
        description="Of a teacher–student problem: one number varied",
        json_schema_extra=form(hidden=True),
    )

    @model_validator(mode="after")
    def _task_fits(self) -> ExperimentSpec:
        check_sweep(self.task, self.problem, self.sweep)
        check_reported(self.task, self.report_to)
        return self

    @model_validator(mode="after")
    def _not_too_many(self) -> ExperimentSpec:
        count = self.run_count
        most = MAX_PROBLEMS if TASKS[self.task].synthetic else MAX_RUNS
        if count > most:
            raise PydanticCustomError(
                "too_many_runs",
                "the grid has {count} runs; allowed: 1 to {most}",
                {"count": count, "most": most, "at": "grid"},
            )
        return self

    @model_validator(mode="after")
    def _makes_sense(self) -> ExperimentSpec:
        ranks = tuple(f"grid.ranks.{j}" for j in range(len(self.grid.ranks)))
        for i, method in enumerate(self.methods):
            check_spec(self, method, self.grid.ranks, Paths(f"methods.{i}", ranks))
        return self

    @property
    def run_count(self) -> int:
        """How many runs :func:`expand` gives, by multiplication: methods of one label are one."""
        rates: dict[tuple[str, bool], set[float]] = {}
        for method in self.methods:
            kind = method.label, METHODS[method.name].trains == "all"
            rates.setdefault(kind, set()).update(method.learning_rates or self.grid.learning_rates)
        of_methods = sum(
            len(of_label) * (1 if all_weights else len(self.grid.ranks))
            for (_, all_weights), of_label in rates.items()
        )
        return of_methods * len(self.grid.seeds) * len(self._variants())

    def _variants(self) -> dict[str, ProblemSpec]:
        """The swept problems by what tells them apart; without a sweep the one there is."""
        if self.sweep is None:
            return {"": self.problem}
        return {
            self.sweep.label(value): self.sweep.applied(self.problem, value)
            for value in self.sweep.values
        }


class RunSpec(_Shared):
    """One run: one method at one rank, learning rate and seed."""

    method: MethodSpec
    rank: Rank
    learning_rate: LearningRate
    seed: Seed
    # What tells runs of a sweep apart, such as "κ 10".
    variant: Annotated[Text, Field(max_length=200)] = ""

    @model_validator(mode="after")
    def _makes_sense(self) -> RunSpec:
        check_spec(self, self.method, (self.rank,), Paths("method", ("rank",)))
        return self

    @property
    def label(self) -> str:
        """How the run's series is named: the method, and what was swept."""
        return f"{self.method.label}, {self.variant}" if self.variant else self.method.label

    @property
    def trains_adapter(self) -> bool:
        """Whether there is an adapter at all, or the target layers themselves are trained."""
        return METHODS[self.method.name].trains != "all"

    @property
    def title(self) -> str:
        """Method, rank, learning rate and seed in one line."""
        rank = f" r={self.rank}" if self.trains_adapter else ""
        return f"{self.label}{rank} lr={exactly(self.learning_rate)} seed={self.seed}"

    @property
    def inputs(self) -> InputsSpec:
        """What the loaded model and its texts depend on."""
        return InputsSpec(task=self.task, model=self.model, data=self.data)

    @property
    def start(self) -> StartSpec:
        """What the start that the run shares with others depends on."""
        warmed_up = self.gradient.head_warmup_steps > 0
        return StartSpec(
            task=self.task,
            model=self.model,
            data=self.data,
            seed=self.seed,
            gradient=self.gradient,
            measure=StartMeasurements(
                held_out_samples=self.measure.held_out_samples,
                spectra=self.measure.spectra,
                split_half_agreement=self.measure.split_half_agreement,
            ),
            training=HeadTraining(batch_size=self.training.batch_size if warmed_up else None),
        )

    @property
    def teacher(self) -> TeacherSpec:
        """What the drawn problem depends on; vanilla's deviation and s are the student's."""
        return TeacherSpec(
            seed=self.seed,
            problem=self.problem.model_copy(
                update={
                    name: ProblemSpec.model_fields[name].default for name in ("init_std", "scaling")
                }
            ),
        )

    def gradient_key(self) -> str:
        """Equal exactly for runs that begin at one start; of a synthetic task, at one teacher."""
        shared = self.teacher if TASKS[self.task].synthetic else self.start
        return shared.key[:16]


def expand(spec: ExperimentSpec) -> list[RunSpec]:
    """All runs of an experiment, seeds outermost so that complete comparisons come early.

    Full fine-tuning has no rank: it appears once for all ranks of the grid, under the first.
    """
    shared = {name: getattr(spec, name) for name in _Shared.model_fields}
    variants = spec._variants().items()
    runs: dict[RunKey, RunSpec] = {}
    for seed, rank, (variant, problem), method in product(
        spec.grid.seeds, spec.grid.ranks, variants, spec.methods
    ):
        if METHODS[method.name].trains == "all":
            rank = spec.grid.ranks[0]
        for learning_rate in method.learning_rates or spec.grid.learning_rates:
            bare = MethodSpec(name=method.name, params=method.params, optimizer=method.optimizer)
            own = {"optimizer": method.optimizer} if method.optimizer else {}
            run = RunSpec.model_construct(
                **{**shared, "problem": problem, "training": spec.training.model_copy(update=own)},
                method=bare,
                rank=rank,
                learning_rate=learning_rate,
                seed=seed,
                variant=variant,
            )
            runs[run.label, rank, learning_rate, seed] = run
    return list(runs.values())


RunKey = tuple[str, int, float, int]
