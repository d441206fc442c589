"""The learning rate's course over a run: warm-up, then the schedule."""

from __future__ import annotations

import math

from loraone.spec.training import TrainingSpec


def rate(plan: TrainingSpec, step: int) -> float:
    """The factor on the learning rate at a step, counted from 0."""
    if step < plan.warmup_steps:
        return (step + 1) / plan.warmup_steps
    if plan.schedule == "constant":
        return 1.0
    done = min(1.0, (step - plan.warmup_steps) / max(1, plan.steps - plan.warmup_steps))
    return 1 - done if plan.schedule == "linear" else 0.5 * (1 + math.cos(math.pi * done))
