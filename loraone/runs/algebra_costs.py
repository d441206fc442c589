"""Seconds of decompositions and spectra of an (m, n) matrix, from a device's rates.

To the leading order, and calibrated on two cores with matrices of 256 to 5632 rows and columns,
where it is right within a factor of two.
"""

from __future__ import annotations

from loraone.linalg.sizes import OVERSAMPLING, PROBES, STEPS, TOP_OF_WEIGHT
from loraone.runs.device_benchmark import DeviceBenchmark, svd_operations
from loraone.spec.measure import SpectraKnown, whole_gradient, whole_weight

# Blocks of a Krylov space until its vectors are right, until halves can be compared, and until
# values without gaps are right: on gradients and weights of Llama-shaped models.
_BLOCKS, _BLOCKS_OF_HALF, _BLOCKS_OF_VALUES = 5, 3, 16
# Products with a few vectors read the matrix for little arithmetic: an operation takes two (12
# vectors) to four (16) times as long as one of a large product.
_THIN = 3.0


def top(m: int, n: int, r: int, speed: DeviceBenchmark) -> float:
    """The top r triplets: two products a block, and two for the residuals."""
    return min(_krylov(m, n, r, _BLOCKS, speed), all_values(m, n, speed))


def top_of_half(m: int, n: int, r: int, speed: DeviceBenchmark) -> float:
    """Those that two halves' agreement needs."""
    return min(_krylov(m, n, r, _BLOCKS_OF_HALF, speed), all_values(m, n, speed))


def all_values(m: int, n: int, speed: DeviceBenchmark) -> float:
    """All singular values: half of a Gram matrix in float64, which is half as fast, and its
    eigenvalues, as many operations as the benchmark's decomposition takes for k³."""
    side = min(m, n)
    return 2.0 * m * n * side / speed.multiply + float(side) ** 3 / speed.decompose


def all_vectors(m: int, n: int, speed: DeviceBenchmark) -> float:
    """A whole SVD by LAPACK, which takes four times as long as its values alone."""
    return 4 * svd_operations(m, n) / speed.decompose


def of_gradient(m: int, n: int, tokens: int, known: SpectraKnown, speed: DeviceBenchmark) -> float:
    """Of a gradient whose top triplets are known: all values, an estimate of them, or nothing."""
    if known == "top":
        return 0.0
    whole = whole_gradient(known, min(m, n), tokens)
    return all_values(m, n, speed) if whole else _estimate(m, n, speed)


def of_weight(m: int, n: int, known: SpectraKnown, speed: DeviceBenchmark) -> float:
    """Of a weight, with its own top values where the others are estimated."""
    if known == "top":
        return 0.0
    if whole_weight(known, min(m, n)):
        return all_values(m, n, speed)
    return _krylov(m, n, TOP_OF_WEIGHT, _BLOCKS_OF_VALUES, speed) + _estimate(m, n, speed)


def _krylov(m: int, n: int, r: int, blocks: int, speed: DeviceBenchmark) -> float:
    return (2 * blocks + 2) * _THIN * 2.0 * m * n * (r + OVERSAMPLING) / speed.multiply


def _estimate(m: int, n: int, speed: DeviceBenchmark) -> float:
    return 2 * STEPS * _THIN * 2.0 * m * n * PROBES / speed.multiply
