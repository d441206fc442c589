"""The row of the catalogue."""

from __future__ import annotations

from loraone.catalog import Method, Paper

ROW = Method(
    name="lora",
    label="LoRA",
    summary="A random (Kaiming uniform), B zero: training starts at the pretrained model",
    paper=Paper(
        "LoRA: Low-Rank Adaptation of Large Language Models", "https://arxiv.org/abs/2106.09685"
    ),
    colour="#0072B2",
    embedding=True,
    order=10,
    formula="A Kaiming uniform, within ±1/√n; B = 0",
)
