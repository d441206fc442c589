"""The LoRA parametrisation."""

from __future__ import annotations

from pydantic import Field

from loraone.spec.base import Spec


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
