"""One step of an optimiser for many students of one shape.

The optimisers' rows name the functions; see :mod:`loraone.training.optimizers`. Students differ in
learning rate: rates are of shape (students, 1, 1), parameters of shape (students, m, n).
"""

from __future__ import annotations

import torch
from torch import Tensor

from loraone import catalog
from loraone.spec.training import TrainingSpec
from loraone.theory.losses import inner_products
from loraone.theory.student_batch import StudentBatch
from loraone.training.schedule import rate

BETAS = (0.9, 0.999)
EPSILON = 1e-8


def build(students: StudentBatch, rates: Tensor, training: TrainingSpec) -> Descent:
    """What moves the students by the optimiser that ``training`` names.

    Raises ValueError where its row names none for students.
    """
    row = catalog.OPTIMIZERS[training.optimizer]
    if row.student is None:
        known = ", ".join(other.name for other in catalog.OPTIMIZERS.values() if other.synthetic)
        raise ValueError(f"optimizer {row.name!r} has none for students; allowed: {known}")
    optimizer: Descent = catalog.resolve(row.student)(students, rates, training)
    return optimizer


class Descent:
    """Gradient descent on all students at once: clip, then ``p ← p − η (g + decay·p)``."""

    def __init__(
        self,
        students: StudentBatch,
        rates: Tensor,
        training: TrainingSpec,
        *,
        preconditioned: bool = False,
    ) -> None:
        self._students = students
        self._training = training
        self._preconditioned = preconditioned
        self._rates = [rates] * len(students.trained())
        self._steps = 0

    def step(self, gradients: list[Tensor]) -> None:
        """Move all students by one step."""
        training = self._training
        if self._preconditioned:
            gradients = preconditioned(self._students, gradients, training.riemannian_damping)
        gradients = clipped(gradients, training.max_grad_norm)
        factor = rate(training, self._steps)
        self._steps += 1
        parameters = self._students.trained()
        self._students.replace(
            [
                self._moved(i, parameter, g, self._rates[i] * factor)
                for i, (parameter, g) in enumerate(zip(parameters, gradients, strict=True))
            ]
        )

    def _moved(self, i: int, parameter: Tensor, g: Tensor, pace: Tensor) -> Tensor:
        if self._training.weight_decay:
            g = g + self._training.weight_decay * parameter
        return parameter - pace * g


class AdamW(Descent):
    """AdamW on all students at once; with ``ratio`` B's rates are so many times those of A."""

    def __init__(
        self,
        students: StudentBatch,
        rates: Tensor,
        training: TrainingSpec,
        *,
        preconditioned: bool = False,
        ratio: float | None = None,
    ) -> None:
        super().__init__(students, rates, training, preconditioned=preconditioned)
        parameters = students.trained()
        if ratio is not None:
            half = len(parameters) // 2
            self._rates = [rates] * half + [rates * ratio] * half
        self._first = [torch.zeros_like(p) for p in parameters]
        self._second = [torch.zeros_like(p) for p in parameters]

    def _moved(self, i: int, parameter: Tensor, g: Tensor, pace: Tensor) -> Tensor:
        if self._training.weight_decay:
            parameter = parameter * (1 - pace * self._training.weight_decay)
        return parameter - pace * self._direction(i, g)

    def _direction(self, i: int, g: Tensor) -> Tensor:
        """Adam's: both moments, corrected for their start at zero."""
        self._first[i] = BETAS[0] * self._first[i] + (1 - BETAS[0]) * g
        self._second[i] = BETAS[1] * self._second[i] + (1 - BETAS[1]) * g * g
        first = self._first[i] / (1 - BETAS[0] ** self._steps)
        second = self._second[i] / (1 - BETAS[1] ** self._steps)
        return first / (second.sqrt() + EPSILON)


def adamw(students: StudentBatch, rates: Tensor, training: TrainingSpec) -> Descent:
    """AdamW."""
    return AdamW(students, rates, training)


def loraplus(students: StudentBatch, rates: Tensor, training: TrainingSpec) -> Descent:
    """AdamW where B is ``loraplus_ratio`` times as fast."""
    return AdamW(students, rates, training, ratio=training.loraplus_ratio)


def riemannian(students: StudentBatch, rates: Tensor, training: TrainingSpec) -> Descent:
    """AdamW on preconditioned gradients."""
    return AdamW(students, rates, training, preconditioned=True)


def sgd(students: StudentBatch, rates: Tensor, training: TrainingSpec) -> Descent:
    """Plain descent."""
    return Descent(students, rates, training)


def riemannian_sgd(students: StudentBatch, rates: Tensor, training: TrainingSpec) -> Descent:
    """Descent on preconditioned gradients."""
    return Descent(students, rates, training, preconditioned=True)


def preconditioned(students: StudentBatch, gradients: list[Tensor], damping: float) -> list[Tensor]:
    """``g_A ← (BᵀB + λI)⁻¹ g_A`` and ``g_B ← g_B (AAᵀ + λI)⁻¹``, from the factors as they are.

    LoRA-One's second half, on raw gradients; λ is ``damping``.
    """
    A, B = students.A, students.B
    r = A[0].shape[1]
    added = damping * torch.eye(r, dtype=A[0].dtype)
    of_A, of_B = gradients[: len(A)], gradients[len(A) :]
    return [
        *(_solved(b.mT @ b + added, g) for b, g in zip(B, of_A, strict=True)),
        *(_solved(a @ a.mT + added, g.mT).mT for a, g in zip(A, of_B, strict=True)),
    ]


def _solved(matrices: Tensor, right: Tensor) -> Tensor:
    """``M⁻¹ R``, not a number where M is singular: one student must not stop the others."""
    solution, info = torch.linalg.solve_ex(matrices, right)
    return torch.where((info == 0)[:, None, None], solution, torch.nan)


def clipped(gradients: list[Tensor], most: float) -> list[Tensor]:
    """Each student's gradients scaled down to a norm of ``most`` where theirs is larger."""
    squares = torch.stack([inner_products(g, g) for g in gradients]).sum(dim=0)
    norms = squares.sqrt()
    if not bool((norms > most).any()):
        return gradients
    factor = (most / norms).clamp(max=1)[:, None, None]
    return [g * factor for g in gradients]
