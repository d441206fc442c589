"""Matrices as they come: low-rank products that are never formed, and dense ones."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from loraone.linalg.precision import core_svd, widened, widest
from loraone.linalg.spectra import singular_values
from loraone.linalg.svd import Decomposition, truncated_svd


@dataclass(frozen=True)
class LowRank:
    """The matrix ``left @ right`` of shapes (m, k) and (k, n), never formed."""

    left: Tensor
    right: Tensor

    def decompose(self) -> Decomposition:
        """Its exact SVD through two thin QRs and a k × k core, in float64."""
        q_left, r_left = torch.linalg.qr(widened(self.left))
        q_right, r_right = torch.linalg.qr(widened(self.right).T)
        U, S, Vh = core_svd(r_left @ r_right.T)
        return Decomposition(
            (q_left @ U).float(),
            S.float().to(U.device),
            (q_right @ Vh.T).float(),
            float(torch.linalg.norm(S)),
            residuals=[0.0] * len(S),  # those of float64
        )

    def is_zero(self) -> bool:
        """Whether a factor, and with it every entry, is exactly zero."""
        return not (self.left.any() and self.right.any())

    def dense(self) -> Tensor:
        """The matrix itself, (m, n)."""
        return self.left @ self.right

    def times(self, vectors: Tensor) -> Tensor:
        """Its product with the columns of ``vectors`` (n, p): (m, p)."""
        return self.left @ (self.right @ vectors)

    def inner(self, other: Tensor) -> float:
        """⟨self, other⟩ = Σ_ij self_ij other_ij, other (m, n)."""
        return _sum((self.left.T @ other) * self.right)

    def singular_values(self) -> Tensor:
        """Its min(m, n, k) singular values, descending."""
        return self.decompose().S

    def top(self, r: int) -> Decomposition:
        """Its top ``r`` singular triplets."""
        return self.decompose().top(r)


@dataclass(frozen=True)
class Dense:
    """A matrix that is kept as it is, with the interface of :class:`LowRank`."""

    matrix: Tensor

    def is_zero(self) -> bool:
        """Whether every entry is exactly zero."""
        return not self.matrix.any()

    def dense(self) -> Tensor:
        """The matrix itself, (m, n)."""
        return self.matrix

    def times(self, vectors: Tensor) -> Tensor:
        """Its product with the columns of ``vectors`` (n, p): (m, p)."""
        return self.matrix @ vectors

    def inner(self, other: Tensor) -> float:
        """⟨self, other⟩ = Σ_ij self_ij other_ij, other (m, n)."""
        return _sum(self.matrix * other)

    def singular_values(self) -> Tensor:
        """All its singular values, descending."""
        return singular_values(self.matrix)

    def top(self, r: int) -> Decomposition:
        """Its top ``r`` singular triplets."""
        return truncated_svd(self.matrix, r)


Change = LowRank | Dense


def _sum(entries: Tensor) -> float:
    return float(entries.sum(dtype=widest(entries.device)))
