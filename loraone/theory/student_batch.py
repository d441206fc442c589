"""Many students of one shape: their trained parameters, and one step of an optimiser for all.

Students differ in learning rate, scaling and damping; those are tensors of shape (students, 1, 1).
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from loraone.catalog import METHODS
from loraone.spec.experiment import RunSpec
from loraone.spec.training import TrainingSpec
from loraone.theory.initial_factors import Start
from loraone.theory.losses import inner_products
from loraone.training.schedule import rate

BETAS = (0.9, 0.999)
EPSILON = 1e-8


class Students:
    """Bases (students, m, n) by layer and what is trained: A and B, the core between, or W."""

    def __init__(self, runs: Sequence[RunSpec], starts: Sequence[Start]) -> None:
        first = runs[0]
        self.trains = METHODS[first.method.name].trains
        self.names = first.problem.names
        self.bases = [torch.stack(layer) for layer in zip(*(s.bases for s in starts), strict=True)]
        like = self.bases[0]
        self.scaling = like.new_tensor([run.problem.scaling for run in runs])[:, None, None]
        self.A: list[Tensor] = []
        self.B: list[Tensor] = []
        self.cores: list[Tensor] = []
        if self.trains != "all":
            factors = [[start.found.factors[name] for name in self.names] for start in starts]
            layers = list(zip(*factors, strict=True))
            self.A = [torch.stack([pair.A for pair in layer]) for layer in layers]
            self.B = [torch.stack([pair.B for pair in layer]) for layer in layers]
        if self.trains == "core":
            self.cores = [
                torch.stack([start.found.cores[name] for start in starts]) for name in self.names
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


class Optimizer:
    """Gradient descent or AdamW on all students at once, preconditioned where the spec says so.

    The preconditioner is LoRA-One's second half, on raw gradients: ``g_A ← (BᵀB + λI)⁻¹ g_A``,
    ``g_B ← g_B (AAᵀ + λI)⁻¹``, from the factors before the step. LoRA+ moves B faster.
    """

    def __init__(self, students: Students, rates: Tensor, plan: TrainingSpec) -> None:
        self._students = students
        self._plan = plan
        parameters = students.trained()
        self._rates = [rates] * len(parameters)
        if plan.optimizer == "loraplus":
            half = len(parameters) // 2
            self._rates = [rates] * half + [rates * plan.loraplus_ratio] * half
        self._adam = not plan.optimizer.endswith("sgd")
        self._first = [torch.zeros_like(p) for p in parameters] if self._adam else []
        self._second = [torch.zeros_like(p) for p in parameters] if self._adam else []
        self._steps = 0

    def step(self, gradients: list[Tensor]) -> None:
        """Move all students by one step."""
        plan = self._plan
        if plan.optimizer.startswith("riemannian"):
            gradients = self._preconditioned(gradients)
        gradients = clipped(gradients, plan.max_grad_norm)
        factor = rate(plan, self._steps)
        self._steps += 1
        moved = []
        for i, (parameter, g) in enumerate(zip(self._students.trained(), gradients, strict=True)):
            pace = self._rates[i] * factor
            if plan.weight_decay:
                if self._adam:
                    parameter = parameter * (1 - pace * plan.weight_decay)
                else:
                    g = g + plan.weight_decay * parameter
            moved.append(parameter - pace * (self._adapted(i, g) if self._adam else g))
        self._students.replace(moved)

    def _adapted(self, i: int, g: Tensor) -> Tensor:
        """Adam's direction: both moments, corrected for their start at zero."""
        self._first[i] = BETAS[0] * self._first[i] + (1 - BETAS[0]) * g
        self._second[i] = BETAS[1] * self._second[i] + (1 - BETAS[1]) * g * g
        first = self._first[i] / (1 - BETAS[0] ** self._steps)
        second = self._second[i] / (1 - BETAS[1] ** self._steps)
        return first / (second.sqrt() + EPSILON)

    def _preconditioned(self, gradients: list[Tensor]) -> list[Tensor]:
        A, B = self._students.A, self._students.B
        r = A[0].shape[1]
        damping = self._plan.riemannian_damping * torch.eye(r, dtype=A[0].dtype)
        of_A, of_B = gradients[: len(A)], gradients[len(A) :]
        return [
            *(_solved(b.mT @ b + damping, g) for b, g in zip(B, of_A, strict=True)),
            *(_solved(a @ a.mT + damping, g.mT).mT for a, g in zip(A, of_B, strict=True)),
        ]


def _solved(matrices: Tensor, right: Tensor) -> Tensor:
    """``M⁻¹ R``, not a number where M is singular: one student must not stop the others."""
    found, info = torch.linalg.solve_ex(matrices, right)
    return torch.where((info == 0)[:, None, None], found, torch.nan)


def clipped(gradients: list[Tensor], most: float) -> list[Tensor]:
    """Each student's gradients scaled down to a norm of ``most`` where theirs is larger."""
    squares = torch.stack([inner_products(g, g) for g in gradients]).sum(dim=0)
    norms = squares.sqrt()
    if not bool((norms > most).any()):
        return gradients
    factor = (most / norms).clamp(max=1)[:, None, None]
    return [g * factor for g in gradients]
