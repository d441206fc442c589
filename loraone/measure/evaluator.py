"""A model's losses, evaluation and logits on the fixed rows of a run."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from loraone.inputs.data.batches import BatchSize, Encoded
from loraone.training import evaluation
from loraone.training.scores import Outcome

CHECKED_TEXTS = 8


@dataclass(frozen=True)
class HeldOut:
    """What is read of the held-out batch: its mean loss, and logits of its first few texts."""

    loss: float
    logits: Tensor


@dataclass(frozen=True)
class Untouched:
    """The pretrained model before any initialisation: losses and evaluation, and its logits."""

    values: dict[str, float]
    logits: Tensor


@dataclass(frozen=True)
class Evaluator:
    """Measures models on the same rows: the gradient batch and the held-out batch of ``train``,
    and all of ``evaluation_split``."""

    train: Encoded
    evaluation_split: Encoded
    gradient_rows: Sequence[int]
    held_out_rows: Sequence[int]
    size: BatchSize
    device: torch.device

    def gradient_batch_loss(self, model: Any) -> float:
        """The mean loss on the gradient batch."""
        rows = self.gradient_rows
        return evaluation.evaluate(model, self.train, rows, self.size, self.device).mean_loss

    def held_out(self, model: Any) -> HeldOut:
        """The mean loss on the held-out batch, and the logits of its first few texts: one pass."""
        return HeldOut(
            *evaluation.evaluate_with_logits(
                model, self.train, self.held_out_rows, CHECKED_TEXTS, self.size, self.device
            )
        )

    def evaluation(self, model: Any) -> Outcome:
        """Loss and right answers on the evaluation split."""
        rows = range(len(self.evaluation_split))
        return evaluation.evaluate(model, self.evaluation_split, rows, self.size, self.device)

    def logits(self, model: Any) -> Tensor:
        """Logits of the first few held-out texts."""
        rows = self.held_out_rows[:CHECKED_TEXTS]
        return evaluation.logits(model, self.train, rows, self.size, self.device)
