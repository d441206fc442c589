"""How precisely a device computes, and factors that bring any matrix into its range."""

from __future__ import annotations

import math

import torch
from torch import Tensor

# What is kept is float32: no vector is known better than this.
RESOLUTION = torch.finfo(torch.float32).eps


# Entries whose squares are summed in float32.
_PART = 2**14

# Exponents of a largest entry with which nothing that counts leaves float32's range.
NEAR = 24


def widest(device: torch.device) -> torch.dtype:
    """The widest format that the device computes in: Apple's GPUs have no float64."""
    return torch.float32 if device.type == "mps" else torch.float64


def widened(matrix: Tensor) -> Tensor:
    """The matrix in the widest format of its own device."""
    return matrix.to(widest(matrix.device))


def scaled(matrix: Tensor, dtype: torch.dtype | None = None) -> tuple[Tensor, float]:
    """``(2^-e M, 2^e)`` with the largest entry near 1, in the widest format or in ``dtype``.

    A power of two changes no digit, and the squares neither overflow nor vanish: where they do not
    anyway, e is 0 and nothing is copied. Raises ValueError for entries that are NaN or infinite.
    """
    least, most = torch.aminmax(matrix) if matrix.numel() else (0.0, 0.0)
    largest = max(abs(float(least)), abs(float(most)))
    if not math.isfinite(largest):
        raise ValueError(
            f"the matrix of shape {tuple(matrix.shape)} has the entry {largest}; allowed: finite "
            "numbers"
        )
    exponent = math.frexp(largest)[1]
    if matrix.dtype != torch.float64:
        exponent = min(max(exponent, -120), 120)  # so that float32 has the factor, and 1/factor
    wide = matrix.to(dtype or widest(matrix.device))
    if abs(exponent) <= NEAR:
        return wide, 1.0
    return wide * math.ldexp(1.0, -exponent), math.ldexp(1.0, exponent)


def frobenius(matrix: Tensor) -> float:
    """‖M‖_F of a matrix, right to 10⁻⁷.

    torch's own norm of all entries sums float32 in float32: of a 4096 × 11008 matrix it is 3·10⁻³
    too small on a CPU, and what is left outside the top values is a difference of such.
    """
    if matrix.dtype == torch.float64:
        return float(torch.linalg.vector_norm(matrix))
    if matrix.device.type != "cpu":
        rows = torch.linalg.vector_norm(matrix, dim=1, dtype=torch.float32)
        return float(torch.linalg.vector_norm(rows.cpu().double()))
    stored = matrix if matrix.is_contiguous() else matrix.T
    parts = torch.split(stored.reshape(-1).float(), _PART)
    return math.sqrt(sum(float(torch.dot(part, part)) for part in parts))


def core_values(core: Tensor) -> Tensor:
    """The singular values of small matrices (…, k, k), on the CPU in float64."""
    found: Tensor = torch.linalg.svdvals(core.cpu().double())
    return found


def core_svd(core: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """The SVD of small matrices (…, k, k), by the CPU in float64.

    The vectors go back to the matrices' device, the values stay on the CPU. GPUs take longer for
    it than the CPU, and some have no float64.
    """
    U, S, Vh = torch.linalg.svd(core.cpu().double(), full_matrices=False)
    return U.to(core), S, Vh.to(core)
