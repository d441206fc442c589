"""Intruder dimensions: strong directions of the tuned weight that the pretrained one has not."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import torch
from torch import Tensor

from loraone.linalg.matrices import Dense
from loraone.measure.layer_metrics.intruders import count
from loraone.spec.measure import MeasureSpec


def drawn(m: int, n: int, seed: int) -> Tensor:
    return torch.randn(m, n, generator=torch.Generator().manual_seed(seed))


def intruders(W: Tensor, vectors: Tensor, change: Tensor, measure: MeasureSpec) -> float | None:
    """The metric of a layer with this pretrained weight and this change of it."""
    layer: Any = SimpleNamespace(
        name="layer",
        measure=measure.model_copy(update={"intruders": True}),
        pretrained=W,
        change=Dense(change),
        left_vectors=lambda name: vectors,
    )
    return count(layer)


def test_intruders_are_strong_directions_that_the_pretrained_weight_has_not() -> None:
    W = drawn(40, 30, 0)
    vectors = torch.linalg.svd(W, full_matrices=False)[0]
    # Outside the column space of W, and stronger than all of it.
    outside = torch.linalg.svd(W, full_matrices=True)[0][:, 30:33]
    strong = 100 * outside @ torch.linalg.qr(drawn(30, 3, 1))[0].T
    plan = MeasureSpec()
    assert intruders(W, vectors, torch.zeros_like(W), plan) == 0
    assert intruders(W, vectors, strong, plan) == 3
    assert intruders(W, vectors, 2 * W, plan) == 0, "a larger weight has the same directions"
    assert intruders(W, vectors, strong, MeasureSpec(intruder_top=2)) == 2
