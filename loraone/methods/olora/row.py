"""The row of the catalogue."""

from __future__ import annotations

from loraone.catalog import Method, Paper

ROW = Method(
    name="olora",
    label="OLoRA",
    summary="A and B from the QR decomposition of the weight, which keeps the residual",
    paper=Paper(
        "OLoRA: Orthonormal Low-Rank Adaptation of Large Language Models",
        "https://arxiv.org/abs/2406.01775",
    ),
    colour="#44AA99",
    peft_init="olora",
    changes_base=True,
    conv1d=False,
    order=80,
    formula="W = Q R: B = Q_r, A = R_r",
    reads=("W",),
)
