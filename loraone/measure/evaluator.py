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
class Evaluator:
    """Measures models on the same rows: the gradient batch and the held-out batch of ``train``,
    and all of ``evaluation_split``."""

    train: Encoded
    evaluation_split: Encoded
    gradient_rows: Sequence[int]
    held_out_rows: Sequence[int]
    size: BatchSize
    device: torch.device

    def losses(self, model: Any) -> dict[str, float]:
        """The mean loss on the gradient batch and on the held-out batch."""
        return {
            "gradient_batch_loss": self._loss(model, self.gradient_rows),
            "held_out_loss": self._loss(model, self.held_out_rows),
        }

    def held_out_loss(self, model: Any) -> float:
        """The mean loss on the held-out batch alone."""
        return self._loss(model, self.held_out_rows)

    def evaluation(self, model: Any) -> Outcome:
        """Loss and right answers on the evaluation split."""
        rows = range(len(self.evaluation_split))
        return evaluation.evaluate(model, self.evaluation_split, rows, self.size, self.device)

    def logits(self, model: Any) -> Tensor:
        """Logits of the first few held-out texts."""
        rows = self.held_out_rows[:CHECKED_TEXTS]
        return evaluation.logits(model, self.train, rows, self.device)

    def _loss(self, model: Any, rows: Sequence[int]) -> float:
        train = self.train
        return evaluation.evaluate(model, train, rows, self.size, self.device).mean_loss
