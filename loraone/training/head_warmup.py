"""The new head, trained alone before the one-step gradient is taken."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from functools import partial
from typing import Any

import torch
from torch import Tensor

from loraone.errors import TrainingError
from loraone.events import Progress
from loraone.inputs.data.batches import Batch, Encoded, training_rows
from loraone.inputs.models.loss import dtype_of, mean_loss
from loraone.progress import Steps
from loraone.spec.start import StartSpec
from loraone.training.half_precision import Float32Steps


def warm_head(
    model: Any, heads: Sequence[str], data: Encoded, spec: StartSpec, device: torch.device
) -> Steps[None]:
    """Train only the new head for ``gradient.head_warmup_steps`` steps, in eval mode.

    Without it a random head's gradient says little about the task. Raises TrainingError where it
    diverges.
    """
    steps = spec.gradient.head_warmup_steps
    yield Progress("head", 0, steps)
    parameters = [p for name in heads for p in getattr(model, name).parameters()]
    model.eval().requires_grad_(False)
    for parameter in parameters:
        parameter.requires_grad_(True)
    optimizer = torch.optim.AdamW(parameters, lr=spec.gradient.head_learning_rate, weight_decay=0.0)
    descent = Float32Steps(optimizer, parameters, dtype_of(model))
    size = spec.training.batch_size
    assert size is not None  # it is there where there are steps
    batches = training_rows(len(data), size, spec.seed)
    for step in range(1, steps + 1):
        batch = data.batch(next(batches), device)
        norm = descent.backward(partial(_losses, model, batch), math.inf)
        if not math.isfinite(norm):
            rate = spec.gradient.head_learning_rate
            raise TrainingError(
                f"the gradient of the new head is {norm} at step {step} of {steps} of its warm-up "
                f"(learning rate {rate:g})",
                field="gradient.head_learning_rate",
                value=rate,
                hint="lower gradient.head_learning_rate or gradient.head_warmup_steps",
            )
        descent.step()
        yield Progress("head", step, steps)
    model.requires_grad_(False)


def _losses(model: Any, batch: Batch) -> Iterator[Tensor]:
    yield mean_loss(model, batch)
