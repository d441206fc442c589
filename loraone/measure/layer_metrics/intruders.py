"""Directions of the tuned weight that the pretrained one did not have."""

from __future__ import annotations

from typing import TYPE_CHECKING

from loraone.catalog.quantity_rows import LayerMetric

if TYPE_CHECKING:
    from loraone.measure.model import MeasuredLayer

ROW = LayerMetric(
    "intruders",
    "Intruder dimensions",
    "",
    "none",
    "Strong directions of the tuned weight that are like none of the pretrained weight's",
    when="update",
    axis="count",
    produce=f"{__name__}:count",
    place=16,
)


def count(layer: MeasuredLayer) -> float | None:
    """How many of the tuned weight's top left singular vectors are like none of the pretrained's.

    Those whose largest |cos| to all pretrained left singular vectors is below ε, among the
    ``intruder_top`` with the largest singular values. None where it was not asked for. Source:
    arXiv 2410.21228, section 3.
    """
    from loraone.linalg.svd import truncated_svd

    if not layer.measure.intruders or layer.left_vectors is None:
        return None
    tuned = truncated_svd(layer.pretrained + layer.change.dense(), layer.measure.intruder_top)
    nearest = (layer.left_vectors(layer.name).T @ tuned.U).abs().amax(dim=0)
    return float((nearest < layer.measure.intruder_epsilon).sum())
