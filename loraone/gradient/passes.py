"""One pass over the gradient batch with taps at the layers."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace

import torch
from torch import nn

from loraone.gradient.finite import check_loss
from loraone.gradient.taps import Consume, frozen, tapping
from loraone.inputs.data.batches import Batch, loss_tokens
from loraone.inputs.models.loss import dtype_of, loss_scale, mean_loss
from loraone.inputs.models.targets import TargetLayer
from loraone.linalg.svd import Decomposition


def backward(
    model: nn.Module, taps: Sequence[tuple[TargetLayer, Consume]], batches: Iterable[Batch]
) -> None:
    """One pass over the batches, weighted by loss tokens, in eval mode."""
    batches = list(batches)
    total = sum(loss_tokens(batch, model) for batch in batches)
    training = model.training
    scale = loss_scale(model)
    with frozen(model), tapping(taps, scale):
        model.eval()
        try:
            for batch in batches:
                loss = mean_loss(model, model(**batch), batch)
                check_loss(loss, dtype_of(model))
                torch.autograd.backward(loss * (loss_tokens(batch, model) / total * scale))
        finally:
            model.train(training)


def on_cpu(top: Decomposition) -> Decomposition:
    """The same triplets on the CPU, where a GPU's memory is not needed for them."""
    return replace(top, U=top.U.cpu(), S=top.S.cpu(), V=top.V.cpu())
