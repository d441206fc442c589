"""The learning rate's course over a run: warm-up, then the schedule."""

from __future__ import annotations

import math

from loraone.spec.training import TrainingSpec


def rate(training: TrainingSpec, step: int) -> float:
    """The factor on the learning rate at a step, counted from 0."""
    if step < training.warmup_steps:
        return (step + 1) / training.warmup_steps
    if training.schedule == "constant":
        return 1.0
    done = min(1.0, (step - training.warmup_steps) / max(1, training.steps - training.warmup_steps))
    return 1 - done if training.schedule == "linear" else 0.5 * (1 + math.cos(math.pi * done))
