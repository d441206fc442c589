"""Experts that transformers holds as one parameter: found, counted, and said where left out."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from loraone.errors import ModelError
from loraone.inputs.models import checkpoint, foreseen, loading
from loraone.inputs.models.targets import find_targets, left_out
from loraone.spec.experiment import ExperimentSpec, expand
from loraone.spec.model import ModelSpec
from tests.conftest import tiny_experiment
from tests.loraone.mixtures import EXPERTS, MIXTURES, built, saved

CPU = torch.device("cpu")


@pytest.mark.parametrize("name", MIXTURES)
def test_each_expert_of_each_parameter_is_a_layer_of_its_own(name: str) -> None:
    model = built(name)
    layers = find_targets(model, ModelSpec(target_parameters="experts"))
    found = {layer.name: layer for layer in layers if layer.expert is not None}
    assert len(found) == 2 * 2 * EXPERTS
    hidden, inner = 16, {"qwen2_moe": 8}.get(name, 24)
    last = found[f"model.layers.1.mlp.experts.gate_up_proj[{EXPERTS - 1}]"]
    assert last.shape == (2 * inner, hidden)
    assert found["model.layers.0.mlp.experts.down_proj[0]"].shape == (hidden, inner)
    parameter = model.model.layers[1].mlp.experts.gate_up_proj
    assert last.parameter is parameter
    last.set_weight(torch.ones(last.shape))
    assert bool((parameter[-1] == 1).all())
    assert not bool((parameter[:-1] == 1).any())


def test_all_linear_alone_has_no_experts_and_no_gate_of_one_output() -> None:
    model = built("qwen2_moe")
    layers = find_targets(model, ModelSpec())
    assert all(layer.expert is None for layer in layers)
    assert not any(layer.name.endswith("shared_expert_gate") for layer in layers)
    assert any(layer.name.endswith("shared_expert.gate_proj") for layer in layers)


@pytest.mark.parametrize("name", MIXTURES)
def test_the_checkpoint_says_before_loading_what_the_model_says_after(
    name: str, tmp_path: Path, texts_csv: Path
) -> None:
    folder = saved(name, tmp_path / name)
    spec = ExperimentSpec.model_validate(tiny_experiment(folder, texts_csv, task="causal-lm"))
    loaded = loading.load(spec.model, "causal-lm", 0, CPU)
    (said,) = foreseen.left_out(spec)
    assert said == left_out(loaded.model, spec.model)
    held = sum(p.numel() for n, p in loaded.model.named_parameters() if p.dim() == 3)
    whole = sum(p.numel() for p in loaded.model.parameters())
    assert f"{held / whole:.0%}" in said

    asked = spec.model.model_copy(update={"target_parameters": "experts"})
    sizes = checkpoint.read(asked)
    assert sizes is not None
    layers = find_targets(loaded.model, asked)
    of_experts = {layer.name: layer.shape for layer in layers if layer.expert is not None}
    assert sizes.experts.keys() == of_experts.keys() or name == "mixtral"  # has another path
    counted = sorted(m * n for m, n in sizes.experts.values())
    assert counted == sorted(m * n for m, n in of_experts.values())
    assert sizes.expert_weights == held
    assert sizes.active == 0.5
    assert sum(m * n for m, n in sizes.targets(asked)) > sum(
        m * n for m, n in sizes.targets(spec.model)
    )
    assert foreseen.left_out(spec.model_copy(update={"model": asked})) == []
    assert left_out(loaded.model, asked) is None


def test_a_rank_above_what_an_expert_has_is_foreseen(tmp_path: Path, texts_csv: Path) -> None:
    folder = saved("qwen2_moe", tmp_path / "qwen2_moe")
    changes = {
        "task": "causal-lm",
        "model": {"id": str(folder), "targets": ["q_proj"], "target_parameters": "experts"},
        "grid": {"ranks": [9], "learning_rates": [0.01]},
    }
    spec = ExperimentSpec.model_validate(tiny_experiment(folder, texts_csv, **changes))
    (error,) = foreseen.foresee_runs(spec, expand(spec))
    assert error is not None
    assert "rank 9 is above min(m, n) = 8 of layer model.layers" in error.message


def test_experts_of_a_model_without_any_are_refused(
    tiny_models: dict[str, Path], texts_csv: Path
) -> None:
    changes = {"model": {"id": str(tiny_models["llama"]), "target_parameters": "experts"}}
    spec = ExperimentSpec.model_validate(
        tiny_experiment(tiny_models["llama"], texts_csv, **changes)
    )
    (error,) = foreseen.foresee(spec)
    assert error.field == "model.target_parameters"
    with pytest.raises(ModelError, match="no mixture of experts") as refused:
        loading.load(spec.model, "causal-lm", 0, CPU)
    assert refused.value.as_dict()["field"] == error.field


@pytest.mark.parametrize("name", MIXTURES)
def test_what_chooses_the_experts_is_no_layer_of_the_plan_as_it_is_none_of_the_model(
    name: str, tmp_path: Path
) -> None:
    spec = ModelSpec(id=str(saved(name, tmp_path)))
    found = checkpoint.read(spec)
    assert found is not None
    loaded = loading.load(spec, "causal-lm", 0, torch.device("cpu"))
    shapes = sorted(layer.shape for layer in loaded.layers)
    assert sorted(found.targets(spec)) == shapes
    assert not any(layer.endswith((".gate", ".router")) for layer in found.layers)
