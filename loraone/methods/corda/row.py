"""The row of the catalogue, and the parameters that it leaves open."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from loraone.catalog import Method, Paper


class CordaParams(BaseModel):
    """CorDA's one parameter."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    mode: Literal["ipm", "kpm"] = Field(
        "ipm",
        title="Mode",
        description="ipm: the directions that the data uses most are trained; kpm: those it uses "
        "least, which keeps what the model knows",
    )


ROW = Method(
    name="corda",
    label="CorDA",
    summary="A and B from the weight seen through its inputs' covariance; the base keeps the "
    "residual",
    paper=Paper(
        "CorDA: Context-Oriented Decomposition Adaptation of Large Language Models",
        "https://arxiv.org/abs/2406.05223",
    ),
    colour="#332288",
    params=CordaParams,
    peft_init="corda",
    prepare="loraone.methods.corda.data_pass:prepare",
    changes_base=True,
    order=120,
    formula="W·C = U S Vᵀ, C the inputs' covariance: B = U_r √S_r/√s, A = √S_r V_rᵀ C⁻¹/√s, the "
    "first r (ipm) or the last (kpm)",
    reads=("W", "inputs"),
    decomposes="whole",
)
