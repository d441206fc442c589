"""The row of the catalogue."""

from __future__ import annotations

from loraone.catalog import Method, Paper

ROW = Method(
    name="mica",
    label="MiCA",
    summary="B from the weight's smallest singular directions and frozen, A zero",
    paper=Paper("MiCA: Minor Component Adaptation", "https://arxiv.org/abs/2604.01694"),
    colour="#8C564B",
    peft_init="mica",
    trains="A",
    on_quantised=False,
    order=100,
    formula="B = W's smallest left singular directions, frozen; A = 0",
    reads=("W",),
)
