"""Which pretrained model, and which of its layers."""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal

from pydantic import AfterValidator, Field, model_validator
from pydantic_core import PydanticCustomError

from loraone.spec.base import Spec, Text, Word, at_most
from loraone.spec.form import form

# All layers of a large model by their whole names are some 40 000 characters. Every run of a grid
# keeps them.
MOST_NAMES, MOST_CHARACTERS = 2000, 60_000


def _short_together(names: tuple[str, ...]) -> tuple[str, ...]:
    length = sum(map(len, names))
    if length > MOST_CHARACTERS:
        raise PydanticCustomError(
            "long_names",
            "the names have {length} characters together; allowed: up to {most}; the last part of "
            "a name, such as q_proj, names the layers of all blocks",
            {"length": length, "most": MOST_CHARACTERS, "given": length},
        )
    return names


class ModelSpec(Spec):
    """Which pretrained model, and which of its linear layers and experts are adapted."""

    section: ClassVar[str] = "Model and data"

    id: Text = Field(
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
    quantization: Literal["none", "int8", "nf4"] = Field(
        "none",
        title="Quantised base",
        description="The linear layers of the blocks in fewer bits (bitsandbytes); heads and "
        "adapters are not. int8: LLM.int8(); nf4: QLoRA's 4 bits, computed in the format of the "
        "loaded weights (QLoRA: bfloat16); none: as the checkpoint has them",
        json_schema_extra=form(section="Adapter", order=1),
    )
    double_quantization: bool = Field(
        True,
        title="Double quantisation",
        description="As in QLoRA, the scale of each 64 numbers of nf4 is held in 8 bits itself: "
        "0.52 bytes a weight instead of 0.56",
        json_schema_extra=form(
            section="Adapter", order=1, shown_when={"model.quantization": ["nf4"]}
        ),
    )
    attn_implementation: Literal["auto", "eager", "sdpa", "flash_attention_2"] = Field(
        "auto",
        title="Attention",
        description="auto: what transformers chooses; eager: matrix products; sdpa: PyTorch's "
        "kernels; flash_attention_2: of the package flash-attn, on CUDA in 16 bits",
        json_schema_extra=form(section="Adapter", order=2),
    )
    targets: (
        Literal["all-linear"]
        | Annotated[
            tuple[Word, ...],
            Field(min_length=1, max_length=MOST_NAMES),
            AfterValidator(_short_together),
            at_most(MOST_NAMES, "names"),
        ]
    ) = Field(
        "all-linear",
        title="Target layers",
        description=(
            "all-linear: every linear layer of the transformer blocks; "
            "or names as PEFT's target_modules takes them, such as query, value"
        ),
        json_schema_extra=form(order=3, widget="targets"),
    )
    target_parameters: Literal["none", "experts"] = Field(
        "none",
        title="Experts",
        description="Of a mixture of experts. none: they stay as they are; experts: each expert is "
        "adapted too, in every parameter that holds the experts of a block (PEFT's "
        "target_parameters)",
        json_schema_extra=form(order=4),
    )

    @model_validator(mode="after")
    def _attends(self) -> ModelSpec:
        if self.attn_implementation == "flash_attention_2" and self.dtype == "float32":
            raise PydanticCustomError(
                "attention_needs_16_bits",
                "flash_attention_2 computes in 16 bits; allowed with float32: auto, eager, sdpa",
                {"given": self.attn_implementation, "at": "attn_implementation"},
            )
        return self
