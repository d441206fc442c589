"""The row of the catalogue."""

from __future__ import annotations

from loraone.catalog import Method

ROW = Method(
    name="orthogonal",
    label="Orthogonal",
    summary="A and B random, with B·A = 0 because they use orthogonal halves; r must be even",
    paper=None,
    colour="#E69F00",
    peft_init="orthogonal",
    even_rank=True,
    on_quantised=False,
    order=90,
    formula="A and B random, B·A = 0; r even",
)
