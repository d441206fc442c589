"""The row of the catalogue, and the parameters that it leaves open."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from loraone.catalog import Method, Paper


class InitAbParams(BaseModel):
    """How large Init[AB]'s factors are, and what becomes of their product."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    beta: Annotated[float, Field(gt=0, le=1e4)] = Field(
        1.0,
        title="β",
        description="Both factors are uniform within ±√(β/n), n the layer's inputs; 1 gives LoRA's "
        "own A",
    )
    base: Literal["kept", "offset"] = Field(
        "kept",
        title="Base",
        description="offset: s·B·A is taken out of the base weight, so that the model starts where "
        "it was; kept: it is not, as the paper has it, which finds that the noise does no harm",
    )


ROW = Method(
    name="init_ab",
    label="Init[AB]",
    summary="A and B both random and non-zero: training does not start at the pretrained model",
    paper=Paper(
        "Beyond Zero Initialization: Investigating the Impact of Non-Zero Initialization on LoRA "
        "Fine-Tuning Dynamics",
        "https://arxiv.org/abs/2505.23194",
    ),
    colour="#B33A7E",
    params=InitAbParams,
    initialise="loraone.methods.init_ab.factors:initialise",
    changes_base=("base", "offset"),
    starts_pretrained=("base", "offset"),
    embedding=True,
    order=75,
    formula="A and B uniform within ±√(β/n)",
)
