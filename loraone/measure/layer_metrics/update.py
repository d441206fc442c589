"""How what training added lies to the one-step gradient."""

from __future__ import annotations

from typing import TYPE_CHECKING

from loraone.catalog.quantity_rows import LayerMetric

if TYPE_CHECKING:
    from loraone.measure.model import MeasuredLayer

ROWS = (
    LayerMetric(
        "update_left",
        "Update and gradient, out side (mean cos²)",
        "",
        "none",
        "Top-r left subspace of what training added beside the gradient's",
        when="update",
        axis="share",
        chance="left",
        produce=f"{__name__}:left",
        place=11,
    ),
    LayerMetric(
        "update_right",
        "Update and gradient, in side (mean cos²)",
        "",
        "none",
        "Top-r right subspace of what training added beside the gradient's",
        when="update",
        axis="share",
        chance="right",
        produce=f"{__name__}:right",
        place=12,
    ),
    LayerMetric(
        "update_cosine",
        "Cosine of the update to −G",
        "",
        "none",
        "⟨ΔW, −G⟩ / (‖ΔW‖_F ‖G‖_F): 1 is a step straight down the first gradient",
        when="update",
        axis="signed",
        produce=f"{__name__}:cosine",
        place=13,
    ),
)


def left(layer: MeasuredLayer) -> float:
    """Mean cos² between the top-r left subspaces of the update ΔW and of G."""
    return layer.update_and_gradient.left


def right(layer: MeasuredLayer) -> float:
    """Mean cos² between the top-r right subspaces of the update ΔW and of G."""
    return layer.update_and_gradient.right


def cosine(layer: MeasuredLayer) -> float:
    """``⟨ΔW, −G⟩ / (‖ΔW‖_F ‖G‖_F)``; NaN where G was not kept, or either is zero."""
    if layer.gradient is None:
        return float("nan")
    from loraone.linalg.precision import frobenius

    sizes = layer.top_update.frobenius * frobenius(layer.gradient)
    return -layer.update.inner(layer.gradient) / sizes if sizes > 0 else float("nan")
