"""Models that make a gradient hard to take, and what a good decomposition of one is."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch.utils.checkpoint import checkpoint

from loraone.inputs.data.batches import Batch
from loraone.inputs.models.targets import TargetLayer
from loraone.linalg.svd import Decomposition, truncated_svd
from tests.loraone.gradient.test_exact import CPU, _Twice, texts


def reproduces(top: Decomposition, exact: torch.Tensor, tolerance: float) -> None:
    """The rank-r part is as good as the best one, to ``tolerance`` of the matrix."""
    r = len(top.S)
    best = truncated_svd(exact, r)
    left = (exact - top.U * top.S @ top.V.T).norm()
    least = (exact - best.U * best.S @ best.V.T).norm()
    assert float(left - least) <= tolerance * float(exact.norm())


def twice() -> tuple[Any, tuple[TargetLayer, ...], Batch]:
    model = _Twice()
    layers = (TargetLayer("twice", model.twice), TargetLayer("tied", model.tied))
    return model, layers, texts([5, 5], causal=True).batch([0, 1], CPU)


class Checkpointed(torch.nn.Module):
    """Two checkpointed blocks, each with a layer of its own or both with the same one."""

    def __init__(self, *, shared: bool, reentrant: bool) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.embed = torch.nn.Embedding(20, 8)
        self.first = torch.nn.Linear(8, 8)
        self.second = self.first if shared else torch.nn.Linear(8, 8)
        self.head = torch.nn.Linear(8, 20)
        self.reentrant = reentrant

    def forward(self, input_ids: torch.Tensor, labels: torch.Tensor, **_: Any) -> Any:
        hidden = self.embed(input_ids).requires_grad_()
        for layer in (self.first, self.second):
            hidden = checkpoint(_block, layer, hidden, use_reentrant=self.reentrant)
        logits = self.head(hidden)
        loss = torch.nn.functional.cross_entropy(
            logits[:, :-1].flatten(0, 1), labels[:, 1:].flatten()
        )
        return type("Output", (), {"loss": loss})()


def _block(layer: torch.nn.Module, hidden: torch.Tensor) -> torch.Tensor:
    return torch.tanh(layer(hidden))


def top(count: int) -> Callable[[str, torch.Tensor], Decomposition]:
    """Decomposes what it is handed."""
    return lambda _, gradient: truncated_svd(gradient, count)
