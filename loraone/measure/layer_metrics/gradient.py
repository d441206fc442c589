"""How well the gradient's top-r subspace is known: SVD error, gap, split-half agreement."""

from __future__ import annotations

from typing import TYPE_CHECKING

from loraone.catalog.quantity_rows import LayerMetric

if TYPE_CHECKING:
    from loraone.measure.model import MeasuredLayer

ROWS = (
    LayerMetric(
        "svd_error",
        "SVD error over the best rank-r error",
        "",
        "lower",
        "‖G − Ĝ_r‖_F / ‖G − G_r‖_F − 1, estimated from residuals; 0 is perfect",
        axis="log",
        produce=f"{__name__}:svd_error",
        place=4,
    ),
    LayerMetric(
        "gap",
        "Gap σ_{r+1}/σ_r of the gradient",
        "",
        "none",
        "Near 1 the top-r subspace is ill-defined, and no angle to it means much",
        axis="share",
        produce=f"{__name__}:gap",
        place=5,
    ),
    LayerMetric(
        "trust_left",
        "Gradient trust, out side (mean cos²)",
        "",
        "higher",
        "Agreement of the top-r left subspaces of the gradient batch's two halves",
        axis="share",
        chance="left",
        produce=f"{__name__}:trust_left",
        place=6,
    ),
    LayerMetric(
        "trust_right",
        "Gradient trust, in side (mean cos²)",
        "",
        "higher",
        "Agreement of the top-r right subspaces of the gradient batch's two halves",
        axis="share",
        chance="right",
        produce=f"{__name__}:trust_right",
        place=7,
    ),
)


def svd_error(layer: MeasuredLayer) -> float:
    """The decomposition's own estimate."""
    return layer.decomposition.error


def gap(layer: MeasuredLayer) -> float:
    """``σ_{r+1}/σ_r``; NaN where there is no σ_{r+1}."""
    known = layer.decomposition.gap
    return float("nan") if known is None else known


def trust_left(layer: MeasuredLayer) -> float | None:
    """Mean cos² between U_r of the two halves' gradients; None where it was not asked for."""
    return layer.halves.left if layer.halves and layer.measure.split_half_agreement else None


def trust_right(layer: MeasuredLayer) -> float | None:
    """Mean cos² between V_r of the two halves' gradients; None where it was not asked for."""
    return layer.halves.right if layer.halves and layer.measure.split_half_agreement else None
