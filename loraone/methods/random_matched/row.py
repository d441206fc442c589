"""The row of the catalogue."""

from __future__ import annotations

from loraone.catalog import Method
from loraone.methods.lora_one.row import LoraOneParams

ROW = Method(
    name="random_matched",
    label="Random, matched to LoRA-One",
    summary="A control: random directions with LoRA-One's singular values. Tells direction from "
    "size",
    paper=None,
    colour="#AA8F00",
    params=LoraOneParams,
    initialise="loraone.methods.random_matched.factors:initialise",
    embedding=True,
    starts_pretrained=False,
    variant_params=("scale",),
    searched_params=("gamma",),
    order=60,
    formula="B = Q_m diag(w), A = diag(w) Q_nᵀ: random directions, w LoRA-One's singular values",
    reads=("G",),
)
