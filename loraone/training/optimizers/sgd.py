"""Plain gradient descent, on anything that is trained."""

from __future__ import annotations

from typing import TYPE_CHECKING

from loraone.catalog.rows import Optimizer

if TYPE_CHECKING:
    import torch

    from loraone.adapters.interfaces import Trainable
    from loraone.spec.experiment import RunSpec

ROW = Optimizer(
    "sgd",
    "gradient descent",
    "Plain descent, without momentum",
    None,
    build=f"{__name__}:build",
    student="loraone.theory.student_optimizers:sgd",
    place=5,
)


def build(trainable: Trainable, spec: RunSpec) -> torch.optim.Optimizer:
    """torch's own, over all that is trained."""
    import torch

    return torch.optim.SGD(
        trainable.parameters(), lr=spec.learning_rate, weight_decay=spec.training.weight_decay
    )
