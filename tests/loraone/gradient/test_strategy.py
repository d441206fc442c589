"""Which way the gradient is taken, and that a run comes to the same whichever it is."""

from __future__ import annotations

import weakref
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from pydantic import ValidationError
from torch import nn
from torch.utils.checkpoint import checkpoint

from loraone.events import (
    Alignment,
    Failed,
    Finished,
    InitReport,
    Note,
    Overlap,
    Spectra,
    Started,
    UpdateReport,
)
from loraone.gradient.exact import one_step_gradient
from loraone.gradient.strategy import choose_strategy
from loraone.gradient.taps import checkpointed, frozen, tapping
from loraone.inputs.models import loading
from loraone.inputs.models.targets import TargetLayer
from loraone.linalg.svd import truncated_svd
from loraone.runs.run import run
from loraone.runs.workspace import Workspace
from loraone.spec.experiment import ExperimentSpec
from tests.conftest import tiny_run
from tests.loraone.gradient.test_exact import CPU, loaded, texts_of


def events(folder: Path, data: Path, method: Any = "lora_one", **gradient: Any) -> list[Any]:
    spec = tiny_run(folder, data, method, gradient={"samples": 16, **gradient})
    return list(run(spec, workspace=Workspace("cpu")))


def one(kind: type[Any], found: list[Any]) -> Any:
    return next(event for event in found if isinstance(event, kind))


def test_bytes_are_those_of_the_shapes_and_auto_takes_the_first_way_that_fits(
    tiny_models: dict[str, Path],
) -> None:
    spec = tiny_run(tiny_models["llama"], Path("x.csv"))
    layers = loading.load(spec.model, spec.task, 0, CPU).layers
    shapes = [layer.shape for layer in layers]
    total = sum(4 * m * n for m, n in shapes)
    choice = choose_strategy(spec, layers, available=4 * total)
    assert choice.name == "accumulate"
    assert choice.held["accumulate"] == 2 * total, "that of a half beside the whole's"
    assert choice.held["layerwise"] == 2 * total, "as much as may be, of several micro-batches"
    unasked = {"split_half_agreement": False}
    alone = spec.model_copy(update={"measure": spec.measure.model_copy(update=unasked)})
    assert choose_strategy(alone, layers, available=2 * total).held["accumulate"] == total
    assert choice.held["sketch"] == sum(4 * (m + n) * min(m, n, 4 + 16) for m, n in shapes)
    grouped = choose_strategy(spec, layers, available=4 * total - 2)
    assert (grouped.name, grouped.passes) == ("layerwise", 2)
    assert grouped.held["layerwise"] == 2 * total - 1
    assert "2 groups" in grouped.reason
    little = choose_strategy(spec, layers, available=0)
    assert (little.name, little.passes) == ("sketch", 4)
    noisy = spec.model_copy(
        update={"gradient": spec.gradient.model_copy(update={"dropout": True, "micro_batch": 16})}
    )
    assert choose_strategy(noisy, layers, available=0).name == "layerwise", "a sketch has none"
    whole = spec.model_copy(
        update={"gradient": spec.gradient.model_copy(update={"micro_batch": 16})}
    )
    one_by_one = choose_strategy(whole, layers, available=0)
    assert (one_by_one.name, one_by_one.passes) == ("layerwise", 1)
    assert one_by_one.held["layerwise"] == max(4 * m * n for m, n in shapes)


@pytest.mark.parametrize("architecture", ["bert", "gpt2", "llama", "t5"])
def test_every_way_starts_the_same_run(
    tiny_models: dict[str, Path], texts_csv: Path, architecture: str
) -> None:
    folder = tiny_models[architecture]
    exact = events(folder, texts_csv, strategy="accumulate")
    for way, options in (
        ("layerwise", {"micro_batch": 16}),
        ("layerwise", {"micro_batch": 16, "checkpointing": True}),
        ("layerwise", {"micro_batch": 8}),
        ("sketch", {"micro_batch": 8}),
        ("accumulate", {"checkpointing": True}),
    ):
        found = events(folder, texts_csv, strategy=way, **options)
        assert isinstance(found[-1], Finished), found[-1]
        plan = one(Started, found).environment["gradient_plan"]
        assert plan["name"] == way
        for column in ("norm", "relative", "trust_left", "trust_right"):
            tolerance = 0.05 if way == "sketch" and column.startswith("trust") else 2e-3
            np.testing.assert_allclose(
                one(InitReport, found).layers[column],
                one(InitReport, exact).layers[column],
                rtol=tolerance,
                atol=tolerance,
            )
        quantity = [e for e in found if isinstance(e, Spectra) and e.quantity == "gradient"]
        wanted = [e for e in exact if isinstance(e, Spectra) and e.quantity == "gradient"]
        for ours, theirs in zip(quantity, wanted, strict=True):
            count = 4 if way == "sketch" else len(theirs.values)
            scale = float(theirs.values[0])
            np.testing.assert_allclose(ours.values, theirs.values[:count], atol=2e-3 * scale)
            assert (ours.scalars["frobenius"] is None) == (way == "sketch")
        held = way == "accumulate"
        assert np.isfinite(one(Alignment, found).energy).any() == held
        assert np.isfinite(one(UpdateReport, found).layers["update_cosine"]).any() == held
        overlap = one(Overlap, found).left
        sums = np.nansum(overlap, axis=1)[np.isfinite(overlap).any(axis=1)]
        np.testing.assert_allclose(sums, 1, atol=0.02)


def test_a_method_that_reads_every_entry_needs_the_gradients_kept(
    tiny_models: dict[str, Path], texts_csv: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(ValidationError, match="sign of every entry"):
        ExperimentSpec.model_validate({"methods": ["lora_sb"], "gradient": {"strategy": "sketch"}})
    monkeypatch.setattr("loraone.gradient.strategy.SHARE", 0.0)
    failed = events(tiny_models["bert"], texts_csv, "lora_sb")[-1]
    assert isinstance(failed, Failed)
    assert failed.field == "gradient.strategy"
    found = events(tiny_models["bert"], texts_csv, "lora_one")
    assert isinstance(found[-1], Finished)
    assert any(isinstance(e, Note) and "strategy is layerwise" in e.message for e in found)


@pytest.mark.parametrize(
    ("gradient", "field"),
    [
        ({"strategy": "sketch", "dropout": True}, "dropout"),
    ],
)
def test_ways_that_cannot_be_are_refused(gradient: dict[str, Any], field: str) -> None:
    with pytest.raises(ValidationError, match=field):
        ExperimentSpec.model_validate({"gradient": gradient})


def test_checkpointing_is_exact_in_eval_mode_and_leaves_the_model_as_it_was(
    tiny_models: dict[str, Path],
) -> None:
    ready = loaded(tiny_models["llama"], "causal-lm")
    batch = texts_of("causal-lm", [6, 4]).batch([0, 1], CPU)
    plain, _ = one_step_gradient(ready.model, ready.layers, [batch])
    with checkpointed(ready.model):
        saved, _ = one_step_gradient(ready.model, ready.layers, [batch])
    assert not any("forward" in vars(module) for module in ready.model.modules())
    for name, gradient in plain.items():
        torch.testing.assert_close(saved[name], gradient, rtol=1e-5, atol=1e-7)


class _Inner(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.first, self.second = nn.Linear(6, 6), nn.Linear(6, 6)
        self.seen: list[weakref.ref[torch.Tensor]] = []

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        between = torch.tanh(self.first(x))
        self.seen.append(weakref.ref(between))
        result: torch.Tensor = self.second(between)
        return result


def test_tapped_layers_do_not_keep_what_checkpointing_lets_go() -> None:
    block = _Inner()
    layers = (TargetLayer("first", block.first), TargetLayer("second", block.second))
    x = torch.randn(3, 6)
    sums: dict[str, torch.Tensor] = {}

    def consumer(name: str) -> Any:
        return lambda share: sums.__setitem__(name, share.whole())

    with frozen(block), tapping([(layer, consumer(layer.name)) for layer in layers]):
        output = checkpoint(block, x, use_reentrant=False)
        assert block.seen[0]() is None, "the input of the second layer must have been freed"
        output.square().sum().backward()
    block(x).square().sum().backward()
    for layer in layers:
        torch.testing.assert_close(sums[layer.name], layer.parameter.grad)


def test_the_trust_of_halves_is_the_agreement_of_their_own_gradients(
    tiny_models: dict[str, Path], texts_csv: Path
) -> None:
    spec = tiny_run(tiny_models["bert"], texts_csv, "lora_one")
    workspace = Workspace("cpu")
    found = list(run(spec, workspace=workspace))
    columns = one(InitReport, found).layers
    ready, rows = workspace.prepared, workspace.start.gradient_rows
    model, layers = ready.loaded.model, ready.loaded.layers
    halves = [
        one_step_gradient(model, layers, [ready.train.batch(part, CPU)])[0]
        for part in (rows[:8], rows[8:])
    ]
    for i, layer in enumerate(layers):
        a, b = (truncated_svd(half[layer.name], 4) for half in halves)
        k = min(a.rank(), b.rank())
        left = float(torch.linalg.norm(a.U[:, :k].T @ b.U[:, :k]) ** 2) / k
        assert columns["trust_left"][i] == pytest.approx(left, abs=1e-3)
