"""How far the halves of the gradient batch agree is known from the pass that takes the gradient."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch

from loraone.gradient.computation import GradientComputation
from loraone.gradient.exact import one_step_gradient
from loraone.linalg.subspaces import agreement
from loraone.linalg.svd import truncated_svd
from loraone.progress import finish
from loraone.runs.workspace import Workspace
from loraone.spec.experiment import RunSpec
from tests.conftest import tiny_run

RANK = 4


def spec_of(folder: Path, data: Path, **gradient: Any) -> RunSpec:
    return tiny_run(folder, data, "lora_one", gradient={"samples": 16, "micro_batch": 8} | gradient)


def texts_computed(workspace: Workspace, monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """How many texts each forward pass with a gradient has, from here on."""
    sizes: list[int] = []

    def called(module: Any, args: Any, kwargs: Any, output: Any) -> None:
        if torch.is_grad_enabled():
            sizes.append(len(kwargs["input_ids"]))

    workspace.prepared.loaded.model.register_forward_hook(called, with_kwargs=True)
    return sizes


@pytest.mark.parametrize(
    ("gradient", "passes"),
    [
        ({}, [8, 8]),
        ({"micro_batch": 16}, [8, 8]),
        ({"micro_batch": 3}, [3, 3, 2, 3, 3, 2]),
        ({"samples": 7}, [3, 4]),
    ],
    ids=str,
)
def test_one_pass_gives_the_gradient_and_both_halves(
    gradient: dict[str, Any],
    passes: list[int],
    tiny_models: dict[str, Path],
    texts_csv: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    spec = spec_of(tiny_models["llama"], texts_csv, **gradient)
    workspace = Workspace("cpu")
    finish(workspace.prepare(spec))
    sizes = texts_computed(workspace, monkeypatch)
    finish(workspace.take_gradient(spec))
    finish(workspace.measure_split_half_agreement(spec))
    assert sizes == passes
    assert not workspace.start.halves, "they are let go when they were compared"


def test_what_is_told_of_the_halves_is_what_each_alone_gives(
    tiny_models: dict[str, Path], texts_csv: Path
) -> None:
    spec = spec_of(tiny_models["llama"], texts_csv)
    workspace = Workspace("cpu")
    for steps in (workspace.prepare, workspace.take_gradient):
        finish(steps(spec))
    finish(workspace.measure_split_half_agreement(spec))
    ready, rows = workspace.prepared, workspace.start.gradient_rows
    halves = [
        one_step_gradient(
            ready.loaded.model, ready.loaded.layers, ready.train.batches(half, 8, workspace.device)
        )[0]
        for half in (rows[:8], rows[8:])
    ]
    for name, found in workspace.start.agreements[RANK].items():
        alone = agreement(*(truncated_svd(half[name], RANK) for half in halves))
        assert (found.left, found.right) == pytest.approx((alone.left, alone.right), abs=1e-5)


def test_a_half_whose_gradient_is_small_beside_the_others_is_not_rounding(
    tiny_models: dict[str, Path], texts_csv: Path
) -> None:
    spec = spec_of(tiny_models["llama"], texts_csv)
    workspace = Workspace("cpu")
    finish(workspace.prepare(spec))
    ready = workspace.prepared
    computation = GradientComputation(
        spec.start, ready.loaded, ready.train, workspace.device, "accumulate"
    )
    looking = computation.halves([0, 1], RANK)
    draw = torch.Generator().manual_seed(0)
    first = torch.randn(16, 24, generator=draw)
    second = torch.randn(16, 2, generator=draw) @ torch.randn(2, 24, generator=draw) * 1e-9
    sums = {"layer": first.clone()}
    looking.so_far(1, sums)
    total = looking.second("layer")
    assert total is not None
    total.add_(second)
    looking.add_second(sums)
    assert torch.equal(sums["layer"], first + second)
    expected = agreement(truncated_svd(first, RANK), truncated_svd(second, RANK))
    assert finish(looking.agreements())["layer"] == expected


def test_another_rank_takes_the_pass_again_and_tells_what_it_would_have_told_first(
    tiny_models: dict[str, Path], texts_csv: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    spec = spec_of(tiny_models["llama"], texts_csv, micro_batch=4)
    other = spec.model_copy(update={"rank": 2})
    warm, fresh = Workspace("cpu"), Workspace("cpu")
    for workspace, first in ((warm, spec), (fresh, other)):
        finish(workspace.prepare(first))
        finish(workspace.take_gradient(first))
        finish(workspace.measure_split_half_agreement(first))
    sizes = texts_computed(warm, monkeypatch)
    finish(warm.measure_split_half_agreement(other))
    assert sizes == [4, 4, 4, 4]
    assert warm.start.agreements[2] == fresh.start.agreements[2]


@pytest.mark.parametrize("dropout", [False, True])
def test_the_gradient_is_the_same_but_for_rounding_whether_the_halves_are_asked_for_or_not(
    dropout: bool, tiny_models: dict[str, Path], texts_csv: Path
) -> None:
    spec = spec_of(tiny_models["gpt2"], texts_csv, dropout=dropout)
    workspace = Workspace("cpu")
    finish(workspace.prepare(spec))
    ready, rows = workspace.prepared, list(range(16))
    computation = GradientComputation(
        spec.start, ready.loaded, ready.train, workspace.device, "accumulate"
    )
    with_halves, loss = finish(computation.gradients(rows, computation.halves(rows, RANK)))
    without, same_loss = finish(computation.gradients(rows))
    assert loss == same_loss
    assert with_halves.keys() == without.keys()
    for name, gradient in without.items():
        near = 1e-6 * float(gradient.abs().max())
        torch.testing.assert_close(with_halves[name], gradient, rtol=0, atol=near)
