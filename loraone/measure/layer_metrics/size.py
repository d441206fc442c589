"""How large the initial adapter is, and how far it moved the base."""

from __future__ import annotations

from typing import TYPE_CHECKING

from loraone.catalog.quantity_rows import LayerMetric

if TYPE_CHECKING:
    from loraone.measure.model import MeasuredLayer

ROWS = (
    LayerMetric(
        "relative",
        "Size of the init ‖s·B₀A₀‖_F / ‖W‖_F",
        "",
        "none",
        "How large the initial adapter is beside the weight",
        axis="log",
        produce=f"{__name__}:relative",
        reported=True,
        place=1,
    ),
    LayerMetric(
        "norm",
        "Spectral norm of the init ‖s·B₀A₀‖₂",
        "",
        "none",
        "The largest change that the initial adapter makes to an input of length 1",
        axis="log",
        produce=f"{__name__}:norm",
        place=2,
    ),
    LayerMetric(
        "base_change",
        "Change of the base ‖W_base − W₀‖_F / ‖W₀‖_F",
        "",
        "none",
        "Zero for methods that leave the pretrained weight alone",
        axis="log",
        produce=f"{__name__}:base_change",
        place=3,
    ),
)


def relative(layer: MeasuredLayer) -> float:
    """``‖s·B₀A₀‖_F / ‖W₀‖_F``; 0 without an adapter."""
    import torch

    return float(torch.linalg.norm(layer.initial_values)) / layer.size


def norm(layer: MeasuredLayer) -> float:
    """``‖s·B₀A₀‖₂``; 0 without an adapter."""
    return float(layer.initial_values[0])


def base_change(layer: MeasuredLayer) -> float:
    """``‖W_base − W₀‖_F / ‖W₀‖_F``."""
    from loraone.linalg.precision import frobenius

    before = layer.pretrained
    return frobenius(layer.weight.cpu().to(before) - before) / layer.size
