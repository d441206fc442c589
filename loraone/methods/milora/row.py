"""The row of the catalogue."""

from __future__ import annotations

from loraone.catalog import Method, Paper

ROW = Method(
    name="milora",
    label="MiLoRA",
    summary="A and B from the smallest singular triplets of the weight; the base keeps the rest",
    paper=Paper(
        "MiLoRA: Harnessing Minor Singular Components for Parameter-Efficient LLM Finetuning",
        "https://arxiv.org/abs/2406.09044",
    ),
    colour="#0F7B8A",
    initialise="loraone.methods.milora.factors:initialise",
    changes_base=True,
    embedding=True,
    order=35,
    formula="W = U S Vᵀ, its last r triplets: B = U √S/√s, A = √S Vᵀ/√s",
    reads=("W",),
    decomposes="whole",
)
