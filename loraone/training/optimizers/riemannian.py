"""The preconditioner of LoRA-One's second half, before AdamW or before plain descent.

``g_A ← (BᵀB + λI)⁻¹ g_A`` and ``g_B ← g_B (AAᵀ + λI)⁻¹``, λ being ``training.riemannian_damping``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from loraone.catalog.rows import Optimizer, Paper

if TYPE_CHECKING:
    import torch

    from loraone.adapters.interfaces import Trainable
    from loraone.spec.experiment import RunSpec

_PAPER = Paper(
    "Riemannian Preconditioned LoRA for Fine-Tuning Foundation Models",
    "https://arxiv.org/abs/2402.02347",
)

ROWS = (
    Optimizer(
        "riemannian",
        "preconditioned",
        "AdamW on preconditioned gradients, as in LoRA-One",
        _PAPER,
        build=f"{__name__}:build",
        student="loraone.theory.student_optimizers:riemannian",
        needs_factors=True,
        experts=False,
        place=3,
    ),
    Optimizer(
        "riemannian-sgd",
        "preconditioned descent",
        "Plain descent on preconditioned gradients, without Adam",
        _PAPER,
        build=f"{__name__}:build_descent",
        student="loraone.theory.student_optimizers:riemannian_sgd",
        needs_factors=True,
        experts=False,
        place=6,
    ),
)


def build(trainable: Trainable, spec: RunSpec) -> torch.optim.Optimizer:
    """PEFT's, around AdamW."""
    import torch

    return _preconditioned(trainable, spec, torch.optim.AdamW)


def build_descent(trainable: Trainable, spec: RunSpec) -> torch.optim.Optimizer:
    """PEFT's, around plain descent."""
    import torch

    return _preconditioned(trainable, spec, torch.optim.SGD)


def _preconditioned(
    trainable: Trainable, spec: RunSpec, inner: type[torch.optim.Optimizer]
) -> torch.optim.Optimizer:
    from peft.optimizers import create_riemannian_optimizer

    optimizer: torch.optim.Optimizer = create_riemannian_optimizer(
        trainable.model,
        inner,
        lr=spec.learning_rate,
        reg=spec.training.riemannian_damping,
        weight_decay=spec.training.weight_decay,
    )
    return optimizer
