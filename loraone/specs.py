"""What to run, said once: every parameter with its bounds, unit and help text.

An :class:`ExperimentSpec` is a grid; :func:`expand` turns it into :class:`RunSpec`, one for each
method × rank × learning rate × seed. The same classes serve YAML files, the command line, the
HTTP API and, through OpenAPI, the form in the browser.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from itertools import product
from typing import Annotated, Any, Literal

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    ValidationError,
    model_validator,
)
from pydantic_core import PydanticCustomError

from loraone.catalog import METHODS, TASKS

MAX_RUNS = 500

Rank = Annotated[int, Field(ge=1, le=4096)]
LearningRate = Annotated[float, Field(gt=0, le=10, allow_inf_nan=False)]
Seed = Annotated[int, Field(ge=0, le=2**31 - 1)]


def _known_task(name: str) -> str:
    if name not in TASKS:
        raise PydanticCustomError("unknown_task", "allowed: {known}", {"known": ", ".join(TASKS)})
    return name


def _unique(values: tuple[Any, ...]) -> tuple[Any, ...]:
    return tuple(dict.fromkeys(values))


def _method_from_name(value: Any) -> Any:
    return {"name": value} if isinstance(value, str) else value


class Spec(BaseModel):
    """Base of all specs: frozen, and strict about unknown fields."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class ModelSpec(Spec):
    """Which pretrained model, and which of its linear layers are adapted."""

    id: str = Field(
        "builtin:minilm",
        title="Model",
        min_length=1,
        max_length=500,
        description="builtin:minilm, a local folder, or a hub id org/name[@revision]; safetensors",
    )
    dtype: Literal["float32", "bfloat16", "float16"] = Field(
        "float32", title="Weights in", description="Number format of the loaded weights"
    )
    targets: Literal["all-linear"] | Annotated[tuple[str, ...], Field(min_length=1)] = Field(
        "all-linear",
        title="Target layers",
        description=(
            "all-linear: every linear layer of the transformer blocks; "
            "or names as PEFT's target_modules takes them, such as query, value"
        ),
    )


class DataSpec(Spec):
    """Which texts, which columns, and how many of them."""

    source: str = Field(
        "builtin:stdlib-docstrings",
        title="Data",
        min_length=1,
        max_length=500,
        description="builtin:stdlib-docstrings, a .csv, .jsonl or .parquet file, or a hub id",
    )
    text_column: str = Field(
        "text", title="Text column", min_length=1, description="Column that holds the text"
    )
    label_column: str = Field(
        "label",
        title="Label column",
        min_length=1,
        description="Column that holds the label; not read for language modelling",
    )
    max_length: int = Field(
        64, title="Tokens per text", ge=4, le=8192, description="Longer texts are cut (tokens)"
    )
    train_samples: int = Field(
        1024, title="Training texts", ge=8, le=10_000_000, description="At most so many"
    )
    eval_samples: int = Field(
        256, title="Evaluation texts", ge=4, le=1_000_000, description="At most so many"
    )
    split_seed: Seed = Field(
        0,
        title="Split seed",
        description="Draws the train/evaluation split; the same for all seeds of the grid",
    )


class GradientSpec(Spec):
    """How the one-step full fine-tuning gradient G is taken."""

    samples: int = Field(
        64, title="Gradient batch", ge=1, le=65_536, description="Texts in the gradient batch"
    )
    micro_batch: int = Field(
        16,
        title="Micro-batch",
        ge=1,
        le=4096,
        description="Texts per backward pass; changes memory and time, not the result",
    )
    dropout: bool = Field(
        False,
        title="With dropout",
        description="Take the gradient in train() mode, as the official code does: noisier",
    )
    head_warmup_steps: int = Field(
        0,
        title="Head warm-up",
        ge=0,
        le=10_000,
        description="Steps that train only a new head before the gradient is taken",
    )
    head_learning_rate: LearningRate = Field(
        1e-3, title="Head learning rate", description="AdamW learning rate of the head warm-up"
    )


class AdapterSpec(Spec):
    """The LoRA parametrisation W + s·B·A, apart from its rank."""

    alpha: float = Field(
        16, title="α", gt=0, le=100_000, description="s = α/√r with rsLoRA, else α/r"
    )
    rslora: bool = Field(True, title="rsLoRA", description="Scale by α/√r instead of α/r")
    dropout: float = Field(
        0.0, title="LoRA dropout", ge=0, lt=1, description="Dropout on the adapter's input"
    )


class TrainingSpec(Spec):
    """The short training run that follows the initialisation."""

    steps: int = Field(40, title="Steps", ge=0, le=1_000_000, description="Optimiser steps")
    batch_size: int = Field(16, title="Batch size", ge=1, le=4096, description="Texts per step")
    warmup_steps: int = Field(
        4, title="Warm-up", ge=0, le=100_000, description="Steps of linear warm-up"
    )
    schedule: Literal["linear", "cosine", "constant"] = Field(
        "linear", title="Schedule", description="Of the learning rate after the warm-up"
    )
    weight_decay: float = Field(0.0, title="Weight decay", ge=0, le=1, description="AdamW's")
    max_grad_norm: float = Field(
        1.0, title="Clip at", gt=0, le=1e6, description="Largest gradient norm"
    )
    eval_every: int = Field(
        20, title="Evaluate every", ge=1, le=100_000, description="Steps between evaluations"
    )


class MeasureSpec(Spec):
    """What is measured beside the losses."""

    alignment_every: int = Field(
        5, title="Alignment every", ge=1, le=100_000, description="Steps between measurements"
    )
    held_out_samples: int = Field(
        64,
        title="Held-out batch",
        ge=1,
        le=65_536,
        description="Training texts outside the gradient batch for the loss around the init",
    )
    save_adapter: bool = Field(
        True, title="Keep adapters", description="Write and verify a plain PEFT adapter"
    )


class MethodSpec(Spec):
    """One method of the catalogue with its own parameters."""

    name: str = Field(title="Method", description="A name of the catalogue")
    params: dict[str, float | str | bool] = Field(
        default_factory=dict, title="Parameters", description="Those of the method; see its row"
    )
    learning_rates: Annotated[tuple[LearningRate, ...], Field(min_length=1)] | None = Field(
        None,
        title="Learning rates",
        description="For this method alone, instead of the grid's",
    )

    @model_validator(mode="after")
    def _known_with_valid_params(self) -> MethodSpec:
        if self.name not in METHODS:
            raise PydanticCustomError(
                "unknown_method",
                "method {name} is not known; allowed: {known}",
                {
                    "name": repr(self.name),
                    "known": ", ".join(METHODS),
                    "given": self.name,
                    "at": "name",
                },
            )
        try:
            params = METHODS[self.name].params.model_validate(self.params)
        except ValidationError as error:
            first = error.errors()[0]
            raise PydanticCustomError(
                "method_parameter",
                "{name}: {param} = {given}: {reason}",
                {
                    "name": self.name,
                    "param": str(first["loc"][0]) if first["loc"] else "params",
                    "given": repr(first["input"]),
                    "reason": first["msg"],
                    "at": "params." + str(first["loc"][0] if first["loc"] else ""),
                },
            ) from None
        object.__setattr__(self, "params", params.model_dump())
        return self

    @property
    def label(self) -> str:
        """How the method is named in figures: its label and what differs from its defaults."""
        row = METHODS[self.name]
        fields = row.params.model_fields
        parts = []
        for key, value in self.params.items():
            if key == "scale" or value != fields[key].default:
                name = fields[key].title or key
                parts.append(str(value) if key == "scale" else f"{name} {_short(value)}")
        return f"{row.label} ({', '.join(parts)})" if parts else row.label


def _short(value: object) -> str:
    return f"{value:g}" if isinstance(value, float) else str(value)


class GridSpec(Spec):
    """The values that are combined with every method."""

    ranks: Annotated[tuple[Rank, ...], Field(min_length=1), AfterValidator(_unique)] = Field(
        (8,), title="Ranks", description="r of lora_A (r, n) and lora_B (m, r)"
    )
    learning_rates: Annotated[
        tuple[LearningRate, ...], Field(min_length=1), AfterValidator(_unique)
    ] = Field((1e-3,), title="Learning rates", description="AdamW's peak learning rates")
    seeds: Annotated[tuple[Seed, ...], Field(min_length=1), AfterValidator(_unique)] = Field(
        (0,), title="Seeds", description="Draw head, batches and random factors"
    )


class _Shared(Spec):
    """What an experiment and each of its runs have in common."""

    task: Annotated[str, AfterValidator(_known_task)] = Field(
        "sequence-classification", title="Task", description="What the model is trained to do"
    )
    model: ModelSpec = ModelSpec()
    data: DataSpec = DataSpec()
    gradient: GradientSpec = GradientSpec()
    adapter: AdapterSpec = AdapterSpec()
    training: TrainingSpec = TrainingSpec()
    measure: MeasureSpec = MeasureSpec()


class ExperimentSpec(_Shared):
    """A grid of runs that share model, data and training."""

    version: Literal[1] = 1
    name: str = Field(
        "Untitled", title="Name", min_length=1, max_length=200, description="Shown in the history"
    )
    description: str = Field(
        "", title="Description", max_length=10_000, description="What the experiment asks"
    )
    methods: Annotated[
        tuple[Annotated[MethodSpec, BeforeValidator(_method_from_name)], ...], Field(min_length=1)
    ] = Field(
        (MethodSpec(name="lora"), MethodSpec(name="lora_one")),
        title="Methods",
        description="Initialisations to compare",
    )
    grid: GridSpec = GridSpec()

    @model_validator(mode="after")
    def _not_too_many(self) -> ExperimentSpec:
        count = len(expand(self))
        if count > MAX_RUNS:
            raise PydanticCustomError(
                "too_many_runs",
                "the grid has {count} runs; allowed: 1 to {most}",
                {"count": count, "most": MAX_RUNS, "at": "grid"},
            )
        return self


class RunSpec(_Shared):
    """One run: one method at one rank, learning rate and seed."""

    method: MethodSpec
    rank: Rank
    learning_rate: LearningRate
    seed: Seed

    @property
    def trains_adapter(self) -> bool:
        """Whether there is an adapter at all, or the target layers themselves are trained."""
        return METHODS[self.method.name].trains == "adapter"

    @property
    def title(self) -> str:
        """Method, rank, learning rate and seed in one line."""
        rank = f" r={self.rank}" if self.trains_adapter else ""
        return f"{self.method.label}{rank} lr={self.learning_rate:g} seed={self.seed}"

    def gradient_key(self) -> str:
        """A key that is equal exactly for runs whose one-step gradient is the same."""
        parts = {
            "task": self.task,
            "model": self.model.model_dump(),
            "data": self.data.model_dump(),
            "gradient": self.gradient.model_dump(exclude={"micro_batch"}),
            "held_out": self.measure.held_out_samples,
            "seed": self.seed,
        }
        return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()[:16]


def expand(spec: ExperimentSpec) -> list[RunSpec]:
    """All runs of an experiment, seeds outermost so that complete comparisons come early.

    Full fine-tuning has no rank: it appears once for all ranks of the grid, under the first.
    """
    shared = {name: getattr(spec, name) for name in _Shared.model_fields}
    runs: dict[RunKey, RunSpec] = {}
    for seed, rank, method in product(spec.grid.seeds, spec.grid.ranks, spec.methods):
        if METHODS[method.name].trains == "all":
            rank = spec.grid.ranks[0]
        for learning_rate in method.learning_rates or spec.grid.learning_rates:
            bare = MethodSpec(name=method.name, params=method.params)
            key = (bare.label, rank, learning_rate, seed)
            runs[key] = RunSpec.model_construct(
                **shared, method=bare, rank=rank, learning_rate=learning_rate, seed=seed
            )
    return list(runs.values())


RunKey = tuple[str, int, float, int]


def problems(items: Sequence[Any]) -> list[dict[str, Any]]:
    """The errors of a :class:`pydantic.ValidationError` as a form needs them.

    One row per field, with its path, the value given and the range allowed.
    """
    schema = ExperimentSpec.model_json_schema()
    rows = []
    for item in items:
        if item["type"] == "too_short" and any(_inside(other, item) for other in items):
            continue  # pydantic counts only the valid items; the invalid ones are named already
        path = [part for part in item["loc"] if _is_field(part)]
        context = item.get("ctx", {})
        if at := context.get("at"):
            path += str(at).rstrip(".").split(".")
        value = context.get("given", item["input"])
        rows.append(
            {
                "path": ".".join(str(part) for part in path),
                "message": item["msg"],
                "value": value if isinstance(value, str | int | float | bool) else None,
                "allowed": allowed(schema, path),
            }
        )
    return list({(row["path"], row["message"]): row for row in rows}.values())


def _inside(item: Any, outer: Any) -> bool:
    depth = len(outer["loc"])
    return len(item["loc"]) > depth and item["loc"][:depth] == outer["loc"]


def _is_field(part: int | str) -> bool:
    """Drop what pydantic puts into a location that no form has: the names of union members."""
    return isinstance(part, int) or part.replace("_", "").isalnum()


def allowed(schema: dict[str, Any], path: list[int | str]) -> str | None:
    """The range of the field at ``path``, in words, or None where its schema sets none."""
    node = _at(schema, path)
    if node is None:
        return None
    if "enum" in node or "const" in node:
        return ", ".join(str(choice) for choice in node.get("enum", [node.get("const")]))
    low = node.get("minimum", node.get("exclusiveMinimum"))
    high = node.get("maximum", node.get("exclusiveMaximum"))
    if low is None and high is None:
        return None
    if low is None:
        return f"at most {high}"
    above = f"above {low:g}" if "exclusiveMinimum" in node else f"{low:g}"
    return f"{above} to {high:g}" if high is not None else f"at least {above}"


def _at(schema: dict[str, Any], path: list[int | str]) -> dict[str, Any] | None:
    node = _bare(schema, schema)
    for part in path:
        if isinstance(part, int) or part.isdigit():
            node = node.get("items", {})
        else:
            node = node.get("properties", {}).get(part, {})
        node = _bare(schema, node)
    return node or None


def _bare(schema: dict[str, Any], node: dict[str, Any]) -> dict[str, Any]:
    """Follow references, and of alternatives take the one that says most."""
    if "$ref" in node:
        return _bare(schema, schema["$defs"][str(node["$ref"]).rsplit("/", 1)[-1]])
    for key in ("anyOf", "allOf", "oneOf"):
        if key in node:
            options = [_bare(schema, option) for option in node[key]]
            return max(options, key=len)
    return node
