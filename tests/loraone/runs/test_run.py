"""``run(spec)`` from end to end on tiny models: every method, every architecture."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from loraone.events import Alignment, Event, Failed, Finished, InitReport, Metric, Note
from loraone.inputs.models import loading
from loraone.runs.run import run
from loraone.runs.workspace import Workspace
from loraone.spec.experiment import RunSpec
from tests.conftest import tiny_run


def events(spec: RunSpec, **options: Any) -> list[Event]:
    return list(run(spec, workspace=options.pop("workspace", Workspace("cpu")), **options))


def one(kind: type[Any], found: list[Event]) -> Any:
    (event,) = (event for event in found if isinstance(event, kind))
    return event


def failure(spec: RunSpec, **options: Any) -> Failed:
    found = events(spec, **options)
    assert isinstance(found[-1], Failed), found[-1]
    return found[-1]


def test_lora_one_begins_aligned_and_lora_begins_without_direction(
    tiny_models: dict[str, Path], texts_csv: Path
) -> None:
    first: dict[str, Alignment] = {}
    for method in ("lora", "lora_one"):
        found = events(tiny_run(tiny_models["llama"], texts_csv, method))
        first[method] = next(e for e in found if isinstance(e, Alignment))
    assert np.nanmax(first["lora_one"].left) < 1e-3
    assert np.nanmax(first["lora_one"].right) < 1e-3
    np.testing.assert_allclose(first["lora_one"].energy, 1, rtol=1e-4)
    assert np.isnan(first["lora"].left).all()
    assert np.nanmean(np.cos(first["lora"].right) ** 2) < 0.7


def test_lora_and_pissa_begin_at_the_pretrained_function_and_pissa_alone_moves_the_base(
    tiny_models: dict[str, Path], texts_csv: Path
) -> None:
    reports = {
        method: one(InitReport, events(tiny_run(tiny_models["gpt2"], texts_csv, method)))
        for method in ("lora", "pissa", "lora_one")
    }
    assert reports["lora"].scalars["logit_change"] < 1e-5
    assert reports["pissa"].scalars["logit_change"] < 1e-4
    assert reports["lora_one"].scalars["logit_change"] > 1e-5
    assert reports["lora"].scalars["logit_change_off"] < 1e-5
    assert reports["lora_one"].scalars["logit_change_off"] < 1e-5
    assert reports["pissa"].scalars["logit_change_off"] > 1e-3
    assert reports["pissa"].layers["base_change"].min() > 0
    assert reports["lora_one"].layers["base_change"].max() == 0


def test_the_same_spec_gives_the_same_numbers_alone_and_after_other_runs(
    tiny_models: dict[str, Path], texts_csv: Path
) -> None:
    spec = tiny_run(tiny_models["bert"], texts_csv, "lora_one")
    shared = Workspace("cpu")
    for method in ("full", "pissa", "lora"):
        events(tiny_run(tiny_models["bert"], texts_csv, method), workspace=shared)
    after = events(spec, workspace=shared)
    alone = events(spec)
    left, right = (
        [event.values for event in stream if isinstance(event, Metric)] for stream in (after, alone)
    )
    assert left
    assert left == right


def test_a_seed_changes_batches_and_gradient(tiny_models: dict[str, Path], texts_csv: Path) -> None:
    losses = []
    for seed in (0, 1):
        grid = {"ranks": [4], "learning_rates": [0.01], "seeds": [seed]}
        found = events(tiny_run(tiny_models["bert"], texts_csv, grid=grid))
        losses.append([e.values for e in found if isinstance(e, Metric)][1]["train_loss"])
    assert losses[0] != losses[1]


def test_training_lowers_the_loss(tiny_models: dict[str, Path], texts_csv: Path) -> None:
    training = {"steps": 120, "batch_size": 16, "warmup_steps": 2, "eval_every": 60}
    grid = {"ranks": [4], "learning_rates": [0.01]}
    spec = tiny_run(tiny_models["bert"], texts_csv, training=training, grid=grid)
    assert learned(events(spec)) < 0.8


def learned(found: list[Event]) -> float:
    """The training loss of the last twenty steps over that of the first twenty."""
    losses = [
        e.values["train_loss"] for e in found if isinstance(e, Metric) and "train_loss" in e.values
    ]
    return float(np.mean(losses[-20:]) / np.mean(losses[:20]))


def test_a_rank_above_min_m_n_names_the_layer_and_the_range(
    tiny_models: dict[str, Path], texts_csv: Path
) -> None:
    spec = tiny_run(tiny_models["llama"], texts_csv, grid={"ranks": [9], "learning_rates": [0.01]})
    failed = failure(spec)
    assert failed.code == "invalid-spec"
    assert "model.layers.0.self_attn.k_proj" in failed.message
    assert failed.allowed == "1 to 8"


def test_a_loss_that_is_not_finite_says_at_which_step_and_rate(
    tiny_models: dict[str, Path], texts_csv: Path
) -> None:
    rate = {"ranks": [4], "learning_rates": [10.0]}
    steps = {"steps": 400, "batch_size": 8, "warmup_steps": 0, "max_grad_norm": 1e6,
             "schedule": "constant", "eval_every": 400}  # fmt: skip
    spec = tiny_run(
        tiny_models["llama"],
        texts_csv,
        "full",
        model={"id": str(tiny_models["llama"]), "dtype": "float16"},
        grid=rate,
        training=steps,
    )
    failed = failure(spec)
    assert failed.code == "training-stopped"
    assert "learning rate 10" in failed.message
    assert "of 400" in failed.message
    assert failed.hint is not None


def test_a_gradient_that_is_not_finite_is_refused_before_training(
    tiny_models: dict[str, Path], texts_csv: Path
) -> None:
    spec = tiny_run(tiny_models["llama"], texts_csv)
    workspace = Workspace("cpu")
    list(workspace.prepare(spec))
    with torch.no_grad():
        workspace.prepared.loaded.model.lm_head.weight.fill_(float("inf"))
    failed = failure(spec, workspace=workspace)
    assert failed.code == "training-stopped"
    assert "one-step gradient" in failed.message


def test_a_model_without_target_layers_or_with_unknown_ones_is_refused(
    tiny_models: dict[str, Path], texts_csv: Path
) -> None:
    model = {"id": str(tiny_models["llama"]), "targets": ["query"]}
    failed = failure(tiny_run(tiny_models["llama"], texts_csv, model=model))
    assert failed.field == "model.targets"
    assert "q_proj" in str(failed.allowed)
    empty = torch.nn.Sequential(torch.nn.LayerNorm(4))
    with pytest.raises(loading.ModelError, match="no linear layer"):
        loading.find_targets(empty, tiny_run(tiny_models["llama"], texts_csv).model)


def test_paths_outside_the_allowed_roots_are_refused(
    tiny_models: dict[str, Path], texts_csv: Path, tmp_path: Path
) -> None:
    failed = failure(tiny_run(tiny_models["llama"], texts_csv), roots=[tmp_path])
    assert failed.field == "model.id"
    assert "outside" in failed.message


def test_a_batch_larger_than_the_data_is_refused_with_the_largest_possible(
    tiny_models: dict[str, Path], texts_csv: Path
) -> None:
    gradient = {"samples": 60, "micro_batch": 8}
    failed = failure(tiny_run(tiny_models["llama"], texts_csv, gradient=gradient))
    assert failed.field == "gradient.samples"
    assert failed.allowed == "1 to 56"


def test_a_gradient_of_low_rank_is_noted(tiny_models: dict[str, Path], texts_csv: Path) -> None:
    gradient = {"samples": 2, "micro_batch": 2}
    found = events(tiny_run(tiny_models["bert"], texts_csv, "lora_one", gradient=gradient))
    assert any(isinstance(e, Note) and "rank below 4" in e.message for e in found)


# LoRA-FA moves B alone, through the small A of LoRA-One: it needs larger steps; descent too.
RATES = {"loraplus": 3e-3, "riemannian": 0.01, "lorafa": 0.05, "sgd": 5.0, "riemannian-sgd": 0.3}


@pytest.mark.parametrize("optimizer", RATES)
def test_every_optimiser_trains_and_lora_fa_keeps_a(
    tiny_models: dict[str, Path], texts_csv: Path, tmp_path: Path, optimizer: str
) -> None:
    steps = 240 if optimizer == "riemannian-sgd" else 120  # its path is the least steady one
    training = {"steps": steps, "batch_size": 16, "eval_every": steps, "optimizer": optimizer}
    grid = {"ranks": [4], "learning_rates": [RATES[optimizer]]}
    spec = tiny_run(tiny_models["bert"], texts_csv, "lora_one", training=training, grid=grid)
    found = events(spec, output=tmp_path)
    assert isinstance(found[-1], Finished), found[-1]
    assert learned(found) < 0.9
    angles = [e.right for e in found if isinstance(e, Alignment)]
    moved = float(np.abs(np.nanmax(angles[-1] - angles[0])))
    assert (moved < 1e-6) == (optimizer == "lorafa")
