"""The row of the catalogue, and the parameters that it leaves open."""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from loraone.catalog import Method, Paper


class EvaParams(BaseModel):
    """EVA's parameters, with PEFT's names and defaults."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    rho: Annotated[float, Field(ge=1, le=64)] = Field(
        2.0,
        title="ρ",
        description="A layer may get up to ρ·r directions at the cost of others; 1: all get r",
    )
    tau: Annotated[float, Field(gt=0, le=1)] = Field(
        0.99, title="τ", description="Cosine from one batch to the next at which EVA stops"
    )


ROW = Method(
    name="eva",
    label="EVA",
    summary="A from the main directions of each layer's inputs, B zero; ranks go where variance is",
    paper=Paper(
        "Parameter Efficient Fine-tuning via Explained Variance Adaptation",
        "https://arxiv.org/abs/2410.07170",
    ),
    colour="#117733",
    params=EvaParams,
    peft_init="eva",
    prepare="loraone.methods.eva.data_pass:prepare",
    input_directions="rho",
    moves_ranks=True,
    order=110,
    formula="A = main directions of the inputs; B = 0; ranks move between layers, up to ρ·r",
    reads=("inputs",),
)
