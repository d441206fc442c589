"""Refusals of a model that has no gradient to begin with, before anything is trained."""

from __future__ import annotations

import math
from collections.abc import Mapping

import torch
from torch import Tensor

from loraone.errors import TrainingError

_ALLOWED = "bfloat16 or float32, with finite weights and inputs, and labels that count"
_HINT = "use bfloat16 or float32 instead of float16, and check the weights"


class NotFiniteError(TrainingError, ValueError):
    """What a model gives on its first texts is NaN or infinite: the model or they are at fault."""


def check_loss(loss: Tensor, dtype: torch.dtype) -> None:
    """Raise NotFiniteError where the loss on texts of the gradient batch is not a finite number."""
    what = "loss on the gradient batch, so that there is no one-step gradient,"
    check_untouched({what: loss.item()}, dtype)


def check_untouched(values: Mapping[str, float], dtype: torch.dtype | str) -> None:
    """Raise NotFiniteError where something measured of the untouched model is not finite."""
    for name, value in values.items():
        if not math.isfinite(value):
            raise NotFiniteError(
                f"the untouched model's {name} is {value}",
                field="model.dtype",
                value=_named(dtype),
                allowed=_ALLOWED,
                hint=_HINT,
            )


def check_gradient(name: str, gradient: Tensor, dtype: torch.dtype | str) -> None:
    """Raise NotFiniteError where the gradient of layer ``name``, or a part of it, is not finite."""
    # In one pass that writes nothing: a tenth of the time of ``isfinite().all()``.
    if gradient.numel() and not torch.stack(torch.aminmax(gradient)).isfinite().all():
        raise NotFiniteError(
            f"the one-step gradient of layer {name} is not finite",
            field="model.dtype",
            value=_named(dtype),
            allowed=_ALLOWED,
            hint=_HINT,
        )


def _named(dtype: torch.dtype | str) -> str:
    return str(dtype).removeprefix("torch.")
