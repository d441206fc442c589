"""Top singular triplets of the one-step gradient, one layer at a time.

Where the gradient batch fits into one backward pass, each layer's G is decomposed in its own
backward hook and freed. Exact; at most one G exists at a time, and of experts, which share a
parameter, that parameter's gradient beside it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from torch import Tensor, nn

from loraone.errors import ModelError
from loraone.gradient.passes import backward, on_cpu
from loraone.gradient.taps import Consume, Share
from loraone.inputs.data.batches import Batch
from loraone.inputs.models.targets import TargetLayer
from loraone.linalg.svd import Decomposition


class CalledAgainError(ModelError):
    """A layer received gradient after it was decomposed: it is used in several places."""

    code = "layer-used-twice"


def layerwise(
    model: nn.Module,
    layers: Sequence[TargetLayer],
    batch: Batch,
    decompose: Callable[[str, Tensor], Decomposition],
    *,
    weights: Sequence[int] | None = None,
) -> dict[str, Decomposition]:
    """Decompose each layer's G in its backward hook, in eval mode.

    ``decompose(name, G)`` is called with each G in the only moment in which it exists.
    ``weights`` is the number of loss tokens, where the labels do not say so.

    Calls of a layer within one forward pass are summed before they are decomposed. With gradient
    checkpointing calls come back one block at a time, so that a layer used in several blocks
    cannot be seen to be complete: CalledAgainError says so, and ``accumulate`` is the way.
    """
    triplets: dict[str, Decomposition] = {}
    open_calls: dict[str, int] = {}
    partial: dict[str, Tensor] = {}

    def consumer(name: str) -> Consume:
        def consume(share: Share) -> None:
            if name in triplets:
                raise CalledAgainError(
                    f"layer {name} is used in several checkpointed blocks: its gradient is not "
                    "complete when the first one is done",
                    hint="take the way 'accumulate', which sums over all calls",
                )
            gradient = share.whole()
            if name in partial:
                gradient += partial.pop(name)
            # Nobody calls an expert: its gradient comes whole.
            open_calls[name] = open_calls.get(name, 1) - 1
            if open_calls[name]:
                partial[name] = gradient
            else:
                triplets[name] = on_cpu(decompose(name, gradient))

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
        if layer.expert is None:
            count(layer)
    try:
        backward(model, taps, [batch], weights)
    finally:
        for handle in counters:
            handle.remove()
    for layer in layers:
        if layer.name not in triplets:  # the forward pass did not come by
            triplets[layer.name] = decompose(layer.name, torch.zeros(layer.shape))
    return triplets


def _in_backward() -> bool:
    return bool(torch._C._current_graph_task_id() != -1)
