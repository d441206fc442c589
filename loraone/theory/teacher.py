"""The teacher: Gaussian inputs, a student's weight W₀, and the target W₀ + Δ with Δ of low rank."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from loraone.inputs.data.batches import generator
from loraone.spec.synthetic import ProblemSpec

FRESH_SAMPLES = 1024


@dataclass(frozen=True)
class Teacher:
    """One problem: weights (m, n) by layer, inputs (N, d), noise (N, k), fresh inputs (1024, d)."""

    start: tuple[Tensor, ...]
    target: tuple[Tensor, ...]
    x: Tensor
    noise: Tensor
    fresh: Tensor


def draw(spec: ProblemSpec, seed: int) -> Teacher:
    """The problem of a seed.

    W₀ has normal entries of variance 1/n. ``Δ = U diag(σ) Vᵀ`` with random orthonormal U (m, r*)
    and V (n, r*), and σ from 1 down to 1/κ. What does not depend on a number stays the same when
    that number changes: κ keeps the directions of Δ, and N keeps the whole teacher.
    """
    dtype = getattr(torch, spec.dtype)
    directions, weights = generator(seed, "teacher"), generator(seed, "student")
    start, target = [], []
    for m, n in spec.shapes:
        U, V = (
            torch.linalg.qr(torch.randn(rows, spec.true_rank, generator=directions, dtype=dtype))[0]
            for rows in (m, n)
        )
        W = torch.randn(m, n, generator=weights, dtype=dtype) / n**0.5
        start.append(W)
        target.append(W + U * spectrum(spec).to(dtype) @ V.T)

    def normal(rows: int, columns: int, purpose: str) -> Tensor:
        return torch.randn(rows, columns, generator=generator(seed, purpose), dtype=dtype)

    return Teacher(
        tuple(start),
        tuple(target),
        normal(spec.samples, spec.inputs, "inputs"),
        spec.noise * normal(spec.samples, spec.outputs, "noise"),
        normal(FRESH_SAMPLES, spec.inputs, "fresh inputs"),
    )


def spectrum(spec: ProblemSpec) -> Tensor:
    """The r* singular values of Δ, descending from 1 to 1/κ (all 1 where r* is 1)."""
    r, least = spec.true_rank, 1 / spec.condition
    steps = torch.arange(r, dtype=torch.float64) / max(1, r - 1)
    if spec.spectrum == "linear":
        return 1 - (1 - least) * steps
    if spec.spectrum == "cliff" and r > 1:
        return torch.where(steps < 1, 1.0, least).double()
    return least**steps
