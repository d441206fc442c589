"""The row of the catalogue."""

from __future__ import annotations

from loraone.catalog import Method, Paper

ROW = Method(
    name="gaussian",
    label="LoRA, Gaussian A",
    summary="A normal with standard deviation 1/r, B zero",
    paper=Paper(
        "LoRA: Low-Rank Adaptation of Large Language Models", "https://arxiv.org/abs/2106.09685"
    ),
    colour="#56B4E9",
    peft_init="gaussian",
    order=70,
    formula="A normal with deviation 1/r; B = 0",
)
