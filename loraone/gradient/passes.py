"""One pass over the gradient batch with taps at the layers, and what each batch counts for."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor, nn

from loraone.errors import DataError, LoraOneError, ModelError
from loraone.gradient.finite import check_loss
from loraone.gradient.taps import Consume, frozen, tapping
from loraone.inputs.data.batches import Batch, loss_tokens
from loraone.inputs.models.loss import dtype_of, loss_scale, mean_loss
from loraone.inputs.models.targets import TargetLayer
from loraone.linalg.svd import Decomposition


def backward(
    model: nn.Module,
    taps: Sequence[tuple[TargetLayer, Consume]],
    batches: Iterable[Batch],
    weights: Sequence[int] | None = None,
) -> None:
    """One pass over the batches, weighted by loss tokens or by ``weights``, in eval mode."""
    batches = list(batches)
    scale = loss_scale(model)
    with frozen(model), tapping(taps, scale), in_mode(model, training=False):
        for batch, share in zip(batches, shares(model, batches, weights), strict=True):
            if share:
                loss = loss_of(model, batch, own=weights is not None)
                torch.autograd.backward(loss * (share * scale))


def shares(
    model: nn.Module, batches: Sequence[Batch], weights: Sequence[int] | None = None
) -> list[float]:
    """Which share of the mean over all loss tokens each batch's own mean has.

    ``weights`` are the numbers of loss tokens where they are known better than by the labels.
    """
    counts = [loss_tokens(batch, model) for batch in batches] if weights is None else weights
    total = sum(counts)
    if total == 0:
        raise DataError(
            "no label of the gradient batch counts for the loss: there are none, or all are -100",
            field="labels",
            value=-100,
            allowed="at least one label that is not -100 and is predicted by a token before it",
        )
    return [count / total for count in counts]


def loss_of(model: nn.Module, batch: Any, *, own: bool) -> Tensor:
    """The model's mean loss: its ``own``, or in 16 bits that which is taken again in float32.

    Raises DataError where the model does not take the batch, ModelError where it gives no loss, and
    NotFiniteError where that is no number.
    """
    loss = _own_loss(model, batch) if own else mean_loss(model, batch)
    check_loss(loss, dtype_of(model))
    if torch.is_grad_enabled() and not loss.requires_grad:
        raise ModelError(
            "the loss depends on none of the target layers",
            field="loss",
            allowed="target layers that the forward pass goes through",
        )
    return loss


def _own_loss(model: nn.Module, batch: Any) -> Tensor:
    """What the model's forward calls its loss."""
    try:
        outputs = model(**batch)
    except LoraOneError:
        raise
    except (TypeError, ValueError, IndexError, KeyError, AttributeError) as error:
        raise DataError(
            f"{type(model).__name__} does not take a batch of {', '.join(batch)}: {error}",
            field="batch",
            value=", ".join(batch),
            allowed="the arguments of the model's forward, as tensors of one length",
        ) from error
    loss = outputs.get("loss") if isinstance(outputs, Mapping) else getattr(outputs, "loss", None)
    if loss is None and isinstance(outputs, tuple) and outputs:
        loss = outputs[0]  # with return_dict=False
    if not isinstance(loss, Tensor) or loss.numel() != 1 or not loss.is_floating_point():
        keys = ", ".join(batch)
        raise ModelError(
            f"{type(model).__name__} gives no loss for a batch with {keys}",
            field="loss",
            value=None if loss is None else type(loss).__name__,
            allowed="outputs with .loss, one number",
            hint="give the batches labels; a model without a loss of its own can be started with "
            "preprocess_lora_one, whose train_step computes it",
        )
    return loss.reshape(())


@contextmanager
def in_mode(model: nn.Module, *, training: bool) -> Iterator[None]:
    """All modules in ``train()`` or ``eval()`` mode; afterwards each is in its own again."""
    modes = {module: module.training for module in model.modules()}
    model.train(training)
    try:
        yield
    finally:
        for module, mode in modes.items():
            module.training = mode


def on_cpu(top: Decomposition) -> Decomposition:
    """The same triplets on the CPU, where a GPU's memory is not needed for them."""
    return replace(top, U=top.U.cpu(), S=top.S.cpu(), V=top.V.cpu())
