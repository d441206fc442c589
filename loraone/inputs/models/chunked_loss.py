"""Cross entropy of a language model whose logits are never held for more than a few positions.

The logits of a batch are positions × vocabulary: 16 texts of 256 tokens are 2 GB in float32 where
the vocabulary has 128 000 words, and cross entropy holds them several times.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor
from torch.nn.functional import cross_entropy
from torch.utils.checkpoint import checkpoint

from loraone.inputs.models.head import Head


def summed_loss(head: Head, hidden: Tensor, labels: Tensor, size: int) -> Tensor:
    """The sum of the cross entropies of ``hidden`` (positions, width), ``size`` at a time.

    Where the head is frozen and nobody watches it, the gradient is taken along with the loss, and
    no logits are computed twice. Otherwise the backward pass computes each chunk again.
    """
    if not torch.is_grad_enabled():
        return _added(_of_chunk(head, *chunk) for chunk in _chunks(hidden, labels, size))
    if head.needs_graph or hidden.dtype == torch.float16:  # whose gradients need their scale
        return _added(
            checkpoint(_of_chunk, head, *chunk, use_reentrant=False)
            for chunk in _chunks(hidden, labels, size)
        )
    total: Tensor = _WithGradient.apply(hidden, head, labels, size)  # type: ignore[no-untyped-call]
    return total


def _chunks(hidden: Tensor, labels: Tensor, size: int) -> Iterator[tuple[Tensor, Tensor]]:
    yield from zip(torch.split(hidden, size), torch.split(labels, size), strict=True)


def _added(losses: Iterator[Tensor]) -> Tensor:
    return torch.stack(list(losses)).sum()


def _of_chunk(head: Head, hidden: Tensor, labels: Tensor) -> Tensor:
    """The sum over one chunk, in float32."""
    return cross_entropy(head.logits(hidden).float(), labels, reduction="sum")


class _WithGradient(torch.autograd.Function):
    """The summed loss, with its gradient in the hidden states taken at once."""

    @staticmethod
    def forward(ctx: Any, hidden: Tensor, head: Head, labels: Tensor, size: int) -> Tensor:
        gradient = torch.empty_like(hidden)
        losses = []
        with torch.enable_grad():
            for (given, of_labels), into in zip(
                _chunks(hidden, labels, size), torch.split(gradient, size), strict=True
            ):
                given = given.detach().requires_grad_()
                loss = _of_chunk(head, given, of_labels)
                into.copy_(torch.autograd.grad(loss, given)[0])
                losses.append(loss.detach())
        ctx.save_for_backward(hidden, gradient)
        ctx.again = head, labels, size
        return torch.stack(losses).sum()

    @staticmethod
    def backward(ctx: Any, *upstream: Tensor) -> tuple[Tensor, None, None, None]:
        hidden, gradient = ctx.saved_tensors
        if torch.is_grad_enabled():  # the gradient is to be differentiated, as a Hessian asks
            head, labels, size = ctx.again
            loss = _added(_of_chunk(head, *chunk) for chunk in _chunks(hidden, labels, size))
            (gradient,) = torch.autograd.grad(loss, hidden, create_graph=True)
        return gradient * upstream[0], None, None, None
