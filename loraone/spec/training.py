"""The short training run."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Literal, TypeAlias

from pydantic import Field

from loraone.catalog import OPTIMIZERS
from loraone.spec.base import Spec
from loraone.spec.form import form

if TYPE_CHECKING:
    Optimizer: TypeAlias = str
else:  # the names that the catalogue has: the JSON schema lists them, for the form and for errors
    Optimizer = Literal[tuple(OPTIMIZERS)]


def optimizer_labels() -> dict[str, str]:
    """The label of each optimiser by its name."""
    return {name: row.label for name, row in OPTIMIZERS.items()}


def _with_optimizer(*names: Optimizer) -> dict[str, list[str]]:
    """Where all methods train with one of these, or a method does."""
    return {"training.optimizer": [*names], "methods.*.optimizer": [*names]}


class TrainingSpec(Spec):
    """The short training run that follows the initialisation."""

    optimizer: Optimizer = Field(
        "adamw",
        title="Optimiser",
        description="; ".join(
            f"{row.label}, {name}: {row.summary}" for name, row in OPTIMIZERS.items()
        ),
        json_schema_extra=form(choices=optimizer_labels()),
    )
    steps: int = Field(40, title="Steps", ge=0, le=1_000_000, description="Optimiser steps")
    batch_size: int = Field(
        16,
        title="Batch size",
        ge=1,
        le=4096,
        description="Texts per step",
        # A student's gradient is over all of its samples.
        json_schema_extra=form(hidden_when={"task": ["teacher-student"]}),
    )
    gradient_accumulation: int = Field(
        1,
        title="Parts of a step",
        ge=1,
        le=4096,
        description="Passes that a step's texts are divided into: less memory, more time, the same "
        "gradient to rounding",
        json_schema_extra=form(hidden_when={"task": ["teacher-student"]}),
    )
    checkpointing: bool = Field(
        False,
        title="Checkpointing in training",
        description="Recompute each block in the backward pass: less memory, more time, the same "
        "gradient",
        json_schema_extra=form(hidden_when={"task": ["teacher-student"]}),
    )
    halve_on_oom: bool = Field(
        False,
        title="Halve where memory ends",
        description="Where a step does not fit, divide it into twice as many parts and repeat it",
        json_schema_extra=form(hidden_when={"task": ["teacher-student"]}),
    )
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
    eval_batch_tokens: Annotated[int, Field(ge=1, le=2**24)] | None = Field(
        None,
        title="Evaluation batch",
        description="Tokens of a batch, padding included, in evaluations and in the losses that "
        "are measured; empty: 32 texts, or the batch size where that is more, of 512 tokens",
        json_schema_extra=form(hidden_when={"task": ["teacher-student"]}),
    )
    checkpoint_minutes: float = Field(
        10.0,
        title="Keep a checkpoint every",
        ge=0,
        le=10_080,
        description="Minutes after which the training is written down, so that a run that was "
        "interrupted goes on from there with the same result; 0: never",
        json_schema_extra=form(hidden_when={"task": ["teacher-student"]}),
    )
    loraplus_ratio: float = Field(
        16.0,
        title="LoRA+ ratio",
        ge=1,
        le=1000,
        description="Learning rate of B over that of A",
        json_schema_extra=form(shown_when=_with_optimizer("loraplus")),
    )
    riemannian_damping: float = Field(
        1e-6,
        title="Riemannian λ",
        gt=0,
        le=1e3,
        description="Added to AAᵀ and BᵀB",
        json_schema_extra=form(shown_when=_with_optimizer("riemannian", "riemannian-sgd")),
    )


def texts_of_part(texts: int, parts: int) -> int:
    """How many texts of a step go through the model at once; one at the least."""
    return -(-texts // min(parts, texts))
