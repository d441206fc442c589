"""Which layers are adapted, and in which orientation their weights are read and written."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn
from transformers.pytorch_utils import Conv1D

from loraone.errors import ModelError
from loraone.inputs.models import loading
from loraone.inputs.models.targets import TargetLayer, find_targets
from loraone.spec.model import ModelSpec
from tests.conftest import TASK_OF

CPU = torch.device("cpu")


def layers(folder: Path, targets: Any) -> tuple[TargetLayer, ...]:
    name = next((task for part, task in TASK_OF.items() if part in folder.name), "causal-lm")
    return loading.load(ModelSpec(id=str(folder), targets=targets), name, 2, CPU).layers


def test_a_suffix_names_the_layers_of_all_blocks_in_model_order(
    tiny_models: dict[str, Path],
) -> None:
    found = layers(tiny_models["llama"], ("v_proj", "q_proj"))
    assert [layer.name for layer in found] == [
        f"model.layers.{block}.self_attn.{name}"
        for block in range(2)
        for name in ("q_proj", "v_proj")
    ]


def test_a_suffix_is_whole_words_of_the_path(tiny_models: dict[str, Path]) -> None:
    found = layers(tiny_models["llama"], ("self_attn.q_proj",))
    assert len(found) == 2
    with pytest.raises(ModelError, match="'_proj'"):
        layers(tiny_models["llama"], ("_proj",))


def test_a_whole_name_is_one_layer(tiny_models: dict[str, Path]) -> None:
    name = "model.layers.1.mlp.up_proj"
    (layer,) = layers(tiny_models["llama"], (name,))
    assert layer.name == name


def test_an_unknown_name_is_refused_with_the_kinds_that_there_are(
    tiny_models: dict[str, Path],
) -> None:
    with pytest.raises(ModelError) as refused:
        layers(tiny_models["llama"], ("q_proj", "query"))
    assert refused.value.field == "model.targets"
    assert "'query'" in str(refused.value)
    allowed = str(refused.value.allowed).split(", ")
    assert {"q_proj", "k_proj", "down_proj", "lm_head", "embed_tokens"} <= set(allowed)
    assert allowed == sorted(set(allowed))


@pytest.mark.parametrize("architecture", ["bert", "gpt2", "llama", "t5"])
def test_all_linear_leaves_out_embeddings_head_and_pooler(
    tiny_models: dict[str, Path], architecture: str
) -> None:
    found = layers(tiny_models[architecture], "all-linear")
    assert found
    assert not any(layer.embedding for layer in found)
    for word in ("lm_head", "classifier", "pooler", "shared", "embed"):
        assert not any(word in layer.name for layer in found)


def test_an_embedding_is_adapted_where_it_is_named(tiny_models: dict[str, Path]) -> None:
    (layer,) = layers(tiny_models["llama"], ("embed_tokens",))
    assert layer.embedding
    assert layer.shape == (16, layer.parameter.shape[0])


@pytest.mark.parametrize(
    ("module", "transposed"),
    [(nn.Linear(3, 5), False), (Conv1D(5, 3), True), (nn.Embedding(3, 5), True)],
    ids=["linear", "conv1d", "embedding"],
)
def test_weights_are_read_and_written_as_out_by_in(module: nn.Module, transposed: bool) -> None:
    layer = TargetLayer("layer", module)
    assert layer.shape == tuple(layer.weight.shape) == (5, 3)
    assert layer.transposed == transposed
    W = torch.arange(15.0).reshape(5, 3)
    layer.set_weight(W)
    assert torch.equal(layer.weight, W)
    assert torch.equal(layer.parameter.detach(), W.T if transposed else W)


def test_a_conv1d_computes_what_its_weight_says(tiny_models: dict[str, Path]) -> None:
    layer = next(x for x in layers(tiny_models["gpt2"], ("c_attn",)))
    assert layer.conv1d
    x = torch.randn(2, layer.shape[1])
    bias = layer.module.bias
    assert isinstance(bias, torch.Tensor)
    torch.testing.assert_close(layer.module(x), x @ layer.weight.T + bias)


def test_a_tied_weight_names_the_other_module(tiny_models: dict[str, Path]) -> None:
    (head,) = layers(tiny_models["gpt2"], ("lm_head",))
    assert head.tied_to == "transformer.wte"
    (table,) = layers(tiny_models["gpt2"], ("wte",))
    assert table.tied_to == "lm_head"
    assert all(x.tied_to is None for x in layers(tiny_models["gpt2"], "all-linear"))


def test_a_model_without_blocks_has_nothing_to_adapt() -> None:
    flat = nn.ModuleDict({"first": nn.Linear(2, 2)})
    with pytest.raises(ModelError, match="no linear layer to adapt"):
        find_targets(flat, ModelSpec(id="flat"))
    assert len(find_targets(flat, ModelSpec(id="flat", targets=("first",)))) == 1
