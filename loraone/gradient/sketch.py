"""Top singular triplets of the one-step gradient without ever forming it.

``G·Ω = δᵀ(xΩ)`` and ``Gᵀ·Q = xᵀ(δQ)`` are summed from layer inputs x and output gradients δ over
all micro-batches; alternating them is subspace iteration from both sides, one pass over the data
each. Memory (m+n)·k per layer. A single pass would be far too inaccurate (measured: sin 0.85 to the
true subspace, one-pass sketch of Tropp et al. 2019).
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from loraone.gradient.finite import check_gradient
from loraone.gradient.passes import backward, on_cpu
from loraone.gradient.taps import Consume, Share
from loraone.inputs.data.batches import Batch
from loraone.inputs.models.targets import TargetLayer
from loraone.linalg.sizes import SKETCH_PASSES
from loraone.linalg.svd import Decomposition, signed

SKETCH_OVERSAMPLING = 16


def sketch(
    model: nn.Module,
    layers: Sequence[TargetLayer],
    batches: Sequence[Batch],
    r: int,
    *,
    seed: int = 0,
    passes: int = SKETCH_PASSES,
    weights: Sequence[int] | None = None,
) -> dict[str, Decomposition]:
    """Two-sided subspace iteration over ``passes`` (2, 4, …) passes over the data, in eval mode.

    The width is r + 16, clamped to min(m, n). ``frobenius`` and ``error`` of the results are NaN:
    what the sketch leaves out was never seen. ``weights`` are the numbers of loss tokens of the
    batches, where the labels do not say so.
    """
    if passes < 2 or passes % 2:
        raise ValueError(f"passes = {passes}; allowed: an even number from 2 on")
    draw = torch.Generator().manual_seed(seed)
    # One side's bases and the other side's sums are all that is held: (m+n)·k per layer.
    bases = {
        layer.name: torch.linalg.qr(torch.randn(layer.shape[1], _width(layer, r), generator=draw))[
            0
        ].to(layer.parameter.device)
        for layer in layers
    }
    for step in range(passes - 1):
        bases = _orthonormal(
            _products(model, layers, batches, bases, transposed=step % 2 == 1, weights=weights)
        )
    rows = _products(model, layers, batches, bases, transposed=True, weights=weights)  # Gᵀ Q
    triplets = {}
    for layer in layers:
        products = rows.pop(layer.name)
        check_gradient(layer.name, products, layer.parameter.dtype)
        V, S, Uh = torch.linalg.svd(products.double(), full_matrices=False)
        U = bases.pop(layer.name) @ Uh[:r].T.float()
        gap = float(S[r] / S[r - 1]) if len(S) > r and S[r - 1] > 0 else None
        top = signed(U, S[:r].float(), V[:, :r].float(), float("nan"), float("nan"), gap)
        triplets[layer.name] = on_cpu(top)
    return triplets


def _width(layer: TargetLayer, r: int) -> int:
    return min(r + SKETCH_OVERSAMPLING, *layer.shape)


def _orthonormal(factors: dict[str, Tensor]) -> dict[str, Tensor]:
    """Orthonormal bases of the columns; each factor is freed when its basis is there."""
    return {name: torch.linalg.qr(factors.pop(name))[0] for name in list(factors)}


def _products(
    model: nn.Module,
    layers: Sequence[TargetLayer],
    batches: Sequence[Batch],
    bases: dict[str, Tensor],
    transposed: bool,
    weights: Sequence[int] | None,
) -> dict[str, Tensor]:
    """``G·P`` of each layer, or ``Gᵀ·P``, summed over the batches and never forming G."""
    sums = {
        layer.name: torch.zeros(
            layer.shape[1 if transposed else 0],
            bases[layer.name].shape[1],
            device=bases[layer.name].device,
        )
        for layer in layers
    }

    def consumer(name: str) -> Consume:
        def consume(share: Share) -> None:
            times = share.transposed_times if transposed else share.times
            sums[name].add_(times(bases[name]))

        return consume

    backward(model, [(layer, consumer(layer.name)) for layer in layers], batches, weights)
    return sums
