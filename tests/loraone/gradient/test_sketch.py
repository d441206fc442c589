"""A sketch finds the triplets of a gradient that was never formed."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch

from loraone.gradient.exact import one_step_gradient
from loraone.gradient.sketch import sketch
from loraone.inputs.models.targets import TargetLayer
from tests.loraone.gradient.examples import Checkpointed, reproduces, twice
from tests.loraone.gradient.test_exact import CASES, CPU, loaded, texts, texts_of


@pytest.mark.parametrize(("architecture", "task", "targets"), CASES)
@pytest.mark.parametrize("size", [1, 4])
def test_a_sketch_is_as_good_as_the_best_rank_r_part_for_every_split_of_the_batch(
    tiny_models: dict[str, Path], architecture: str, task: str, targets: Any, size: int
) -> None:
    ready = loaded(tiny_models[architecture], task, targets)
    data = texts_of(task, [4, 7, 5, 9])
    exact, _ = one_step_gradient(ready.model, ready.layers, [data.batch(range(4), CPU)])
    batches = list(data.batches(range(4), size, CPU))
    triplets = sketch(ready.model, ready.layers, batches, 3)
    assert triplets.keys() == exact.keys() == {layer.name for layer in ready.layers}
    for name, gradient in exact.items():
        reproduces(triplets[name], gradient, 1e-3)
        torch.testing.assert_close(
            triplets[name].U.T @ triplets[name].U, torch.eye(3), atol=1e-4, rtol=0
        )


def test_a_layer_called_twice_and_a_tied_one_are_right() -> None:
    model, layers, batch = twice()
    exact, _ = one_step_gradient(model, layers, [batch])
    triplets = sketch(model, layers, [batch], 2)
    assert triplets.keys() == exact.keys() == {layer.name for layer in layers}
    for name, gradient in exact.items():
        reproduces(triplets[name], gradient, 1e-4)


@pytest.mark.parametrize("reentrant", [True, False])
def test_checkpointing_changes_nothing_where_blocks_share_no_layer(reentrant: bool) -> None:
    model = Checkpointed(shared=False, reentrant=reentrant)
    layers = (TargetLayer("first", model.first), TargetLayer("second", model.second))
    batch = texts([5, 5], causal=True).batch([0, 1], CPU)
    exact, _ = one_step_gradient(model, layers, [batch])
    triplets = sketch(model, layers, [batch], 2)
    assert triplets.keys() == exact.keys() == {layer.name for layer in layers}
    for name, gradient in exact.items():
        reproduces(triplets[name], gradient, 1e-4)


def test_a_layer_that_several_checkpointed_blocks_use_is_no_obstacle() -> None:
    model = Checkpointed(shared=True, reentrant=True)
    layers = (TargetLayer("shared", model.first),)
    batch = texts([5, 5], causal=True).batch([0, 1], CPU)
    exact, _ = one_step_gradient(model, layers, [batch])
    reproduces(sketch(model, layers, [batch], 2)["shared"], exact["shared"], 1e-4)


def test_an_odd_number_of_passes_is_refused() -> None:
    model, layers, batch = twice()
    with pytest.raises(ValueError, match="passes = 3"):
        sketch(model, layers, [batch], 2, passes=3)
