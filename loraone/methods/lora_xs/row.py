"""The row of the catalogue, and the parameters that it leaves open."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from loraone.catalog import Method, Paper


class LoraXsParams(BaseModel):
    """How LoRA-XS's core begins, and which factor carries the singular values."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    sigma: Annotated[float, Field(ge=0, le=1)] = Field(
        1e-5, title="σ", description="Standard deviation of the core's entries; 1e-5 in the paper"
    )
    values_in: Literal["B", "A"] = Field(
        "B",
        title="S in",
        description="The frozen factor that carries the singular values. B: W = (U S) Vᵀ with W as "
        "(out, in); A: as the official code, which decomposes the transpose",
    )


ROW = Method(
    name="lora_xs",
    label="LoRA-XS",
    summary="A and B from the top singular triplets of the weight and frozen; only an r × r matrix "
    "between them learns",
    paper=Paper(
        "LoRA-XS: Low-Rank Adaptation with Extremely Small Number of Parameters",
        "https://arxiv.org/abs/2405.17604",
    ),
    colour="#7A5195",
    params=LoraXsParams,
    initialise="loraone.methods.lora_xs.factors:initialise",
    trains="core",
    order=145,
    formula="W = U S Vᵀ: B = U_r S_r and A = V_rᵀ, frozen, R normal with deviation σ",
    reads=("W",),
    decomposes="top",
)
