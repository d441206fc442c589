"""How subspaces lie to each other: bases, principal angles, agreement, overlap.

Bases stay on their device; what is found out about them is small, and on the CPU. Where two bases
lie on two devices the second one comes to the first.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from loraone.linalg.precision import core_svd, core_values, widened
from loraone.linalg.svd import Decomposition


def orthonormal(factor: Tensor) -> Tensor:
    """An orthonormal basis (m, k) of the factor's column span, k its numerical rank.

    A zero or rank-deficient factor has fewer directions than columns.
    """
    # Below the resolution of the format that the factor was trained in a direction is noise.
    resolution = torch.finfo(factor.dtype).eps * max(factor.shape)
    Q, R = torch.linalg.qr(widened(factor))
    U, S, _ = core_svd(R)
    basis: Tensor = Q @ U
    if S.numel() == 0 or S[0] == 0:
        return basis[:, :0]
    floor = S[0] * resolution
    return basis[:, : int((floor < S).sum())]


def principal_angles(basis: Tensor, reference: Tensor) -> Tensor:
    """Principal angles (r,), ascending, in radians, between orthonormal bases (m, k) and (m, r).

    From cosines where they are small and from sines where they are near 1, so that angles of
    1e-8 are still told from zero (Björck & Golub 1973; Knyazev & Argentati 2002). Directions of
    ``reference`` that ``basis`` has too few columns for count as orthogonal (π/2).
    """
    basis = widened(basis)
    reference = reference.to(basis)
    r = reference.shape[1]
    angles = torch.full((r,), torch.pi / 2, dtype=torch.float64, device="cpu")
    k = min(basis.shape[1], r)
    if k == 0:
        return angles
    cosines = core_values(basis.T @ reference).clamp(max=1)[:k]
    # Sines of the angles from the larger space to the smaller one's directions.
    if basis.shape[1] >= r:
        residual = reference - basis @ (basis.T @ reference)
    else:
        residual = basis - reference @ (reference.T @ basis)
    sines = core_values(torch.linalg.qr(residual)[1]).clamp(max=1).flip(0)[:k]
    angles[:k] = torch.where(cosines**2 > 0.5, torch.arcsin(sines), torch.arccos(cosines))
    return angles


@dataclass(frozen=True)
class Agreement:
    """Mean cos² of the principal angles on either side, in [0, 1]; NaN where there is nothing."""

    left: float
    right: float


def agreement(first: Decomposition, second: Decomposition) -> Agreement:
    """How far two matrices' top subspaces agree: the mean cos² between left, and between right.

    Over as many directions as both have. Chance is r/m on the left and r/n on the right.
    """
    k = min(first.rank(), second.rank())
    if k == 0:
        return Agreement(float("nan"), float("nan"))

    def mean_cos2(basis: Tensor, other: Tensor) -> float:
        return float(torch.cos(principal_angles(basis[:, :k], other[:, :k])).square().mean())

    return Agreement(mean_cos2(first.U, second.U), mean_cos2(first.V, second.V))


def overlap(basis: Tensor, reference: Tensor, size: int) -> Tensor:
    """(Q_iᵀ U_j)², (size, size), of two ordered orthonormal bases; NaN where one has ended.

    Its sums give the LoRA paper's ``φ(i, j) = Σ_{a≤i, b≤j} (U_aᵀ Q_b)² / min(i, j)``
    (arXiv 2106.09685, section 7.2), which compares the first i directions with the first j.
    """
    squares = torch.full((size, size), torch.nan, device="cpu")
    rows, columns = min(size, reference.shape[1]), min(size, basis.shape[1])
    cosines = widened(reference[:, :rows]).T @ widened(basis[:, :columns]).to(reference.device)
    squares[:rows, :columns] = cosines.square().float().cpu()
    return squares
