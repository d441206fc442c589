"""The row of the catalogue, the parameters that it leaves open, and its code for PEFT users."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from loraone.catalog import Method, Paper

Scale = Literal["spectral", "gradient", "squared"]


class LoraOneParams(BaseModel):
    """What LoRA-One leaves open: which of its published forms, and how large a step."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    scale: Scale = Field(
        "spectral",
        title="Scale",
        description=(
            "spectral: singular values divided by the largest (official code); gradient: one best "
            "rank-r gradient step (paper, Algorithm 1); squared: the formula printed in PEFT #2882"
        ),
    )
    gamma: Annotated[float, Field(gt=0, le=1e9)] | Literal["auto"] = Field(
        128.0,
        title="γ",
        description=(
            "Divides the initial update s·B·A; larger is smaller. auto searches for the γ with "
            "the lowest loss on held-out training data"
        ),
    )


def peft_code(shared: str, params: LoraOneParams) -> str:
    """Code that starts a PEFT adapter so; ``shared`` are the lines that every config has."""
    gamma: Any = params.gamma
    note = ""
    if gamma == "auto":
        note = "# γ was searched for here; PEFT's entry point takes the number that a run found.\n"
        gamma = LoraOneParams.model_fields["gamma"].default
    own = f"    lora_one_scale={params.scale!r},\n    lora_one_gamma={gamma},\n"
    return (
        "from peft import get_peft_model\n"
        "from loraone.peft_native import LoraOneConfig, preprocess_lora_one\n\n"
        f"{note}config = LoraOneConfig(\n{shared}{own})\n"
        "# train_step runs forward and backward on the gradient batch\n"
        "preprocess_lora_one(model, config, train_step)\n"
        "model = get_peft_model(model, config)\n"
    )


ROW = Method(
    name="lora_one",
    label="LoRA-One",
    summary="A and B from the top singular subspace of the first full fine-tuning gradient",
    paper=Paper(
        "LoRA-One: One-Step Full Gradient Could Suffice for Fine-Tuning Large Language Models",
        "https://arxiv.org/abs/2502.01235",
    ),
    colour="#D55E00",
    params=LoraOneParams,
    initialise="loraone.methods.lora_one.factors:initialise",
    embedding=True,
    starts_pretrained=False,
    variant_params=("scale",),
    searched_params=("gamma",),
    peft_code="loraone.methods.lora_one.row:peft_code",
    order=20,
    formula="−G = U S Vᵀ: B = U_r w/√γ, A = w V_rᵀ/√γ with w = √(S_r/S₁) (spectral), √S_r "
    "(gradient) or S_r (squared)",
    reads=("G",),
)
