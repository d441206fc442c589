"""AdamW, on anything that is trained."""

from __future__ import annotations

from typing import TYPE_CHECKING

from loraone.catalog.rows import Optimizer, Paper

if TYPE_CHECKING:
    import torch

    from loraone.adapters.interfaces import Trainable
    from loraone.spec.experiment import RunSpec

ROW = Optimizer(
    "adamw",
    "AdamW",
    "Adam's moments, with decoupled weight decay",
    Paper("Decoupled Weight Decay Regularization", "https://arxiv.org/abs/1711.05101"),
    build=f"{__name__}:build",
    student="loraone.theory.student_optimizers:adamw",
    place=1,
)


def build(trainable: Trainable, spec: RunSpec) -> torch.optim.Optimizer:
    """torch's own, over all that is trained."""
    import torch

    return torch.optim.AdamW(
        trainable.parameters(), lr=spec.learning_rate, weight_decay=spec.training.weight_decay
    )
