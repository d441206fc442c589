"""A run on a pretrained model whose first step, or next step after a checkpoint, is to come."""

from __future__ import annotations

from dataclasses import dataclass

from loraone.adapters.interfaces import Trainable
from loraone.events import InitReport, Metric, Number
from loraone.training.course import Course


@dataclass(frozen=True)
class Begun:
    """The model with the initialisation in it, how many ``parameters`` are trained, and the report
    of the initialisation; where it goes on, the training so far with its last metric."""

    trainable: Trainable
    parameters: int
    report: InitReport
    course: Course | None = None
    last: Metric | None = None

    def summary(self, last: Metric, memory: float) -> dict[str, Number | None]:
        """The run's final numbers, as they are compared with those of other runs."""
        return {
            "held_out_loss_before": self.report.scalars["held_out_loss_before"],
            "held_out_loss_after": self.report.scalars["held_out_loss_after"],
            "gamma": self.report.chosen.get("gamma"),
            "trained_parameters": self.parameters,
            **{name: value for name, value in last.values.items() if name != "learning_rate"},
            "train_seconds": last.seconds,
            "tokens": float(last.tokens),
            "memory_bytes": memory,
        }
