"""LoRA-FA: lora_A is frozen, and lora_B takes the gradient that comes nearest to the whole one."""

from __future__ import annotations

from typing import TYPE_CHECKING

from loraone.catalog.rows import Optimizer, Paper

if TYPE_CHECKING:
    import torch

    from loraone.adapters.interfaces import Trainable
    from loraone.spec.experiment import RunSpec

ROW = Optimizer(
    "lorafa",
    "LoRA-FA",
    "AdamW with A frozen",
    Paper(
        "LoRA-FA: Memory-Efficient Low-Rank Adaptation for Large Language Models Fine-Tuning",
        "https://arxiv.org/abs/2308.03303",
    ),
    build=f"{__name__}:build",
    needs_factors=True,
    # PEFT's takes DoRA's magnitudes for factors.
    dora=False,
    experts=False,
    place=4,
)


def build(trainable: Trainable, spec: RunSpec) -> torch.optim.Optimizer:
    """PEFT's, which freezes lora_A."""
    from peft.optimizers import create_lorafa_optimizer

    optimizer: torch.optim.Optimizer = create_lorafa_optimizer(
        trainable.model,
        spec.rank,
        spec.adapter.alpha,
        spec.learning_rate,
        weight_decay=spec.training.weight_decay,
    )
    return optimizer
