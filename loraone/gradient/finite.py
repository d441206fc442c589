"""Refusals of a model that has no gradient to begin with, before anything is trained."""

from __future__ import annotations

import torch
from torch import Tensor

from loraone.errors import TrainingError

_HINT = "use bfloat16 or float32 instead of float16, and check the weights"


def check_loss(loss: Tensor, dtype: torch.dtype) -> None:
    """Raise TrainingError where the loss on texts of the gradient batch is not a finite number."""
    if not loss.isfinite():
        raise TrainingError(
            f"the untouched model's loss on the gradient batch is {loss.item()}",
            field="model.dtype",
            value=_named(dtype),
            hint=_HINT,
        )


def check_gradient(name: str, gradient: Tensor, dtype: torch.dtype | str) -> None:
    """Raise TrainingError where the gradient of layer ``name``, or a part of it, is not finite."""
    if not gradient.isfinite().all():
        raise TrainingError(
            f"the one-step gradient of layer {name} is not finite",
            field="model.dtype",
            value=_named(dtype),
            hint=_HINT,
        )


def _named(dtype: torch.dtype | str) -> str:
    return str(dtype).removeprefix("torch.")
