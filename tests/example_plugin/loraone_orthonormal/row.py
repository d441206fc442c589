"""The row of the catalogue, and its parameters. Without torch: the server and the form read it."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field

from loraone.catalog import Method


class Params(BaseModel):
    """The method's one parameter."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    size: float = Field(1.0, gt=0, le=100, title="Size", description="Norm of each row of A")


ROW = Method(
    name="orthonormal_a",
    label="Orthonormal A",
    summary="Rows of A orthonormal, B zero",
    paper=None,
    colour="#117733",
    params=Params,
    initialise="loraone_orthonormal.factors:initialise",
    formula="A = size · Qᵀ with Q random orthonormal (n, r); B = 0",
)
