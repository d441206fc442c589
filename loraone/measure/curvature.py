"""The largest eigenvalue of the loss's Hessian in the trained parameters."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.attention import SDPBackend, sdpa_kernel

from loraone.inputs.data.batches import Batch
from loraone.inputs.models.loss import mean_loss

STEPS = 30
TOLERANCE = 0.02


@dataclass(frozen=True)
class Eigenvalue:
    """λ_max, and ‖Hv − λv‖ of its unit eigenvector: an eigenvalue lies within that distance."""

    value: float
    residual: float


def largest_eigenvalue(
    model: Any, batch: Batch, parameters: Sequence[nn.Parameter], *, seed: int = 0
) -> Eigenvalue:
    """λ_max of ∂²L/∂θ² at the current point, L the batch's mean loss in eval mode.

    Gradient descent is stable below a learning rate of 2/λ_max, so it ranks the rates that inits
    can take (arXiv 2602.04998). By Lanczos iteration on Hessian-vector products, fully
    reorthogonalised, until the residual is below 2 % or after 30 products: power iteration, its
    first step repeated, does not converge where B = 0, since the Hessian's off-diagonal blocks
    then make eigenvalues come in pairs ±λ. The gradient's graph is kept, so each product is one
    backward pass; where one is not finite, as may be in float16, neither is the eigenvalue.
    Attention runs as plain matrix products: fused kernels have no second derivative.
    """
    training = model.training
    model.eval()
    try:
        with torch.enable_grad(), sdpa_kernel(SDPBackend.MATH):
            loss = mean_loss(model, batch)
            grads = torch.autograd.grad(loss, list(parameters), create_graph=True)
            return _lanczos(grads, parameters, seed)
    finally:
        model.train(training)


def _lanczos(grads: Sequence[Tensor], parameters: Sequence[nn.Parameter], seed: int) -> Eigenvalue:
    def product(vector: Tensor) -> Tensor:
        parts = torch.split(vector, [p.numel() for p in parameters])
        given = [part.reshape(p.shape).to(p) for part, p in zip(parts, parameters, strict=True)]
        products = torch.autograd.grad(
            grads, list(parameters), given, retain_graph=True, materialize_grads=True
        )
        return torch.cat([part.reshape(-1).float() for part in products])

    count = sum(p.numel() for p in parameters)
    draw = torch.Generator().manual_seed(seed)
    vector = torch.randn(count, generator=draw).to(parameters[0].device)
    basis: list[Tensor] = [vector / vector.norm()]
    diagonal: list[float] = []
    beside: list[float] = []
    best = Eigenvalue(float("nan"), float("nan"))
    for _ in range(min(STEPS, count)):
        image = product(basis[-1])
        if not image.isfinite().all():
            return Eigenvalue(float("nan"), float("nan"))
        diagonal.append(float(image @ basis[-1]))
        for _ in range(2):  # twice is enough to stay orthogonal in float32
            for direction in basis:
                image -= (image @ direction) * direction
        T = torch.diag(torch.tensor(diagonal, dtype=torch.float64))
        for i, value in enumerate(beside):
            T[i, i + 1] = T[i + 1, i] = value
        values, vectors = torch.linalg.eigh(T)
        length = float(image.norm())
        best = Eigenvalue(float(values[-1]), length * abs(float(vectors[-1, -1])))
        if best.residual <= TOLERANCE * abs(best.value) or length < 1e-12:
            break
        beside.append(length)
        basis.append(image / length)
    return best
