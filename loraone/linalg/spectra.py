"""The singular values of a matrix: all of them, or the top ones with an estimate of the others."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from loraone.linalg import gram
from loraone.linalg.precision import scaled


@dataclass(frozen=True)
class Spectrum:
    """All min(m, n) singular values of a matrix, of which the first ``known`` are exact.

    ``values`` (n,) are descending, and their squares sum to ‖M‖_F². Each further value is the root
    of the mean of σ² over its share of an estimated distribution, of p random probes. ``without``
    (p, n) are the same, each with one of the probes left out; p = 0 where all values are exact.
    """

    values: Tensor
    known: int
    without: Tensor

    @classmethod
    def whole(cls, values: Tensor) -> Spectrum:
        """Of values that are all exact."""
        return cls(values, len(values), values.new_empty(0, len(values)))

    @property
    def is_whole(self) -> bool:
        """Whether nothing is estimated."""
        return self.known == len(self.values)

    def standard_error(self, scalar: Callable[[Tensor], float]) -> float:
        """Of a number taken from the values, by the jackknife over the probes (Tukey 1958).

        ``((p−1)/p Σ_i (x_i − x̄)²)^½`` with x_i the number without probe i. 0 for numbers that
        depend on exact values alone. With few probes it is itself uncertain: an error in standard
        errors follows Student's t of p−1 degrees, and of 12 probes exceeds three in one of eighty.
        """
        p = len(self.without)
        if p == 0:
            return 0.0
        numbers = np.array([scalar(values) for values in self.without])
        return float(math.sqrt((p - 1) / p * ((numbers - numbers.mean()) ** 2).sum()))


def singular_values(matrix: Tensor) -> Tensor:
    """All singular values, descending, float32, of a matrix of any scale.

    From the float64 Gram matrix of the smaller side, of which only the lower triangle is computed:
    a value's error is ``2·10⁻¹⁶ σ₁²/σ_i``, which is below float32's resolution of it down to
    ``10⁻⁵ σ₁`` and at most ``10⁻⁸ σ₁``. (A float32 Gram matrix would save a quarter of the time
    and know nothing below ``3·10⁻⁴ σ₁``.) Raises ValueError for entries that are not finite.
    """
    unit, scale = scaled(matrix)
    # Where the device has no float64, squares would lose half of the digits.
    way = gram.values if unit.dtype == torch.float64 else torch.linalg.svdvals
    return (way(unit) * scale).float()
