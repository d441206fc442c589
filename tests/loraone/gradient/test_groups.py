"""Group by group of layers, the gradient of several micro-batches is the same, with less held."""

from __future__ import annotations

import weakref
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode

from loraone.gradient.computation import GradientComputation
from loraone.gradient.groups import BYTES, groups_of
from loraone.inputs.models.targets import TargetLayer
from loraone.linalg.svd import Decomposition, truncated_svd
from loraone.progress import finish
from loraone.runs.workspace import Workspace
from loraone.spec.experiment import RunSpec
from tests.conftest import tiny_run
from tests.loraone.gradient.examples import top

ROWS = list(range(16))


def spec_of(folder: Path, data: Path, **gradient: Any) -> RunSpec:
    given = {"samples": 16, "micro_batch": 4, "strategy": "layerwise"} | gradient
    return tiny_run(folder, data, "lora_one", gradient=given)


def computation(spec: RunSpec, strategy: str, budget: int = 0) -> GradientComputation:
    workspace = Workspace("cpu")
    finish(workspace.prepare(spec))
    ready = workspace.prepared
    return GradientComputation(
        spec.start, ready.loaded, ready.train, workspace.device, strategy, budget
    )


def size(layers: tuple[TargetLayer, ...]) -> int:
    return sum(BYTES * layer.parameter.numel() for layer in layers)


@pytest.mark.parametrize("architecture", ["bert", "gpt2", "llama", "t5"])
@pytest.mark.parametrize(
    "options",
    [{}, {"checkpointing": True}, {"dropout": True}, {"micro_batch": 16, "dropout": True}],
    ids=str,
)
def test_the_gradient_is_that_of_one_pass_to_the_last_bit(
    architecture: str, options: dict[str, Any], tiny_models: dict[str, Path], texts_csv: Path
) -> None:
    spec = spec_of(tiny_models[architecture], texts_csv, **options)
    whole = computation(spec, "accumulate")
    expected, _ = finish(whole.gradients(ROWS))
    layers = whole.loaded.layers
    for budget in (0, size(layers) // 3, size(layers)):
        seen: dict[str, Tensor] = {}
        part = GradientComputation(
            spec.start, whole.loaded, whole.train, whole.device, "layerwise", budget
        )

        def look(name: str, G: Tensor, seen: dict[str, Tensor] = seen) -> Decomposition:
            seen[name] = G.clone()
            return truncated_svd(G, 3)

        finish(part.triplets(ROWS, 3, look))
        assert list(seen) == [layer.name for layer in layers]
        assert all(seen[name].equal(expected[name]) for name in expected), budget


class Held(TorchDispatchMode):
    """The most bytes of matrices of these shapes that were alive after any operation, beside the
    model's own."""

    def __init__(self, shapes: set[tuple[int, int]], model: torch.nn.Module) -> None:
        super().__init__()
        self.shapes = shapes
        self.own = {each.untyped_storage().data_ptr() for each in model.parameters()}
        self.alive: dict[int, tuple[weakref.ref[Tensor], int]] = {}
        self.most = 0

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        out = func(*args, **(kwargs or {}))
        for each in out if isinstance(out, tuple | list) else (out,):
            if isinstance(each, Tensor) and tuple(each.shape) in self.shapes:
                storage = each.untyped_storage()
                if storage.data_ptr() not in self.own:
                    self.alive[storage.data_ptr()] = weakref.ref(each), storage.nbytes()
        alive = {place: kept for place, kept in self.alive.items() if kept[0]() is not None}
        self.most = max(self.most, sum(size for _, size in alive.values()))
        self.alive = alive
        return out


def test_no_more_is_held_than_the_budget_and_a_layer(
    tiny_models: dict[str, Path], texts_csv: Path
) -> None:
    # Of so many texts no activation has as many rows as a weight.
    spec = spec_of(tiny_models["llama"], texts_csv, samples=10, micro_batch=5)
    whole = computation(spec, "accumulate")
    layers = whole.loaded.layers
    shapes = {(m, n) for layer in layers for m, n in (layer.shape, layer.shape[::-1])}
    largest = max(4 * m * n for m, n in shapes)
    held = {}
    for share in (1, 4):
        budget = size(layers) // share
        part = GradientComputation(
            spec.start, whole.loaded, whole.train, whole.device, "layerwise", budget
        )
        with Held(shapes, whole.loaded.model) as seen:
            finish(part.triplets_by_groups(ROWS[:10], top(3), halves=3))
        held[share] = seen.most
        assert seen.most <= budget + 4 * largest, "two sums of each, and what is made of one layer"
    assert held[4] < held[1] / 2


def test_every_layer_is_in_one_group_and_a_large_one_alone(
    tiny_models: dict[str, Path], texts_csv: Path
) -> None:
    layers = computation(spec_of(tiny_models["llama"], texts_csv), "layerwise").loaded.layers
    assert [len(group) for group in groups_of(layers, 0)] == [1] * len(layers)
    assert groups_of(layers, size(layers)) == [list(layers)]
    for budget in range(0, size(layers), 997):
        groups = groups_of(layers, budget)
        assert [layer for group in groups for layer in group] == list(layers)
        assert all(len(group) == 1 or size(tuple(group)) <= budget for group in groups)


def test_the_halves_agree_as_they_do_when_all_is_held_and_cost_no_pass(
    tiny_models: dict[str, Path], texts_csv: Path
) -> None:
    found = []
    for strategy in ("accumulate", "layerwise"):
        spec = spec_of(tiny_models["llama"], texts_csv, strategy=strategy)
        workspace = Workspace("cpu")
        finish(workspace.prepare(spec))
        finish(workspace.take_gradient(spec))
        finish(workspace.decompose(spec, spec.rank))
        passes = []
        workspace.prepared.loaded.model.register_forward_hook(
            lambda *_, passes=passes: passes.append(torch.is_grad_enabled())
        )
        finish(workspace.measure_split_half_agreement(spec))
        assert passes == []
        found.append(workspace.start.agreements[spec.rank])
    assert found[0] == found[1]


def test_progress_counts_all_passes(tiny_models: dict[str, Path], texts_csv: Path) -> None:
    part = computation(spec_of(tiny_models["llama"], texts_csv), "layerwise", 0)
    layers = len(part.loaded.layers)
    steps = [step for step in part.triplets(ROWS, 3, top(3)) if step.phase == "gradient"]
    assert [step.done for step in steps] == list(range(1, 4 * layers + 1))
    assert {step.total for step in steps} == {4 * layers}
