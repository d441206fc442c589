"""Many students of one shape: their trained parameters and the gradients of those.

Students differ in scaling, a tensor of shape (students, 1, 1).
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from loraone.catalog import METHODS
from loraone.spec.experiment import RunSpec
from loraone.theory.initial_factors import InitialFactors


class StudentBatch:
    """Bases (students, m, n) by layer and what is trained: A and B, the core between, or W."""

    def __init__(self, runs: Sequence[RunSpec], initial: Sequence[InitialFactors]) -> None:
        first = runs[0]
        self.trains = METHODS[first.method.name].trains
        self.names = first.problem.names
        self.bases = [
            torch.stack(layer) for layer in zip(*(each.bases for each in initial), strict=True)
        ]
        like = self.bases[0]
        self.scaling = like.new_tensor([run.problem.scaling for run in runs])[:, None, None]
        self.A: list[Tensor] = []
        self.B: list[Tensor] = []
        self.cores: list[Tensor] = []
        if self.trains != "all":
            factors = [
                [each.initialisation.factors[name] for name in self.names] for each in initial
            ]
            layers = list(zip(*factors, strict=True))
            self.A = [torch.stack([pair.A for pair in layer]) for layer in layers]
            self.B = [torch.stack([pair.B for pair in layer]) for layer in layers]
        if self.trains == "core":
            self.cores = [
                torch.stack([each.initialisation.cores[name] for each in initial])
                for name in self.names
            ]

    def weights(self) -> list[Tensor]:
        """The weight that every layer acts with."""
        if self.trains == "all":
            return self.bases
        return [
            torch.baddbmm(base, self.scaling * B, A)
            for base, (A, B) in zip(self.bases, self.factors(), strict=True)
        ]

    def factors(self) -> list[tuple[Tensor, Tensor]]:
        """A and B as a plain adapter has them: LoRA-SB's B is B·R. Empty for full fine-tuning."""
        left = self.B
        if self.trains == "core":
            left = [B @ R for B, R in zip(self.B, self.cores, strict=True)]
        return list(zip(self.A, left, strict=True))

    def trained(self) -> list[Tensor]:
        """What the optimiser moves."""
        if self.trains == "all":
            return self.bases
        return self.cores if self.trains == "core" else [*self.A, *self.B]

    def replace(self, moved: list[Tensor]) -> None:
        """Put the moved parameters, in the order of :meth:`trained`, in place."""
        if self.trains == "all":
            self.bases = moved
        elif self.trains == "core":
            self.cores = moved
        else:
            self.A, self.B = moved[: len(self.A)], moved[len(self.A) :]

    def gradients(self, whole: Sequence[Tensor]) -> list[Tensor]:
        """From those of every weight: ``s Bᵀ G`` of A and ``s G Aᵀ`` of B; ``s Bᵀ G Aᵀ`` of R."""
        if self.trains == "all":
            return list(whole)
        if self.trains == "core":
            parts = zip(self.A, self.B, whole, strict=True)
            return [self.scaling * (B.mT @ G @ A.mT) for A, B, G in parts]
        scaled = [self.scaling * G for G in whole]
        of_A = [B.mT @ G for B, G in zip(self.B, scaled, strict=True)]
        of_B = [G @ A.mT for A, G in zip(self.A, scaled, strict=True)]
        return [*of_A, *of_B]
