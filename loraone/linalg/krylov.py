"""Top singular triplets of several matrices of one shape by block Golub–Kahan bidiagonalisation.

From a random block the bases ``Q`` of ``[MΩ, (MMᵀ)MΩ, …]`` and ``P`` of ``[Ω, (MᵀM)Ω, …]`` grow by
a block each; ``QᵀMP = T`` is small, and its singular values are those of M from the top (Golub,
Luk & Overton 1981; Musco & Musco 2015). With ``T = X Σ Yᵀ`` the triplets are ``(Q x, σ, P y)``:
``M v = σ u`` holds, and ``Mᵀu − σ v = P₊ L x_last`` is known without a further product with M.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import torch
from torch import Tensor

from loraone.linalg.precision import core_svd
from loraone.linalg.sizes import OVERSAMPLING

# Blocks before the first look at the residuals, and by what the space grows from look to look.
DEPTH = 2

GROWTH = 1.25

# Then the exact way is as fast.
MAX_DEPTH = 24


class Triplets(NamedTuple):
    """``U`` (m, r), ``S`` with what is known beyond the r-th, and ``V`` (n, r) of one matrix."""

    U: Tensor
    S: Tensor
    V: Tensor


def block_krylov(
    stack: Tensor, r: int, seed: int, tolerance: float, *, values: bool = False
) -> list[Triplets | None]:
    """Of each matrix of ``stack`` (b, m, n); None where ``MAX_DEPTH`` blocks do not suffice.

    They suffice when each triplet's ρ_i is below ``tolerance`` of the gap to its neighbours, and
    all together below that of the gap behind them, which bounds the angles to the exact vectors
    and to their span; or below what the format of ``stack`` can tell. With ``values`` alone each
    ρ_i has to be below ``tolerance`` of σ_i: the error of σ_i is below it, and of order ρ_i²/gap_i.
    Matrices that are done leave the stack. The start is that of ``seed`` on every device.
    """
    count, _, n = stack.shape
    width = r + OVERSAMPLING
    draw = torch.Generator("cpu").manual_seed(seed)
    start = torch.linalg.qr(torch.randn(n, width, generator=draw, device="cpu").to(stack))[0]
    right = start.expand(count, n, width)
    left, core = stack[:, :, :0], stack.new_zeros(count, 0, 0)
    waiting = list(range(count))
    found: list[Triplets | None] = [None] * count
    columns, look = 0, width * DEPTH
    last = min(width * MAX_DEPTH, min(stack.shape[1:]) - width)
    while waiting:
        block, above, diagonal = _orthonormal(stack @ right[..., -width:], left)
        core = _grown(core, above, diagonal)
        left = torch.cat([left, block], dim=-1)
        columns += width
        following, _, beside = _orthonormal(from_left(block, stack), right)
        if columns >= look or columns + width > last:
            X, S, Yh = core_svd(core)
            rho = torch.linalg.norm((beside @ X[:, -width:, : r + 1]).cpu().double(), dim=1)
            if values:
                ready = (rho[:, :r] <= tolerance * S[:, :r]).all(dim=1)
            else:
                ready = _ready(S, rho, r, tolerance, torch.finfo(stack.dtype).eps)
            for i in ready.nonzero().flatten().tolist():
                U, V = left[i] @ X[i, :, :r], right[i] @ Yh[i, :r].mT
                found[waiting[i]] = Triplets(U, S[i], V)
            if columns + width > last:
                break
            keep = (~ready).nonzero().flatten()
            if len(keep) < len(waiting):
                waiting = [waiting[i] for i in keep.tolist()]
                here = keep.to(stack.device)
                stack, left, right = stack[here], left[here], right[here]
                core, following = core[here], following[here]
            look = int(columns * GROWTH)
        right = torch.cat([right, following], dim=-1)
    return found


def from_left(block: Tensor, matrix: Tensor) -> Tensor:
    """``Mᵀ Q`` as ``(Qᵀ M)ᵀ``, which takes CPUs half the time."""
    return (block.mT @ matrix).mT


def _ready(S: Tensor, rho: Tensor, r: int, tolerance: float, resolution: float) -> Tensor:
    """Which matrices' first r triplets are near enough: S (b, k), residuals rho (b, r+1)."""
    gaps = S[:, :r] - S[:, 1 : r + 1]
    gaps[:, -1] -= rho[:, r]  # how far σ_{r+1} may lie above its Ritz value
    above = torch.nn.functional.pad(gaps[:, :-1], (1, 0), value=math.inf)
    noise = 4 * resolution * S[:, 0]
    whole = torch.maximum(tolerance * gaps[:, -1], noise)
    each = torch.maximum(tolerance * torch.minimum(gaps, above), noise[:, None])
    near: Tensor = (rho[:, :r] <= each).all(dim=1)
    near &= torch.linalg.norm(rho[:, :r], dim=1) <= whole
    return near


def _orthonormal(block: Tensor, basis: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """``(Q, C, R)`` with ``block = basis C + Q R`` and Q orthonormal and orthogonal to the basis.

    The second time acts on the normalised Q: so it is orthogonal to the basis also where nothing
    but rounding was left of the block.
    """
    inside = basis.mT @ block
    Q, R = torch.linalg.qr(block - basis @ inside)
    again = basis.mT @ Q
    Q, second = torch.linalg.qr(Q - basis @ again)
    return Q, inside + again @ R, second @ R


def _grown(core: Tensor, above: Tensor, diagonal: Tensor) -> Tensor:
    """T with a block of columns more; below the diagonal it is zero."""
    width = diagonal.shape[-1]
    left = torch.nn.functional.pad(core, (0, 0, 0, width))
    return torch.cat([left, torch.cat([above, diagonal], dim=-2)], dim=-1)
