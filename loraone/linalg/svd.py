"""Truncated SVD with a bound on the error of its vectors."""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Tensor

from loraone.linalg import gram
from loraone.linalg.decomposition import Decomposition, ratio_behind, signed
from loraone.linalg.krylov import block_krylov, from_left
from loraone.linalg.precision import RESOLUTION, frobenius, scaled
from loraone.linalg.sizes import OVERSAMPLING

__all__ = ["TOLERANCE", "Decomposition", "signed", "truncated_svd", "truncated_svds"]

# The largest sine that is sought between a vector and the exact one.
TOLERANCE = 1e-5

# The largest ρ_i/σ_i where values alone are sought: of random matrices, whose values lie closest,
# they are then right to 5e-5 (measured).
VALUES_TOLERANCE = 3e-3

# With fewer rows and columns than so many blocks the exact way is as fast (measured).
EXACT_BELOW = 32

# How much of several matrices is worked on at once.
BATCH_BYTES = 2**30


def truncated_svd(
    matrix: Tensor, r: int, *, seed: int = 0, tolerance: float = TOLERANCE
) -> Decomposition:
    """The top ``r`` singular triplets of ``matrix`` (m, n), r clamped to min(m, n).

    Matrices of fewer than ``32 (r + 8)`` rows or columns from the Gram matrix of their smaller side
    (:mod:`loraone.linalg.gram`) in float64, so that vectors are exact to ``6·10⁻⁸`` wherever
    float64 can tell the neighbouring values apart. Larger ones by block Krylov
    (:mod:`loraone.linalg.krylov`) until each vector's bound ``ρ_i/gap_i`` is below ``tolerance``,
    in float32, a third of the time: vectors are exact to about ``10⁻⁷ σ₁/gap_i`` there, as with
    the official settings. Those that do not get there are decomposed as the smaller ones are.
    :attr:`Decomposition.angle` and ``angles`` say what is certain.
    A float64 matrix is decomposed by LAPACK in float64. Where the device has no float64 all is
    done in float32.

    Any scale of the matrix will do. Deterministic for ``seed``; the result stays on the device.
    Raises ValueError for a negative r, and for entries that are not finite.
    """
    return truncated_svds([matrix], r, seed=seed, tolerance=tolerance)[0]


def top_values(matrix: Tensor, r: int, *, seed: int = 0) -> Decomposition:
    """The top ``r`` singular triplets, r clamped, until the values are those of the matrix.

    Its vectors need not be, so that matrices without gaps, such as weights, take a few products
    with r + 8 vectors as well. Otherwise as :func:`truncated_svd`.
    """
    r = min(r, *matrix.shape)
    if _goes_exact(matrix, r):
        return _exact(matrix, r)
    return _krylov([matrix], r, seed, VALUES_TOLERANCE, values=True)[0]


def truncated_svds(
    matrices: Sequence[Tensor],
    r: int,
    *,
    seed: int = 0,
    tolerance: float = TOLERANCE,
    batch_bytes: int = BATCH_BYTES,
) -> list[Decomposition]:
    """:func:`truncated_svd` of each of several matrices of one shape, which pays on a GPU.

    They are worked on in stacks of at most ``batch_bytes`` (and of one matrix at least), whose
    results are those of one at a time up to rounding. Raises ValueError for unequal shapes.
    """
    if not matrices:
        return []
    shape = matrices[0].shape
    if len(shape) != 2 or any(matrix.shape != shape for matrix in matrices):
        shapes = sorted({tuple(matrix.shape) for matrix in matrices})
        raise ValueError(f"matrices of shapes {shapes}; allowed: one shape (m, n)")
    if r < 0:
        raise ValueError(f"r = {r}; allowed: 0 or more")
    r = min(r, *shape)
    if _goes_exact(matrices[0], r):
        return [_exact(matrix, r) for matrix in matrices]
    # The matrix, and the bases of a space that is a quarter of it at most.
    size = 4 * (math.prod(shape) + sum(shape) * min(*shape) // 4)
    each = max(1, batch_bytes // size)
    return [
        found
        for start in range(0, len(matrices), each)
        for found in _krylov(matrices[start : start + each], r, seed, tolerance)
    ]


def _goes_exact(matrix: Tensor, r: int) -> bool:
    small = min(matrix.shape) < EXACT_BELOW * (r + OVERSAMPLING)
    return r == 0 or small or matrix.dtype == torch.float64


def _krylov(
    matrices: Sequence[Tensor], r: int, seed: int, tolerance: float, *, values: bool = False
) -> list[Decomposition]:
    units, scales = zip(*(scaled(matrix, torch.float32) for matrix in matrices), strict=True)
    stack = torch.stack(units) if len(units) > 1 else units[0][None]
    del units
    found = []
    for matrix, unit, scale, top in zip(
        matrices,
        stack,
        scales,
        block_krylov(stack, r, seed, tolerance, values=values),
        strict=True,
    ):
        if top is None:
            found.append(_exact(matrix, r))
            continue
        residuals = _residuals(unit, *top, r)
        norm = frobenius(unit)
        error = _error(top.S, residuals, norm, torch.finfo(unit.dtype).eps)
        found.append(_kept(*top, r, torch.float32, scale, norm, error, residuals))
    return found


def _exact(matrix: Tensor, r: int) -> Decomposition:
    """Not to a tolerance: from the Gram matrix, or by LAPACK where that would lose digits."""
    unit, scale = scaled(matrix)
    if unit.dtype == torch.float64 != matrix.dtype:
        U, S, V = gram.triplets(unit, min(r + 1, *unit.shape))
    else:
        U, S, Vh = torch.linalg.svd(unit, full_matrices=False)
        V = Vh.T
    kept = torch.float64 if matrix.dtype == torch.float64 else torch.float32
    residuals = _residuals(unit, U, S, V, r)
    return _kept(U, S, V, r, kept, scale, frobenius(unit), 0.0, residuals)


def _kept(
    U: Tensor,
    S: Tensor,
    V: Tensor,
    r: int,
    dtype: torch.dtype,
    scale: float,
    norm: float,
    error: float,
    residuals: Sequence[float],
) -> Decomposition:
    """The first r triplets of a scaled matrix, in the format and on the scale that are kept."""
    values = S[:r].cpu().double() * scale
    top = values.to(dtype)
    if not top.isfinite().all():
        most = torch.finfo(dtype).max
        raise ValueError(f"σ₁ = {float(values[0]):.3g}; allowed: up to {most:.3g}")
    return signed(
        U[:, :r].to(dtype),
        top.to(U.device),
        V[:, :r].to(dtype),
        norm * scale,
        error,
        ratio_behind(S, r),
        [rho * scale for rho in residuals],
    )


def _residuals(matrix: Tensor, U: Tensor, S: Tensor, V: Tensor, r: int) -> list[float]:
    """ρ_i = (‖M v_i − σ_i u_i‖² + ‖Mᵀu_i − σ_i v_i‖²)^½ of the first r triplets."""
    U, V, S = U[:, :r], V[:, :r], S[:r].to(U)
    right = torch.linalg.norm(matrix @ V - U * S, dim=0)
    left = torch.linalg.norm(from_left(U, matrix) - V * S, dim=0)
    found: list[float] = torch.hypot(right, left).tolist()
    return found


def _error(S: Tensor, residuals: Sequence[float], norm: float, resolution: float) -> float:
    """An estimate of ``‖M − M̂_r‖_F / ‖M − M_r‖_F − 1``, from residuals.

    With θ_i = σ̂_i² the Ritz values of MMᵀ and η_i = σ̂_i ρ_i their residuals, the energy that a
    Ritz value misses is at most η_i, and about η_i²/(θ_i − θ_{r+1}) where there is a gap (Parlett,
    The Symmetric Eigenvalue Problem, section 11.7).
    """
    r = len(residuals)
    theta = S.cpu().double() ** 2
    noise = S[0].cpu().double() * resolution * 4  # what is left of products that are rounded
    rho = (torch.tensor(residuals, dtype=torch.float64, device="cpu") - noise).clamp(min=0)
    eta = theta[:r].sqrt() * rho
    below = theta[r] if len(theta) > r else theta.new_zeros(())
    missed = torch.minimum(eta, eta**2 / (theta[:r] - below).clamp(min=1e-300))
    tail = norm**2 - float(theta[:r].sum())
    if tail <= norm**2 * 4 * RESOLUTION:
        return 0.0  # the matrix has rank r: what is left is rounding
    best = tail - float(missed.sum())
    return math.sqrt(tail / best) - 1 if best > 0 else math.inf
