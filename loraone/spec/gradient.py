"""How the one-step gradient is taken."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, model_validator
from pydantic_core import PydanticCustomError

from loraone.spec.base import LearningRate, Spec
from loraone.spec.form import form


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
        description="Texts per backward pass; changes memory and time, and the result by rounding",
    )
    strategy: Literal["auto", "accumulate", "layerwise", "sketch"] = Field(
        "auto",
        title="Gradients in memory",
        description="accumulate: all layers' at once; layerwise: one layer's at a time, or of "
        "several micro-batches a group of layers in each pass, exact; sketch: none, four passes; "
        "auto: the first that fits",
    )
    checkpointing: bool = Field(
        False,
        title="Gradient checkpointing",
        description="Recompute each block in the backward pass: less memory, more time, the same G",
    )
    head_warmup_steps: int = Field(
        0,
        title="Head warm-up",
        ge=0,
        le=10_000,
        description="Steps that train only a new head before the gradient is taken",
    )
    head_learning_rate: LearningRate = Field(
        1e-3,
        title="Head learning rate",
        description="AdamW learning rate of the head warm-up",
        json_schema_extra=form(hidden_when={"gradient.head_warmup_steps": [0]}),
    )
    dropout: bool = Field(
        False,
        title="With dropout",
        description="Take the gradient in train() mode, as the official code does: noisier",
    )

    @model_validator(mode="after")
    def _possible(self) -> GradientSpec:
        if self.dropout and self.strategy == "sketch":
            raise PydanticCustomError(
                "dropout_needs_sums",
                "with dropout the gradient is a sum of noisy passes; allowed: auto, accumulate, "
                "layerwise",
                {"given": self.strategy, "at": "strategy"},
            )
        return self
