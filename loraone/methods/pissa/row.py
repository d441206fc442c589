"""The row of the catalogue."""

from __future__ import annotations

from loraone.catalog import Method, Paper

ROW = Method(
    name="pissa",
    label="PiSSA",
    summary="A and B from the top singular subspace of the weight, which keeps the residual",
    paper=Paper(
        "PiSSA: Principal Singular Values and Singular Vectors Adaptation",
        "https://arxiv.org/abs/2404.02948",
    ),
    colour="#009E73",
    peft_init="pissa",
    changes_base=True,
    order=30,
    formula="W = U S Vᵀ: B = U_r √S_r/√s, A = √S_r V_rᵀ/√s",
    reads=("W",),
    decomposes="whole",
)
