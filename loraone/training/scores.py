"""What an evaluation is worth in the metric of its task: the rows of the metrics name these."""

from __future__ import annotations

import math
from dataclasses import dataclass

from loraone.catalog import METRICS, TASKS, resolve


@dataclass(frozen=True)
class Outcome:
    """Of an evaluation: the mean loss in nats, how many were right, and of how many.

    Tokens are not counted as right or wrong: there ``right`` is 0.
    """

    mean_loss: float
    right: int
    count: int


def scored(outcome: Outcome, task: str) -> dict[str, float]:
    """``eval_loss``, and the task's own metric under its name."""
    metric = METRICS[TASKS[task].metric]
    return {"eval_loss": outcome.mean_loss, metric.name: resolve(metric.score)(outcome)}


def accuracy(outcome: Outcome) -> float:
    """The share that was right, 0 to 1."""
    return outcome.right / outcome.count


def perplexity(outcome: Outcome) -> float:
    """exp of the mean loss; of at most e⁷⁰⁰, which a float still holds."""
    return math.exp(min(outcome.mean_loss, 700.0))
