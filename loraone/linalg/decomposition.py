"""Top singular triplets, with what is known of their errors.

Signs are fixed by convention (the entry of largest magnitude in each left vector is positive), so
that a decomposition is the same from run to run."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from loraone.linalg.precision import RESOLUTION


@dataclass(frozen=True)
class Decomposition:
    """Top singular triplets of a matrix: ``U`` (m, r), ``S`` (r,) descending, ``V`` (n, r).

    ``frobenius`` is ‖M‖_F of the whole matrix, so that what the triplets leave out is known.
    ``error`` estimates ``‖M − M̂_r‖_F / ‖M − M_r‖_F − 1`` (0: as good as the best). ``gap`` is
    σ_{r+1}/σ_r, near 1 where the top-r subspace is ill-defined; None where there is no σ_{r+1}.
    ``residuals`` are ρ_i = (‖M v_i − σ_i u_i‖² + ‖Mᵀu_i − σ_i v_i‖²)^½ of each triplet, from which
    the angles to the exact vectors are bounded; None where M was never seen whole.
    """

    U: Tensor
    S: Tensor
    V: Tensor
    frobenius: float
    error: float = 0.0
    gap: float | None = None
    residuals: Sequence[float] | None = None

    @property
    def angle(self) -> float | None:
        """A bound on the largest sine between the top subspaces and the exact ones, either side.

        ``(Σ ρ_i²)^½ / (σ_r − σ_{r+1})`` (Wedin 1972; Stewart & Sun 1990, theorem V.4.1), and no
        less than the resolution of float32. 1 where there is no gap: the subspace is not defined.
        Of a matrix of lower rank only the directions that it has count; None where it has none, or
        where the residuals are not known.
        """
        known = self.rank()
        if self.residuals is None or known == 0:
            return None
        return _sine(math.hypot(*self.residuals[:known]), self._gaps()[known - 1])

    @property
    def angles(self) -> list[float] | None:
        """The same bound for each vector by itself, whose gap is that to its nearer neighbour.

        1 where two singular values coincide: any rotation of their vectors is as right.
        """
        if self.residuals is None:
            return None
        gaps = self._gaps()
        nearer = [min(pair) for pair in zip(gaps, [math.inf, *gaps[:-1]], strict=True)]
        return [_sine(rho, gap) for rho, gap in zip(self.residuals, nearer, strict=True)]

    def residual(self) -> float:
        """‖M − U S Vᵀ‖_F / ‖M‖_F, from the energies: what the kept triplets leave out."""
        if self.frobenius == 0:
            return 0.0
        shares = self.S.double() / self.frobenius
        return math.sqrt(max(1 - float((shares**2).sum()), 0.0))

    def rank(self) -> int:
        """How many of the kept singular values are above rounding noise."""
        values = self._values()
        if not values or values[0] == 0:
            return 0
        floor = values[0] * torch.finfo(self.S.dtype).eps * max(len(self.U), len(self.V))
        return sum(floor < value for value in values)

    def top(self, count: int) -> Decomposition:
        """The first ``count`` triplets of these, with the gap behind them."""
        if count >= len(self.S):
            return self
        gap = ratio_behind(self.S, count)
        U, S, V = self.U[:, :count], self.S[:count], self.V[:, :count]
        residuals = None if self.residuals is None else self.residuals[:count]
        return Decomposition(U, S, V, self.frobenius, self.error, gap, residuals)

    def truncated_energy(self, r: int) -> float:
        """‖M_r‖_F² of the best rank-r part."""
        return float((self.S[:r].double() ** 2).sum())

    def _values(self) -> list[float]:
        values: list[float] = self.S.tolist()
        return values

    def _gaps(self) -> list[float]:
        """σ_i − σ_{i+1} of each kept value; 0 where float32 cannot tell them apart."""
        values = self._values()
        behind = 0.0 if self.gap is None or not values else self.gap * values[-1]
        gaps = [high - low for high, low in zip(values, [*values[1:], behind], strict=True)]
        return [gap if gap > 2 * RESOLUTION * values[0] else 0.0 for gap in gaps]


def _sine(residual: float, gap: float) -> float:
    return min(residual / gap + RESOLUTION, 1.0) if gap > 0 else 1.0


def ratio_behind(S: Tensor, r: int) -> float | None:
    """σ_{r+1}/σ_r; None where there is no such pair."""
    return float(S[r] / S[r - 1]) if len(S) > r > 0 and S[r - 1] > 0 else None


def signed(
    U: Tensor,
    S: Tensor,
    V: Tensor,
    frobenius: float,
    error: float,
    gap: float | None,
    residuals: Sequence[float] | None = None,
) -> Decomposition:
    """With the signs of the convention."""
    signs = _signs(U)
    return Decomposition(
        (U * signs).contiguous(),
        S.clone(),
        (V * signs).contiguous(),
        frobenius,
        error,
        gap,
        residuals,
    )


def _signs(U: Tensor) -> Tensor:
    if not len(U):
        return U.new_ones(U.shape[1])
    largest = U.abs().argmax(dim=0, keepdim=True)
    signs = U.gather(0, largest).sign().squeeze(0)
    return torch.where(signs == 0, torch.ones_like(signs), signs)
