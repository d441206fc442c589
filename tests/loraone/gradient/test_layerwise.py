"""Triplets of one layer at a time are those of the exact gradient."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch

from loraone.gradient.exact import one_step_gradient
from loraone.gradient.layerwise import CalledAgainError, layerwise
from loraone.inputs.models.targets import TargetLayer
from loraone.linalg.svd import Decomposition, truncated_svd
from tests.loraone.gradient.examples import Checkpointed, reproduces, top, twice
from tests.loraone.gradient.test_exact import CASES, CPU, loaded, texts, texts_of


@pytest.mark.parametrize(("architecture", "task", "targets"), CASES)
def test_layer_by_layer_is_the_decomposition_of_the_exact_gradient(
    tiny_models: dict[str, Path], architecture: str, task: str, targets: Any
) -> None:
    ready = loaded(tiny_models[architecture], task, targets)
    batch = texts_of(task, [4, 7, 5, 9]).batch(range(4), CPU)
    exact, _ = one_step_gradient(ready.model, ready.layers, [batch])
    triplets = layerwise(ready.model, ready.layers, batch, top(3))
    assert triplets.keys() == exact.keys() == {layer.name for layer in ready.layers}
    for name, gradient in exact.items():
        expected = truncated_svd(gradient, 3)
        torch.testing.assert_close(triplets[name].S, expected.S, rtol=1e-4, atol=1e-7)
        reproduces(triplets[name], gradient, 1e-5)


def test_a_layer_called_twice_and_a_tied_one_are_right() -> None:
    model, layers, batch = twice()
    exact, _ = one_step_gradient(model, layers, [batch])
    triplets = layerwise(model, layers, batch, top(2))
    assert triplets.keys() == exact.keys() == {layer.name for layer in layers}
    for name, gradient in exact.items():
        reproduces(triplets[name], gradient, 1e-4)


@pytest.mark.parametrize("reentrant", [True, False])
def test_checkpointing_changes_nothing_where_blocks_share_no_layer(reentrant: bool) -> None:
    model = Checkpointed(shared=False, reentrant=reentrant)
    layers = (TargetLayer("first", model.first), TargetLayer("second", model.second))
    batch = texts([5, 5], causal=True).batch([0, 1], CPU)
    exact, _ = one_step_gradient(model, layers, [batch])
    triplets = layerwise(model, layers, batch, top(2))
    assert triplets.keys() == exact.keys() == {layer.name for layer in layers}
    for name, gradient in exact.items():
        reproduces(triplets[name], gradient, 1e-4)


def test_an_incomplete_gradient_is_refused_rather_than_decomposed() -> None:
    model = Checkpointed(shared=True, reentrant=True)
    layers = (TargetLayer("shared", model.first),)
    batch = texts([5, 5], causal=True).batch([0, 1], CPU)
    with pytest.raises(CalledAgainError, match="several checkpointed blocks"):
        layerwise(model, layers, batch, top(2))


def test_each_gradient_is_handed_on_while_it_exists() -> None:
    model, layers, batch = twice()
    exact, _ = one_step_gradient(model, layers, [batch])
    seen: dict[str, torch.Tensor] = {}

    def look(name: str, G: torch.Tensor) -> Decomposition:
        seen[name] = G.clone()
        return truncated_svd(G, 2)

    layerwise(model, layers, batch, look)
    assert seen.keys() == exact.keys() == {layer.name for layer in layers}
    for name, gradient in exact.items():
        torch.testing.assert_close(seen[name], gradient, rtol=1e-5, atol=1e-7)
