"""The parts of a spec that an experiment's runs share: every field with bounds, unit and help."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator
from pydantic_core import PydanticCustomError

Rank = Annotated[int, Field(ge=1, le=4096)]
LearningRate = Annotated[float, Field(gt=0, le=10, allow_inf_nan=False)]
Optimizer = Literal["adamw", "loraplus", "riemannian", "lorafa", "sgd", "riemannian-sgd"]
Seed = Annotated[int, Field(ge=0, le=2**31 - 1)]


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
    way: Literal["auto", "accumulate", "immediate", "sketch"] = Field(
        "auto",
        title="Gradients in memory",
        description="accumulate: all layers' at once; immediate: one layer's at a time, exact, one "
        "batch; sketch: none, four passes; auto: the first that fits",
    )
    checkpointing: bool = Field(
        False,
        title="Gradient checkpointing",
        description="Recompute each block in the backward pass: less memory, more time, the same G",
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

    @model_validator(mode="after")
    def _possible(self) -> GradientSpec:
        if self.dropout and self.way in ("immediate", "sketch"):
            raise PydanticCustomError(
                "dropout_needs_sums",
                "with dropout the gradient is a sum of noisy passes; allowed: auto, accumulate",
                {"given": self.way, "at": "way"},
            )
        if self.way == "immediate" and self.samples > self.micro_batch:
            raise PydanticCustomError(
                "immediate_needs_one_batch",
                "immediate takes one backward pass; allowed: gradient.micro_batch of at least "
                "gradient.samples = {samples}",
                {"samples": self.samples, "given": self.micro_batch, "at": "micro_batch"},
            )
        return self


class AdapterSpec(Spec):
    """The LoRA parametrisation W + s·B·A, apart from its rank."""

    alpha: float = Field(
        16, title="α", gt=0, le=100_000, description="s = α/√r with rsLoRA, else α/r"
    )
    rslora: bool = Field(True, title="rsLoRA", description="Scale by α/√r instead of α/r")
    dora: bool = Field(
        False,
        title="DoRA",
        description="Train the length of each row of W + s·B·A apart from its direction",
    )
    dropout: float = Field(
        0.0, title="LoRA dropout", ge=0, lt=1, description="Dropout on the adapter's input"
    )


class TrainingSpec(Spec):
    """The short training run that follows the initialisation."""

    optimizer: Optimizer = Field(
        "adamw",
        title="Optimiser",
        description="adamw; loraplus: B learns faster; riemannian: preconditioned, as in LoRA-One; "
        "lorafa: A frozen; sgd: plain descent; riemannian-sgd: preconditioned, without Adam",
    )
    loraplus_ratio: float = Field(
        16.0, title="LoRA+ ratio", ge=1, le=1000, description="Learning rate of B over that of A"
    )
    riemannian_damping: float = Field(
        1e-6, title="Riemannian λ", gt=0, le=1e3, description="Added to AAᵀ and BᵀB"
    )
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
    gradient_trust: bool = Field(
        True,
        title="Gradient trust",
        description="How far the two halves of the gradient batch agree: one more gradient pass",
    )
    intruders: bool = Field(
        False,
        title="Intruder dimensions",
        description="Count the tuned weights' directions that are new: one more SVD of each weight",
    )
    intruder_top: int = Field(
        10,
        title="Intruders among the top",
        ge=1,
        le=4096,
        description="Left singular vectors of the tuned weight that are looked at",
    )
    intruder_epsilon: float = Field(
        0.6,
        title="Intruder ε",
        gt=0,
        lt=1,
        description="New is what has no |cos| of ε or more to any pretrained direction",
    )
    hessian: bool = Field(
        False,
        title="Largest Hessian eigenvalue",
        description="Of the loss in the trained parameters at step 0; predicts the usable "
        "learning rate; as long as a few dozen training steps",
    )
    hessian_samples: int = Field(
        16, title="Hessian batch", ge=1, le=4096, description="Texts of the gradient batch it takes"
    )
    save_adapter: bool = Field(
        True, title="Keep adapters", description="Write and verify a plain PEFT adapter"
    )
