"""The row of the catalogue."""

from __future__ import annotations

from loraone.catalog import Method

ROW = Method(
    name="full",
    label="Full fine-tuning",
    summary="No adapter: the target layers themselves are trained. The reference line",
    paper=None,
    colour="#555555",
    trains="all",
    embedding=True,
    order=150,
    formula="no adapter",
)
