"""Matrices of every kind of spectrum, and how near a decomposition comes to the exact one."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from loraone.linalg.svd import Decomposition


def drawn(shape: tuple[int, int], seed: int) -> torch.Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed))


def error_of(matrix: torch.Tensor, found: Decomposition) -> float:
    """``‖M − M̂_r‖_F / ‖M − M_r‖_F − 1`` by numpy in float64."""
    exact = matrix.double().numpy()
    r = len(found.S)
    singular = np.linalg.svd(exact, compute_uv=False)
    best = np.sqrt((singular[r:] ** 2).sum())
    left = exact - (found.U * found.S @ found.V.T).double().numpy()
    return float(np.linalg.norm(left) / best - 1)


SPECTRA = {
    "flat": lambda n: torch.ones(n),
    "slow": lambda n: 1 / torch.arange(1, n + 1) ** 0.5,
    "power": lambda n: 1 / torch.arange(1, n + 1.0),
    "steep": lambda n: 0.8 ** torch.arange(float(n)),
    "cliff": lambda n: torch.where(torch.arange(n) < 4, 1.0, 0.01),
}


WAYS = pytest.mark.parametrize("way", ["krylov", "exact"])


def take(way: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Small matrices go the way of large ones, or not."""
    monkeypatch.setattr("loraone.linalg.svd.EXACT_BELOW", 0 if way == "krylov" else 10**6)


def with_values(shape: tuple[int, int], values: torch.Tensor, seed: int) -> torch.Tensor:
    left = torch.linalg.qr(drawn((shape[0], len(values)), seed).double())[0]
    right = torch.linalg.qr(drawn((shape[1], len(values)), seed + 9).double())[0]
    return (left * values @ right.T).float()


def like_a_gradient(n: int) -> torch.Tensor:
    """As MiniLM's: σ_8 a third of σ_1, σ_64 a twelfth, σ_9/σ_8 0.94, and next to nothing last."""
    i = torch.arange(n).double()
    return (1 + i) ** -0.55 * torch.exp(-((i / (0.6 * n)) ** 4))


def sine(basis: torch.Tensor, exact: torch.Tensor) -> float:
    basis = torch.linalg.qr(basis.double())[0]
    return float(torch.linalg.matrix_norm(exact - basis @ (basis.T @ exact), 2))
