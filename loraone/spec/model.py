"""Which pretrained model, and which of its layers."""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal

from pydantic import Field

from loraone.spec.base import Spec
from loraone.spec.form import form


class ModelSpec(Spec):
    """Which pretrained model, and which of its linear layers are adapted."""

    section: ClassVar[str] = "Model and data"

    id: str = Field(
        "builtin:minilm",
        title="Model",
        min_length=1,
        max_length=500,
        description="builtin:minilm, a local folder, or a hub id org/name[@revision]; safetensors",
    )
    dtype: Literal["float32", "bfloat16", "float16"] = Field(
        "float32",
        title="Weights in",
        description="Number format of the loaded weights",
        json_schema_extra=form(section="Adapter", order=1),
    )
    targets: Literal["all-linear"] | Annotated[tuple[str, ...], Field(min_length=1)] = Field(
        "all-linear",
        title="Target layers",
        description=(
            "all-linear: every linear layer of the transformer blocks; "
            "or names as PEFT's target_modules takes them, such as query, value"
        ),
        json_schema_extra=form(order=3, widget="targets"),
    )
