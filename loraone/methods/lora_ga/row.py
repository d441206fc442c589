"""The row of the catalogue, and the parameters that it leaves open."""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from loraone.catalog import Method, Paper


class LoraGaParams(BaseModel):
    """LoRA-GA's one parameter."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    gamma: Annotated[float, Field(gt=0, le=1e9)] = Field(
        16.0, title="γ", description="Divides s·B·A; larger is smaller. 16 in the paper"
    )


ROW = Method(
    name="lora_ga",
    label="LoRA-GA (PEFT's form)",
    summary="As PEFT has it: B is also multiplied by S, so it depends on the scale of the loss",
    paper=Paper(
        "LoRA-GA: Low-Rank Adaptation with Gradient Approximation",
        "https://arxiv.org/abs/2407.05000",
    ),
    colour="#882255",
    params=LoraGaParams,
    initialise="loraone.methods.lora_ga.factors:initialise",
    changes_base=True,
    triplets=2,
    embedding=True,
    order=50,
    formula="G = U S Vᵀ: B = U_{r:2r} S_{r:2r} m^¼/√γ, A = V_rᵀ",
    reads=("G",),
)
