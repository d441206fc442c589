"""One student as the probes look at a model: its factors, and what they add to the weight."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor

from loraone.linalg.matrices import Change, Dense, LowRank
from loraone.methods.base import Factors
from loraone.theory.solve import Solution


@dataclass(frozen=True)
class WeightNow:
    """A layer's base weight, under its name."""

    name: str
    weight: Tensor


@dataclass(frozen=True)
class TrainedStudent:
    """A solution with the factors of one step; ``now`` is empty for full fine-tuning."""

    solution: Solution
    now: Mapping[str, Factors]

    def layers(self) -> list[WeightNow]:
        """The layers with their base weights."""
        return [WeightNow(name, base) for name, base in self.solution.bases.items()]

    def factors(self, name: str) -> Factors | None:
        """A and B at this step."""
        return self.now.get(name)

    def initial(self, name: str) -> Change | None:
        """``s·B₀A₀``."""
        pair = self.solution.began.get(name)
        return None if pair is None else self._low_rank(pair)

    def product(self, name: str) -> Change:
        """``s·BA``; the weight change of full fine-tuning."""
        pair = self.now.get(name)
        return self.change(name) if pair is None else self._low_rank(pair)

    def update(self, name: str) -> Change:
        """``s·BA − s·B₀A₀``."""
        pair = self.now.get(name)
        if pair is None:
            return self.change(name)
        start = self.solution.began[name]
        s = self.solution.run.problem.scaling
        left = torch.cat([pair.B, -start.B], dim=1)
        return LowRank(s * left, torch.cat([pair.A, start.A], dim=0))

    def change(self, name: str) -> Change:
        """The weight at the end minus W₀."""
        names = self.solution.run.problem.names
        start = self.solution.teacher.start[names.index(name)]
        pair = self.now.get(name)
        if pair is None:
            return Dense(self.solution.weights[name] - start)
        base = self.solution.bases[name]
        if torch.equal(base, start):
            return self._low_rank(pair)
        return Dense(base + self.solution.run.problem.scaling * pair.B @ pair.A - start)

    def _low_rank(self, pair: Factors) -> LowRank:
        return LowRank(self.solution.run.problem.scaling * pair.B, pair.A)
