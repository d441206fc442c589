"""The row of the catalogue, and the parameters that it leaves open."""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from loraone.catalog import Method, Paper


class LoftqParams(BaseModel):
    """LoftQ's one parameter; 4 bits are NF4 with blocks of 64."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    iterations: Annotated[int, Field(ge=1, le=20)] = Field(
        5,
        title="Iterations",
        description="Rounds of quantising what the factors leave, and factoring what it lost; "
        "5 in the paper, 1 in PEFT",
    )


ROW = Method(
    name="loftq",
    label="LoftQ",
    summary="The base is rounded to 4 bits (NF4); A and B make up for what that loses",
    paper=Paper(
        "LoftQ: LoRA-Fine-Tuning-Aware Quantization for Large Language Models",
        "https://arxiv.org/abs/2310.08659",
    ),
    colour="#999933",
    params=LoftqParams,
    initialise="loraone.methods.loftq.factors:initialise",
    changes_base=True,
    quantises=True,
    on_quantised=("iterations", 1),
    starts_pretrained=False,
    order=130,
    formula="s·B·A = the best rank-r part of what NF4 loses, in turn with the rounding",
    reads=("W",),
    decomposes="top",
)
