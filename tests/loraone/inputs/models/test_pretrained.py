"""The pretrained weights are held once, and are there whatever a run makes of the model."""

from __future__ import annotations

import gc
import shutil
from pathlib import Path
from typing import Any

import pytest
import torch
import transformers
from safetensors.torch import load_file, save_file
from torch import Tensor

from loraone.inputs.models import loading
from loraone.inputs.models.digests import weight_digests
from loraone.inputs.models.loading import LoadedModel
from loraone.inputs.models.pretrained import PretrainedWeights
from loraone.spec.model import ModelSpec
from tests.conftest import TASK_OF
from tests.loraone.mixtures import MIXTURES, saved

CPU = torch.device("cpu")
TARGETS: dict[str, Any] = {"gpt2": ["c_attn", "wte"], "llama": "all-linear", "bert": "all-linear",
                           "t5": "all-linear"}  # fmt: skip


def loaded(folder: Path, kind: str, dtype: str = "float32") -> tuple[LoadedModel, ModelSpec]:
    spec = ModelSpec(id=str(folder), dtype=dtype, targets=TARGETS[kind])
    return loading.load(spec, TASK_OF.get(kind, "causal-lm"), 2, CPU), spec


def own(model: LoadedModel) -> dict[str, Tensor]:
    """Copies of what the layers hold."""
    return {layer.name: layer.weight.float().clone() for layer in model.layers}


def spoil(model: LoadedModel) -> None:
    for layer in model.layers:
        layer.parameter.data.add_(1.0)  # what counts as no write of torch's


def matrices() -> dict[int, int]:
    """Bytes of every storage that a tensor uses, by its place."""
    gc.collect()
    tensors = (each for each in gc.get_objects() if isinstance(each, Tensor))
    return {t.untyped_storage().data_ptr(): t.untyped_storage().nbytes() for t in tensors}


@pytest.mark.parametrize("kind", TARGETS)
@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
def test_they_are_there_while_the_model_is_another_and_are_put_back(
    kind: str, dtype: str, tiny_models: dict[str, Path]
) -> None:
    model, spec = loaded(tiny_models[kind], kind, dtype)
    digests, before = weight_digests(model.model), own(model)
    weights = PretrainedWeights(model, spec, digests)
    assert {name: weight.shape for name, weight in weights.items()} == {
        layer.name: layer.shape for layer in model.layers
    }
    weights.may_change()
    spoil(model)
    assert all(weights[name].equal(before[name]) for name in before)
    restored = weights.restore(weight_digests(model.model))
    assert set(restored) == set(before)
    assert weight_digests(model.model) == digests
    assert weights.restore(weight_digests(model.model)) == []


@pytest.mark.parametrize("kind", MIXTURES)
@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
def test_experts_are_put_back_from_a_checkpoint_that_holds_them_one_by_one_or_together(
    kind: str, dtype: str, tmp_path: Path
) -> None:
    folder = saved(kind, tmp_path / kind)
    spec = ModelSpec(id=str(folder), dtype=dtype, target_parameters="experts")
    model = loading.load(spec, "causal-lm", 0, CPU)
    digests, before = weight_digests(model.model), own(model)
    weights = PretrainedWeights(model, spec, digests)
    places = matrices()
    weights.may_change()
    for layer in model.layers:
        layer.set_weight(layer.weight + 1)
    assert all(weights[name].equal(before[name]) for name in before)
    assert set(weights.restore(weight_digests(model.model))) == set(before)
    assert weight_digests(model.model) == digests
    new = {place: size for place, size in matrices().items() if place not in places}
    smallest = min(layer.parameter.nbytes for layer in model.layers if layer.expert is not None)
    assert sum(new.values()) < smallest, "no expert is held twice"


def test_nothing_is_copied_but_what_no_file_holds(tiny_models: dict[str, Path]) -> None:
    model, spec = loaded(tiny_models["llama"], "llama")
    weights = PretrainedWeights(model, spec, weight_digests(model.model))
    before = matrices()
    for _ in range(2):
        weights.may_change()
        spoil(model)
        for name in weights:
            assert weights[name].isfinite().all()
        weights.restore(weight_digests(model.model))
    new = {place: size for place, size in matrices().items() if place not in before}
    assert sum(new.values()) < 1000, "the pretrained weights are in the model, or in the files"


def test_a_weight_whose_file_is_gone_or_another_is_copied_before_it_changes(
    tiny_models: dict[str, Path], tmp_path: Path
) -> None:
    folder = shutil.copytree(tiny_models["llama"], tmp_path / "model")
    model, spec = loaded(folder, "llama")
    before, digests = own(model), weight_digests(model.model)
    weights = PretrainedWeights(model, spec, digests)
    file = folder / "model.safetensors"
    tensors = load_file(file)
    last = list(before)[-1]
    tensors[f"{last}.weight"] = tensors[f"{last}.weight"] * 2
    save_file(tensors, tmp_path / "new", metadata={"format": "pt"})
    (tmp_path / "new").replace(file)
    weights.may_change()
    file.unlink()
    spoil(model)
    assert all(weights[name].equal(before[name]) for name in before)
    weights.restore(weight_digests(model.model))
    assert weight_digests(model.model) == digests


def test_a_file_without_the_prefix_of_its_task_is_found(
    tiny_models: dict[str, Path], tmp_path: Path
) -> None:
    """As sentence encoders are stored: the base model alone."""
    whole = transformers.AutoModel.from_pretrained(tiny_models["bert"])
    whole.save_pretrained(tmp_path)
    for name in ("tokenizer.json", "tokenizer_config.json"):
        shutil.copy(tiny_models["bert"] / name, tmp_path / name)
    assert "encoder.layer.0.attention.self.query.weight" in load_file(
        tmp_path / "model.safetensors"
    )
    model, spec = loaded(tmp_path, "bert")
    weights = PretrainedWeights(model, spec, weight_digests(model.model))
    before = matrices()
    weights.may_change()
    held = sum(size for place, size in matrices().items() if place not in before)
    size = sum(layer.parameter.numel() for layer in model.layers) * 4
    assert held < size / 4, f"{held} bytes of {size} were copied"


def test_what_is_given_is_the_callers_own(tiny_models: dict[str, Path]) -> None:
    model, spec = loaded(tiny_models["gpt2"], "gpt2")
    digests = weight_digests(model.model)
    weights = PretrainedWeights(model, spec, digests)
    for changing in (False, True):
        if changing:
            weights.may_change()
        for name in weights:
            weights[name].zero_()
        assert weight_digests(model.model) == digests
        assert all(bool(weights[name].any()) for name in weights)
