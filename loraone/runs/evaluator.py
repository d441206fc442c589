"""One run's model, measured on its fixed rows."""

from __future__ import annotations

from typing import Any

import torch

from loraone.events import Finished
from loraone.runs.workspace import Workspace
from loraone.spec.experiment import RunSpec
from loraone.training import loop

CHECKED_TEXTS = 8


class Evaluator:
    """Measures one run's model on its fixed rows, and remembers the last values for the summary."""

    def __init__(self, spec: RunSpec, workspace: Workspace) -> None:
        self._spec = spec
        self._workspace = workspace
        self.summary: dict[str, float | None] = {}

    def losses(self, model: Any) -> dict[str, float]:
        """The mean loss on the gradient batch and on the held-out batch."""
        start = self._workspace.start
        return {
            "gradient_batch_loss": self._loss(model, start.gradient_rows),
            "held_out_loss": self._loss(model, start.held_out_rows),
        }

    def untouched(self, model: Any) -> dict[str, float]:
        """Losses and evaluation of the model before any initialisation; the same for all runs of
        a starting point, so they are taken once."""
        start, ready = self._workspace.start, self._workspace.prepared
        if not start.untouched:
            rows = range(len(ready.evaluation))
            evaluated = loop.evaluate(
                model, ready.evaluation, rows, self._spec, self._workspace.device
            )
            start.untouched = self.losses(model) | evaluated
        return start.untouched

    def held_out_loss(self, model: Any) -> float:
        """The mean loss on the held-out batch alone."""
        return self._loss(model, self._workspace.start.held_out_rows)

    def _loss(self, model: Any, rows: list[int]) -> float:
        train, device = self._workspace.prepared.train, self._workspace.device
        return loop.evaluate(model, train, rows, self._spec, device)["eval_loss"]

    def logits(self, model: Any) -> torch.Tensor:
        """Logits of the first few held-out texts."""
        rows = self._workspace.start.held_out_rows[:CHECKED_TEXTS]
        ready = self._workspace.prepared
        return loop.logits(model, ready.train, rows, self._workspace.device)

    def finished(self) -> Finished:
        """The event that ends the run."""
        return Finished(self.summary)
