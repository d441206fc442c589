"""The one-step full fine-tuning gradient G of the target layers, exactly.

G = ∂L/∂W with L the mean loss over the gradient batch. It is taken at the module, not at the
parameter (but for experts): with layer input x and output gradient δ, ``G = Σ δᵀ x`` over all calls
of the layer. So a tied weight gets the layer's own share only, a layer called twice gets the sum,
and weights in bfloat16 still get a float32 gradient; an expert's is rounded as its parameter is.
Micro-batches are weighted by their number of loss tokens, so G does not depend on how the batch is
split."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager

import torch
from torch import Tensor, nn

from loraone.events import Progress
from loraone.gradient.halves import Halves
from loraone.gradient.passes import in_mode, loss_of, shares
from loraone.gradient.taps import Consume, Share, frozen, tapping
from loraone.inputs.data.batches import Batch
from loraone.inputs.models.loss import loss_scale
from loraone.inputs.models.targets import TargetLayer
from loraone.progress import Steps, finish


def one_step_gradient(
    model: nn.Module,
    layers: Sequence[TargetLayer],
    batches: Iterable[Batch],
    *,
    dropout: bool = False,
    weights: Sequence[int] | None = None,
) -> tuple[dict[str, Tensor], float]:
    """G of each layer, shape (out, in), float32 on the CPU, and the mean loss.

    Args:
        model: gives ``.loss``, the mean over the batch's loss tokens.
        layers: whose gradient is taken; no parameter's ``.grad`` is touched.
        batches: the gradient batch in micro-batches.
        dropout: take it in ``train()`` mode as the official code does.
        weights: how many loss tokens each batch has, where the labels do not say so.

    Source: arXiv 2502.01235, Algorithm 1, line 1.
    """
    return finish(gradient_steps(model, layers, batches, dropout=dropout, weights=weights))


def gradient_steps(
    model: nn.Module,
    layers: Sequence[TargetLayer],
    batches: Iterable[Batch],
    *,
    dropout: bool = False,
    weights: Sequence[int] | None = None,
    halves: Halves | None = None,
) -> Steps[tuple[dict[str, Tensor], float]]:
    """:func:`one_step_gradient`, a micro-batch a step; ``halves`` look on."""
    batches = list(batches)
    loss_sum = 0.0
    scale = loss_scale(model)
    collected = collecting(layers, scale, halves)
    with frozen(model), collected as sums, in_mode(model, training=dropout):
        for done, (batch, share) in enumerate(
            zip(batches, shares(model, batches, weights), strict=True), 1
        ):
            if share:
                loss = loss_of(model, batch, own=weights is not None)
                torch.autograd.backward(loss * (share * scale))
                loss_sum += float(loss.detach()) * share
            if halves is not None:
                halves.so_far(done, sums)
            yield Progress("gradient", done, len(batches))
    if halves is not None:
        halves.add_second(sums)
    return sums, loss_sum


@contextmanager
def collecting(
    layers: Sequence[TargetLayer], scale: float = 1.0, halves: Halves | None = None
) -> Iterator[dict[str, Tensor]]:
    """While the context lasts, every backward pass adds ``Σ δᵀ x`` of each layer to its sum.

    Sums are float32 on the CPU, (out, in); whoever calls ``backward`` weights the losses, and
    multiplies them by ``scale``.
    """
    sums = {layer.name: torch.zeros(layer.shape) for layer in layers}
    taps = [(layer, _adder(layer.name, sums, halves)) for layer in layers]
    with tapping(taps, scale):
        yield sums


def _adder(name: str, sums: Mapping[str, Tensor], halves: Halves | None) -> Consume:
    def add(share: Share) -> None:
        second = None if halves is None else halves.second(name)
        share.add_to(sums[name] if second is None else second)

    return add
