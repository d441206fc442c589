"""An estimate of all singular values of a large matrix, by stochastic Lanczos quadrature.

For a random unit vector z the expectation of ``zᵀ f(MᵀM) z`` is the mean of ``f(σ²)``. Golub–Kahan
bidiagonalisation from z gives a Gauss quadrature of it: nodes σ_j² and weights (e₁ᵀy_j)² of the
small bidiagonal matrix's right singular vectors y_j (Golub & Meurant 2010, chapters 6 and 7; Ubaru,
Chen & Saad 2017). The mean over several z is the distribution of the singular values.
"""

from __future__ import annotations

import math

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from loraone.linalg.decomposition import Decomposition
from loraone.linalg.krylov import from_left
from loraone.linalg.precision import RESOLUTION, core_svd, frobenius, scaled
from loraone.linalg.sizes import PROBES, STEPS
from loraone.linalg.spectra import Spectrum

Float64Array = NDArray[np.float64]


def estimated_spectrum(
    matrix: Tensor,
    top: Decomposition,
    *,
    probes: int = PROBES,
    steps: int = STEPS,
    seed: int = 0,
    rank: int | None = None,
) -> Spectrum:
    """All singular values of ``matrix`` (m, n), whose ``top`` triplets are known.

    Where it is known that the matrix has at most this ``rank``, all further values are 0: an
    estimate does not tell the smallest values from none.
    The known triplets are taken out of the matrix, so that the probes see only what is left. What
    is left has the energy ``‖M‖_F² − Σ σ_i²``, to which the estimate is held by tilting its
    weights. Costs ``2·steps`` products with ``probes`` vectors, in float32, on the matrix's own
    device. Deterministic for ``seed``, equal for the transposed matrix where m ≠ n, and
    proportional to the matrix. The result is on the CPU.

    Raises ValueError for fewer than two probes, for no step, for triplets of another shape, and for
    entries that are not finite.
    """
    if probes < 2:
        raise ValueError(f"probes = {probes}; allowed: 2 or more")
    if steps < 1:
        raise ValueError(f"steps = {steps}; allowed: 1 or more")
    of, shape = (len(top.U), len(top.V)), tuple(matrix.shape)
    if of != shape:
        raise ValueError(f"top is of a matrix of shape {of}; allowed: {shape}")
    unit, scale = scaled(matrix, torch.float32)
    U, V = top.U.to(unit), top.V.to(unit)
    if len(U) < len(V):
        unit, U, V = unit.T, V, U
    known = top.S.double().cpu().numpy() / scale
    size = min(matrix.shape) - len(known)
    # That of a sketch is not known.
    norm = frobenius(unit) if math.isnan(top.frobenius) else top.frobenius / scale
    energy = norm**2 - float((known**2).sum())
    if size == 0:
        return Spectrum.whole(top.S.float().cpu())
    if energy <= norm**2 * 4 * RESOLUTION:  # only rounding is left
        every = np.tile(np.concatenate([known, np.zeros(size)]), (probes + 1, 1))
    else:
        nodes, weights = _quadrature(unit, U, V, probes, min(steps, size), seed)
        rows = [np.arange(probes) != left_out for left_out in range(-1, probes)]  # first: none is
        most = known[-1] ** 2 if len(known) else energy
        some = size if rank is None else max(1, min(size, rank - len(known)))
        rest = [
            np.sqrt(_under(most, _squares(nodes[row], weights[row], energy / size, size, some)))
            for row in rows
        ]
        every = np.array([np.concatenate([known, part]) for part in rest])
    values = torch.from_numpy((every * scale).astype(np.float32))
    return Spectrum(values[0], len(known), values[1:])


def _quadrature(
    matrix: Tensor, U: Tensor, V: Tensor, probes: int, steps: int, seed: int
) -> tuple[Float64Array, Float64Array]:
    """Nodes σ² and weights, (probes, steps) each, of ``(I−UUᵀ) M (I−VVᵀ)`` off V; M (m, n), m ≥ n.

    Golub–Kahan from each probe, all in step: ``M v_j = α_j u_j + β_{j−1} u_{j−1}`` and ``Mᵀ u_j =
    α_j v_j + β_j v_{j+1}``, with the v reorthogonalised, which keeps the u orthogonal too (Simon &
    Zha 2000). Where α or β is rounding's size the probe has seen all that it can see, and the rest
    of its bidiagonal matrix is zero.
    """
    draw = torch.Generator("cpu").manual_seed(seed)
    start = torch.randn(len(V), probes, generator=draw, device="cpu").to(matrix)
    v, _ = _unit(start - V @ (V.T @ start), 0.0)
    right = matrix.new_zeros(probes, steps, len(V))
    u, beta = matrix.new_zeros(len(U), probes), matrix.new_zeros(probes)
    floor = float(torch.linalg.norm(matrix @ v, dim=0).max()) * RESOLUTION
    bidiagonal = torch.zeros(probes, steps, steps, dtype=torch.float64, device="cpu")
    for j in range(steps):
        right[:, j] = v.T
        u = matrix @ v - beta * u
        u, alpha = _unit(u - U @ (U.T @ u), floor)
        bidiagonal[:, j, j] = alpha.cpu().double()
        if j + 1 < steps:
            v = from_left(u, matrix) - alpha * v
            v = v - V @ (V.T @ v)
            before = right[:, : j + 1]
            v = v - (before.mT @ (before @ v.T[..., None]))[..., 0].T
            v, beta = _unit(v, floor)
            bidiagonal[:, j, j + 1] = beta.cpu().double()
    _, values, rows = core_svd(bidiagonal)
    return (values**2).numpy(), (rows[:, :, 0] ** 2).numpy()


def _unit(vectors: Tensor, floor: float) -> tuple[Tensor, Tensor]:
    """Each column at length 1, and the lengths; columns no longer than ``floor`` are zero."""
    lengths = torch.linalg.norm(vectors, dim=0)
    lengths = torch.where(lengths > floor, lengths, torch.zeros_like(lengths))
    return vectors / torch.where(lengths > 0, lengths, math.inf), lengths


def _squares(
    nodes: Float64Array, weights: Float64Array, mean: float, size: int, some: int
) -> Float64Array:
    """``size`` values of σ², descending, of its distribution, tilted to this mean; all after the
    first ``some`` are 0."""
    order = np.argsort(-nodes, axis=None)
    squares, shares = nodes.flatten()[order], weights.flatten()[order]
    shares = _tilted(squares, shares / shares.sum(), mean)
    # The integral of σ² over the upper part of the distribution, at its nodes and at each i/size.
    parts = np.concatenate([[0.0], np.cumsum(shares)])
    integral = np.concatenate([[0.0], np.cumsum(shares * squares)])
    at = np.interp(np.linspace(0, parts[-1], size + 1), parts, integral)
    of_each = np.minimum.accumulate(np.diff(at).clip(min=0))
    of_each[some:] = 0
    if of_each.sum() == 0:  # no probe saw anything: what is left is rounding
        return of_each
    found: Float64Array = of_each * (mean * size / of_each.sum())
    return found


def _under(most: float, squares: Float64Array) -> Float64Array:
    """The values, descending, with none above ``most`` and the same sum.

    What the first ones lose the others gain in proportion, or in equal parts where all are zero.
    No value that is not known exceeds one that is, so the sum always has room.
    """
    total, size = float(squares.sum()), len(squares)
    for full in range(size):
        left, below = total - full * most, squares[full:]
        below = below if below[0] > 0 else np.ones_like(below)
        below = below * (left / below.sum())
        if below[0] <= most:
            return np.concatenate([np.full(full, most), below])
    return np.full(size, total / size)  # rounding's excess over the room


def _tilted(squares: Float64Array, shares: Float64Array, mean: float) -> Float64Array:
    """The shares times exp(λσ²), λ such that σ² has this mean: the nearest ones in entropy.

    The spread of the probes' energies, which are known to be equal, so leaves the estimate.
    """
    unit = squares / squares[0] if squares[0] > 0 else squares
    aim = mean / squares[0] if squares[0] > 0 else 0.0

    def at(rate: float) -> Float64Array:
        tilt: Float64Array = shares * np.exp(rate * unit - max(rate, 0.0))
        return tilt / float(tilt.sum())

    low, high = -100.0, 100.0
    for _ in range(60):
        rate = (low + high) / 2
        if (at(rate) * unit).sum() < aim:
            low = rate
        else:
            high = rate
    return at((low + high) / 2)
