"""Truncated SVD with an error estimate.

Signs are fixed by convention (the entry of largest magnitude in each left vector is positive), so
that a decomposition is the same from run to run."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor

# Columns of the starting block beyond r, and blocks of the Krylov space before the first look.
OVERSAMPLING = 4


DEPTH = 4


MAX_DEPTH = 12


# Relative to the best rank-r error; above it another block is added.
TOLERANCE = 1e-3


@dataclass(frozen=True)
class Decomposition:
    """Top singular triplets of a matrix: ``U`` (m, r), ``S`` (r,) descending, ``V`` (n, r).

    ``frobenius`` is ‖M‖_F of the whole matrix, so that what the triplets leave out is known.
    ``error`` estimates ``‖M − M̂_r‖_F / ‖M − M_r‖_F − 1`` (0: as good as the best). ``gap`` is
    σ_{r+1}/σ_r, near 1 where the top-r subspace is ill-defined; None where there is no σ_{r+1}.
    """

    U: Tensor
    S: Tensor
    V: Tensor
    frobenius: float
    error: float = 0.0
    gap: float | None = None

    def residual(self) -> float:
        """‖M − U S Vᵀ‖_F / ‖M‖_F, from the energies: what the kept triplets leave out."""
        if self.frobenius == 0:
            return 0.0
        left = 1 - self.truncated_energy(len(self.S)) / self.frobenius**2
        return math.sqrt(max(left, 0.0))

    def rank(self) -> int:
        """How many of the kept singular values are above rounding noise."""
        if self.S.numel() == 0 or self.S[0] == 0:
            return 0
        floor = self.S[0] * torch.finfo(self.S.dtype).eps * max(len(self.U), len(self.V))
        return int((floor < self.S).sum())

    def top(self, count: int) -> Decomposition:
        """The first ``count`` triplets of these, with the gap behind them."""
        gap = _gap(self.S, count)
        U, S, V = self.U[:, :count], self.S[:count], self.V[:, :count]
        return Decomposition(U, S, V, self.frobenius, self.error, gap)

    def truncated_energy(self, r: int) -> float:
        """‖M_r‖_F² of the best rank-r part."""
        return float((self.S[:r].double() ** 2).sum())


def truncated_svd(
    matrix: Tensor, r: int, *, seed: int = 0, tolerance: float = TOLERANCE
) -> Decomposition:
    """The top ``r`` singular triplets of ``matrix`` (m, n), r clamped to min(m, n).

    Block Krylov iteration (Musco & Musco 2015, Algorithm 2): an orthonormal basis Q of
    ``[MΩ, (MMᵀ)MΩ, …]`` with r+4 columns a block, and the SVD of QᵀM. Four blocks, then one more
    while the error estimate is above ``tolerance``. Small matrices, and those that do not get
    there, are decomposed exactly. Deterministic for ``seed``, on the CPU and on a GPU.
    Computed in float32; a float64 matrix is decomposed exactly, in float64.
    """
    r = min(r, *matrix.shape)
    if matrix.dtype == torch.float64:
        return _exact(matrix, r)
    matrix = matrix.float()
    if (r + OVERSAMPLING) * DEPTH > min(matrix.shape) // 2:
        return _exact(matrix, r)
    decomposition = _krylov(matrix, r, seed, tolerance)
    return decomposition if decomposition is not None else _exact(matrix, r)


def _exact(matrix: Tensor, r: int) -> Decomposition:
    U, S, Vh = torch.linalg.svd(matrix, full_matrices=False)
    return signed(U[:, :r], S[:r], Vh[:r].T, float(torch.linalg.norm(matrix)), 0.0, _gap(S, r))


def _krylov(matrix: Tensor, r: int, seed: int, tolerance: float) -> Decomposition | None:
    """Block Krylov; None where ``MAX_DEPTH`` blocks do not reach the tolerance."""
    m, n = matrix.shape
    width = r + OVERSAMPLING
    draw = torch.Generator().manual_seed(seed)
    block = torch.randn(n, width, generator=draw).to(matrix.device)  # the same on every device
    frobenius = float(torch.linalg.norm(matrix))
    blocks: list[Tensor] = []
    for depth in range(1, min(MAX_DEPTH, min(m, n) // width) + 1):
        if blocks:
            block = matrix.T @ blocks[-1]
        blocks.append(torch.linalg.qr(matrix @ block)[0])
        if depth < DEPTH:
            continue
        Q = torch.linalg.qr(torch.cat(blocks, dim=1))[0]
        P, R = torch.linalg.qr(matrix.T @ Q)  # QᵀM = Rᵀ Pᵀ
        inner_U, S, inner_Vh = torch.linalg.svd(R.T.double(), full_matrices=False)
        U = Q @ inner_U[:, :r].float()
        V = P @ inner_Vh[:r].T.float()
        error = _estimate(matrix, U, S, V, frobenius)
        if error <= tolerance:
            return signed(U, S[:r].float(), V, frobenius, error, _gap(S, r))
    return None


def _estimate(matrix: Tensor, U: Tensor, S: Tensor, V: Tensor, frobenius: float) -> float:
    """An estimate of ``‖M − M̂_r‖_F / ‖M − M_r‖_F − 1``, from residuals.

    With θ_i = σ̂_i² the Ritz values of MMᵀ and η_i = ‖MMᵀu_i − θ_i u_i‖ = σ̂_i ‖M v_i − σ̂_i u_i‖,
    the energy that a Ritz value misses is at most η_i, and about η_i²/(θ_i − θ_{r+1}) where there
    is a gap (Parlett, The Symmetric Eigenvalue Problem, section 11.7).
    """
    r = U.shape[1]
    theta = S**2
    residuals = torch.linalg.norm((matrix @ V - U * S[:r].float()).double(), dim=0)
    eta = S[:r] * residuals
    noise = S[:r] * S[0] * torch.finfo(torch.float32).eps * 4  # what float32 products leave
    eta = (eta - noise).clamp(min=0)
    below = theta[r] if len(theta) > r else theta.new_zeros(())
    missed = torch.minimum(eta, eta**2 / (theta[:r] - below).clamp(min=1e-300))
    tail = frobenius**2 - float(theta[:r].sum())
    if tail <= frobenius**2 * torch.finfo(torch.float32).eps:
        return 0.0  # the matrix has rank r: what is left is rounding
    best = tail - float(missed.sum())
    return math.sqrt(tail / best) - 1 if best > 0 else math.inf


def _gap(S: Tensor, r: int) -> float | None:
    return float(S[r] / S[r - 1]) if len(S) > r and S[r - 1] > 0 else None


def signed(
    U: Tensor, S: Tensor, V: Tensor, frobenius: float, error: float, gap: float | None
) -> Decomposition:
    """With the signs of the convention."""
    signs = _signs(U)
    return Decomposition(
        (U * signs).contiguous(), S.clone(), (V * signs).contiguous(), frobenius, error, gap
    )


def _signs(U: Tensor) -> Tensor:
    largest = U.abs().argmax(dim=0, keepdim=True)
    signs = U.gather(0, largest).sign().squeeze(0)
    return torch.where(signs == 0, torch.ones_like(signs), signs)
