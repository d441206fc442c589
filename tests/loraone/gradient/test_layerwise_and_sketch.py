"""Gradient subspaces without holding gradients agree with the exact ones."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from torch.utils.checkpoint import checkpoint

from loraone.data.batches import Batch
from loraone.gradient.exact import one_step_gradient
from loraone.gradient.layerwise import CalledAgainError, immediate
from loraone.gradient.sketch import sketch
from loraone.linalg.svd import Decomposition, truncated_svd
from loraone.models.targets import TargetLayer
from tests.loraone.gradient.test_exact import CASES, CPU, _Twice, loaded, texts, texts_of


def reproduces(found: Decomposition, exact: torch.Tensor, tolerance: float) -> None:
    """The rank-r part is as good as the best one, to ``tolerance`` of the matrix."""
    r = len(found.S)
    best = truncated_svd(exact, r)
    left = (exact - found.U * found.S @ found.V.T).norm()
    least = (exact - best.U * best.S @ best.V.T).norm()
    assert float(left - least) <= tolerance * float(exact.norm())


@pytest.mark.parametrize(("architecture", "task", "targets"), CASES)
def test_immediate_is_the_decomposition_of_the_exact_gradient(
    tiny_models: dict[str, Path], architecture: str, task: str, targets: Any
) -> None:
    ready = loaded(tiny_models[architecture], task, targets)
    batch = texts_of(task, [4, 7, 5, 9]).batch(range(4), CPU)
    exact, _ = one_step_gradient(ready.model, ready.layers, [batch])
    found = immediate(ready.model, ready.layers, batch, 3)
    for name, gradient in exact.items():
        expected = truncated_svd(gradient, 3)
        torch.testing.assert_close(found[name].S, expected.S, rtol=1e-4, atol=1e-7)
        reproduces(found[name], gradient, 1e-5)


@pytest.mark.parametrize(("architecture", "task", "targets"), CASES)
@pytest.mark.parametrize("size", [1, 4])
def test_a_sketch_is_as_good_as_the_best_rank_r_part_for_every_split_of_the_batch(
    tiny_models: dict[str, Path], architecture: str, task: str, targets: Any, size: int
) -> None:
    ready = loaded(tiny_models[architecture], task, targets)
    data = texts_of(task, [4, 7, 5, 9])
    exact, _ = one_step_gradient(ready.model, ready.layers, [data.batch(range(4), CPU)])
    batches = list(data.batches(range(4), size, CPU))
    found = sketch(ready.model, ready.layers, batches, 3)
    for name, gradient in exact.items():
        reproduces(found[name], gradient, 1e-3)
        torch.testing.assert_close(found[name].U.T @ found[name].U, torch.eye(3), atol=1e-4, rtol=0)


def twice() -> tuple[Any, tuple[TargetLayer, ...], Batch]:
    model = _Twice()
    layers = (TargetLayer("twice", model.twice), TargetLayer("tied", model.tied))
    return model, layers, texts([5, 5], causal=True).batch([0, 1], CPU)


def test_a_layer_called_twice_and_a_tied_one_are_right_in_both_ways() -> None:
    model, layers, batch = twice()
    exact, _ = one_step_gradient(model, layers, [batch])
    for found in (immediate(model, layers, batch, 2), sketch(model, layers, [batch], 2)):
        for name, gradient in exact.items():
            reproduces(found[name], gradient, 1e-4)


class _Checkpointed(torch.nn.Module):
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


@pytest.mark.parametrize("reentrant", [True, False])
def test_checkpointing_changes_nothing_where_blocks_share_no_layer(reentrant: bool) -> None:
    model = _Checkpointed(shared=False, reentrant=reentrant)
    layers = (TargetLayer("first", model.first), TargetLayer("second", model.second))
    batch = texts([5, 5], causal=True).batch([0, 1], CPU)
    exact, _ = one_step_gradient(model, layers, [batch])
    for found in (immediate(model, layers, batch, 2), sketch(model, layers, [batch], 2)):
        for name, gradient in exact.items():
            reproduces(found[name], gradient, 1e-4)


def test_an_incomplete_gradient_is_refused_rather_than_decomposed() -> None:
    model = _Checkpointed(shared=True, reentrant=True)
    layers = (TargetLayer("shared", model.first),)
    batch = texts([5, 5], causal=True).batch([0, 1], CPU)
    with pytest.raises(CalledAgainError, match="several checkpointed blocks"):
        immediate(model, layers, batch, 2)
    exact, _ = one_step_gradient(model, layers, [batch])
    reproduces(sketch(model, layers, [batch], 2)["shared"], exact["shared"], 1e-4)


def test_an_odd_number_of_passes_is_refused() -> None:
    model, layers, batch = twice()
    with pytest.raises(ValueError, match="passes = 3"):
        sketch(model, layers, [batch], 2, passes=3)
