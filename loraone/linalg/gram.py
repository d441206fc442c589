"""All of a matrix's spectrum from the Gram matrix of its smaller side, in float64.

With float64 sums of float32 entries the squares cost nothing that float32 had: a singular vector's
error is ``ε₆₄ σ₁²/(σ_i Δ)``, and a float32 SVD's ``ε₃₂ σ₁/Δ``, which is larger wherever
``σ_i > 2·10⁻⁹ σ₁``. On a 2048 × 5632 matrix it takes a tenth of the time of a float32 SVD.
"""

from __future__ import annotations

import torch
from torch import Tensor

# Columns of a block: below its diagonal blocks only half of the products are needed.
_BLOCK = 512


def gram(matrix: Tensor) -> Tensor:
    """The lower triangle of ``MᵀM`` (n, n) of a float64 matrix (m, n); the upper one may be 0."""
    n = matrix.shape[1]
    if n <= _BLOCK:
        return matrix.T @ matrix
    products = matrix.new_zeros(n, n)
    for start in range(0, n, _BLOCK):
        end = min(start + _BLOCK, n)
        torch.matmul(matrix[:, start:].T, matrix[:, start:end], out=products[start:, start:end])
    return products


def values(matrix: Tensor) -> Tensor:
    """All min(m, n) singular values, descending, of a float64 matrix."""
    tall = matrix if matrix.shape[0] >= matrix.shape[1] else matrix.T
    squares: Tensor = torch.linalg.eigvalsh(gram(tall))
    return squares.clamp(min=0).sqrt().flip(0)


def triplets(matrix: Tensor, count: int) -> tuple[Tensor, Tensor, Tensor]:
    """The top ``count`` triplets ``U, S, V`` of a float64 matrix (m, n).

    With m ≥ n, V from the Gram matrix; ``M V = U R`` then has an R that is diagonal but for the
    errors above, and an orthonormal U also where singular values are zero.
    """
    if matrix.shape[0] < matrix.shape[1]:
        V, S, U = triplets(matrix.T, count)
        return U, S, V
    eigenvectors: Tensor = torch.linalg.eigh(gram(matrix))[1]
    V = eigenvectors[:, -count:].flip(1)
    U, R = torch.linalg.qr(matrix @ V)
    diagonal = R.diagonal()
    S, order = diagonal.abs().sort(descending=True)  # values of rounding's size come in any order
    signs = torch.where(diagonal < 0, -1.0, 1.0).to(U)
    return (U * signs)[:, order], S, V[:, order]
