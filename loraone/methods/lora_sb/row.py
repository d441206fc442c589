"""The row of the catalogue, and the parameters that it leaves open."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from loraone.catalog import Method, Paper


class LoraSbParams(BaseModel):
    """LoRA-SB's one parameter."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    eta: Annotated[float, Field(gt=0, le=10)] | Literal["learning rate"] = Field(
        "learning rate",
        title="η",
        description="Length of the first step that is approximated: the run's own, or a number",
    )


ROW = Method(
    name="lora_sb",
    label="LoRA-SB",
    summary="A and B from AdamW's first full step and frozen; only an r × r matrix between them "
    "learns",
    paper=Paper(
        "Initialization using Update Approximation is a Silver Bullet for Extremely Efficient "
        "Low-Rank Fine-Tuning",
        "https://arxiv.org/abs/2411.19557",
    ),
    colour="#CC6677",
    params=LoraSbParams,
    initialise="loraone.methods.lora_sb.factors:initialise",
    trains="core",
    own_scaling=1.0,
    whole_gradient=True,
    starts_pretrained=False,
    order=140,
    formula="−η·sign(G) ≈ U S Vᵀ: B = U_r and A = V_rᵀ, frozen, R = diag(S_r), s = 1",
    reads=("every entry of G",),
    decomposes="top",
)
