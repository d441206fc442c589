"""The row of the catalogue."""

from __future__ import annotations

from loraone.catalog import Method, Paper
from loraone.methods.lora_ga.row import LoraGaParams

ROW = Method(
    name="lora_ga_paper",
    label="LoRA-GA",
    summary="A and B from different singular vectors of the gradient; the base weight makes up "
    "for it",
    paper=Paper(
        "LoRA-GA: Low-Rank Adaptation with Gradient Approximation",
        "https://arxiv.org/abs/2407.05000",
    ),
    colour="#CC79A7",
    params=LoraGaParams,
    initialise="loraone.methods.lora_ga_paper.factors:initialise",
    changes_base=True,
    triplets=2,
    embedding=True,
    order=40,
    formula="G = U S Vᵀ: B = U_{r:2r} m^¼/√γ, A = V_rᵀ m^¼/√γ",
    reads=("G",),
)
