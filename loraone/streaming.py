"""Top singular triplets of the one-step gradient without ever holding all gradients.

Two ways beside the exact sums of :mod:`loraone.gradients`:

- **immediate**: where the gradient batch fits into one backward pass, each layer's G is decomposed
  in its own backward hook and freed. Exact; at most one G exists at a time.
- **sketch**: no G is formed at all. ``G·Ω = δᵀ(xΩ)`` and ``Gᵀ·Q = xᵀ(δQ)`` are summed from layer
  inputs x and output gradients δ over all micro-batches; alternating them is subspace iteration
  from both sides, one pass over the data each. Memory (m+n)·k per layer. A single pass would be far
  too inaccurate (measured: sin 0.85 to the true subspace, one-pass sketch of Tropp et al. 2019).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

import torch
from torch import Tensor, nn

from loraone.batches import Batch, loss_tokens
from loraone.decompose import Decomposition, signed, truncated_svd
from loraone.errors import LoraOneError
from loraone.gradients import Consume, frozen, outer, tapping
from loraone.models import TargetLayer

SKETCH_OVERSAMPLING = 16
SKETCH_PASSES = 4


class CalledAgainError(LoraOneError):
    """A layer received gradient after it was decomposed: it is used in several places."""

    code = "layer-used-twice"


def immediate(
    model: nn.Module,
    layers: Sequence[TargetLayer],
    batch: Batch,
    r: int,
    *,
    seed: int = 0,
    look: Callable[[str, Tensor], None] | None = None,
) -> dict[str, Decomposition]:
    """Decompose each layer's G in its backward hook, in eval mode.

    ``look(name, G)`` is shown each G while it exists.

    Calls of a layer within one forward pass are summed before they are decomposed. With gradient
    checkpointing calls come back one block at a time, so that a layer used in several blocks
    cannot be seen to be complete: CalledAgainError says so, and ``accumulate`` is the way.
    """
    found: dict[str, Decomposition] = {}
    open_calls: dict[str, int] = {}
    partial: dict[str, Tensor] = {}

    def consumer(name: str) -> Consume:
        def consume(x: Tensor, delta: Tensor) -> None:
            if name in found:
                raise CalledAgainError(
                    f"layer {name} is used in several checkpointed blocks: its gradient is not "
                    "complete when the first one is done",
                    hint="take the way 'accumulate', which sums over all calls",
                )
            gradient = outer(delta, x)
            if name in partial:
                gradient += partial.pop(name)
            open_calls[name] -= 1
            if open_calls[name]:
                partial[name] = gradient
            else:
                if look is not None:
                    look(name, gradient)
                found[name] = _on_cpu(truncated_svd(gradient, r, seed=seed))

        return consume

    def count(layer: TargetLayer) -> None:
        def called(*_: object) -> None:
            if not torch.is_grad_enabled():
                return  # reentrant checkpointing calls again, with gradients, in the backward pass
            waiting = open_calls.get(layer.name, 0)
            if waiting and _in_backward():
                return  # non-reentrant checkpointing recomputes a call that is counted already
            open_calls[layer.name] = waiting + 1

        counters.append(layer.module.register_forward_hook(called))

    counters: list[torch.utils.hooks.RemovableHandle] = []
    taps = [(layer, consumer(layer.name)) for layer in layers]
    for layer in layers:
        count(layer)
    try:
        _backward(model, taps, [batch])
    finally:
        for handle in counters:
            handle.remove()
    for layer in layers:
        if layer.name not in found:  # the forward pass did not come by
            found[layer.name] = truncated_svd(torch.zeros(layer.shape), r)
    return found


def sketch(
    model: nn.Module,
    layers: Sequence[TargetLayer],
    batches: Sequence[Batch],
    r: int,
    *,
    seed: int = 0,
    passes: int = SKETCH_PASSES,
) -> dict[str, Decomposition]:
    """Two-sided subspace iteration over ``passes`` (2, 4, …) passes over the data, in eval mode.

    The width is r + 16, clamped to min(m, n). ``frobenius`` and ``error`` of the results are NaN:
    what the sketch leaves out was never seen.
    """
    if passes < 2 or passes % 2:
        raise ValueError(f"passes = {passes}; allowed: an even number from 2 on")
    draw = torch.Generator().manual_seed(seed)
    # One side's bases and the other side's sums are all that is held: (m+n)·k per layer.
    bases = {
        layer.name: torch.linalg.qr(torch.randn(layer.shape[1], _width(layer, r), generator=draw))[
            0
        ].to(layer.parameter.device)
        for layer in layers
    }
    for step in range(passes - 1):
        bases = _orthonormal(_products(model, layers, batches, bases, transposed=step % 2 == 1))
    rows = _products(model, layers, batches, bases, transposed=True)  # Gᵀ Q
    found = {}
    for layer in layers:
        V, S, Uh = torch.linalg.svd(rows.pop(layer.name).double(), full_matrices=False)
        U = bases.pop(layer.name) @ Uh[:r].T.float()
        gap = float(S[r] / S[r - 1]) if len(S) > r and S[r - 1] > 0 else None
        top = signed(U, S[:r].float(), V[:, :r].float(), float("nan"), float("nan"), gap)
        found[layer.name] = _on_cpu(top)
    return found


def _in_backward() -> bool:
    return bool(torch._C._current_graph_task_id() != -1)


def _width(layer: TargetLayer, r: int) -> int:
    return min(r + SKETCH_OVERSAMPLING, *layer.shape)


def _orthonormal(factors: dict[str, Tensor]) -> dict[str, Tensor]:
    """Orthonormal bases of the columns; each factor is freed when its basis is there."""
    return {name: torch.linalg.qr(factors.pop(name))[0] for name in list(factors)}


def _products(
    model: nn.Module,
    layers: Sequence[TargetLayer],
    batches: Sequence[Batch],
    bases: dict[str, Tensor],
    transposed: bool,
) -> dict[str, Tensor]:
    """``G·P`` of each layer, or ``Gᵀ·P``, summed over the batches and never forming G."""
    sums = {
        layer.name: torch.zeros(
            layer.shape[1 if transposed else 0],
            bases[layer.name].shape[1],
            device=bases[layer.name].device,
        )
        for layer in layers
    }

    def consumer(name: str) -> Consume:
        def consume(x: Tensor, delta: Tensor) -> None:
            near, far = (delta, x) if transposed else (x, delta)
            sums[name].add_(far.T @ (near @ bases[name]))

        return consume

    _backward(model, [(layer, consumer(layer.name)) for layer in layers], batches)
    return sums


def _backward(
    model: nn.Module, taps: Sequence[tuple[TargetLayer, Consume]], batches: Iterable[Batch]
) -> None:
    """One pass over the batches, weighted by loss tokens, in eval mode."""
    batches = list(batches)
    total = sum(loss_tokens(batch, model) for batch in batches)
    training = model.training
    with frozen(model), tapping(taps):
        model.eval()
        try:
            for batch in batches:
                (model(**batch).loss * (loss_tokens(batch, model) / total)).backward()
        finally:
            model.train(training)


def _on_cpu(found: Decomposition) -> Decomposition:
    return Decomposition(
        found.U.cpu(), found.S.cpu(), found.V.cpu(), found.frobenius, found.error, found.gap
    )
