"""LoRA+: AdamW with a larger learning rate for lora_B than for lora_A."""

from __future__ import annotations

from typing import TYPE_CHECKING

from loraone.catalog.rows import Optimizer, Paper

if TYPE_CHECKING:
    import torch

    from loraone.adapters.interfaces import Trainable
    from loraone.spec.experiment import RunSpec

ROW = Optimizer(
    "loraplus",
    "LoRA+",
    "AdamW where B learns faster than A",
    Paper(
        "LoRA+: Efficient Low Rank Adaptation of Large Models", "https://arxiv.org/abs/2402.12354"
    ),
    build=f"{__name__}:build",
    student="loraone.theory.student_optimizers:loraplus",
    needs_factors=True,
    place=2,
)


def build(trainable: Trainable, spec: RunSpec) -> torch.optim.Optimizer:
    """PEFT's, with ``training.loraplus_ratio`` as the rate of B over that of A."""
    import torch
    from peft.optimizers import create_loraplus_optimizer

    optimizer: torch.optim.Optimizer = create_loraplus_optimizer(
        trainable.model,
        torch.optim.AdamW,
        lr=spec.learning_rate,
        loraplus_lr_ratio=spec.training.loraplus_ratio,
        loraplus_weight_decay=spec.training.weight_decay,
    )
    return optimizer
