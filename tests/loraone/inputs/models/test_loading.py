"""Models are loaded safely, their heads drawn from the seed alone, their weights hashed whole."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
import torch

from loraone.errors import ModelError
from loraone.inputs.models import loading
from loraone.spec.model import ModelSpec

CPU = torch.device("cpu")


@pytest.fixture
def bert(tiny_models: dict[str, Path]) -> loading.LoadedModel:
    spec = ModelSpec(id=str(tiny_models["bert"]))
    return loading.load(spec, "sequence-classification", 3, CPU)


def head(loaded: loading.LoadedModel) -> torch.Tensor:
    weight: torch.Tensor = loaded.model.classifier.weight
    return weight.detach().clone()


def test_a_classifier_gets_a_head_for_its_labels_and_a_language_model_none(
    bert: loading.LoadedModel, tiny_models: dict[str, Path]
) -> None:
    assert bert.heads == ("classifier",)
    assert bert.model.classifier.out_features == 3
    llama = loading.load(ModelSpec(id=str(tiny_models["llama"])), "causal-lm", 0, CPU)
    assert llama.heads == ()
    assert not llama.model.training
    assert llama.tokenizer.pad_token_id is not None


def test_the_weights_are_in_the_type_that_is_asked_for(tiny_models: dict[str, Path]) -> None:
    spec = ModelSpec(id=str(tiny_models["llama"]), dtype="bfloat16")
    loaded = loading.load(spec, "causal-lm", 0, CPU)
    assert {p.dtype for p in loaded.model.parameters()} == {torch.bfloat16}


def test_a_checkpoint_that_another_package_quantised_is_refused_before_its_weights_are_read(
    tiny_models: dict[str, Path], tmp_path: Path
) -> None:
    folder = tmp_path / "quantised"
    shutil.copytree(tiny_models["llama"], folder)
    config = json.loads((folder / "config.json").read_text())
    config["quantization_config"] = {"quant_method": "gptq", "bits": 4}
    (folder / "config.json").write_text(json.dumps(config))
    (weights,) = folder.glob("*.safetensors")
    weights.write_bytes(b"not read")
    with pytest.raises(ModelError, match="is quantised by gptq") as refused:
        loading.load(ModelSpec(id=str(folder)), "causal-lm", 0, CPU)
    assert refused.value.field == "model.id"
    assert "bitsandbytes in 8 or 4 bits" in (refused.value.allowed or "")


def test_weights_that_cannot_be_read_are_an_error_of_the_model(
    tiny_models: dict[str, Path], tmp_path: Path
) -> None:
    folder = tmp_path / "incomplete"
    shutil.copytree(tiny_models["llama"], folder)
    (folder / "config.json").write_text("{}")
    with pytest.raises(ModelError, match="cannot be loaded for") as refused:
        loading.load(ModelSpec(id=str(folder)), "causal-lm", 0, CPU)
    assert refused.value.value == str(folder)


def test_the_head_depends_on_the_seed_alone(bert: loading.LoadedModel) -> None:
    loading.reset_head(bert, 1)
    first = head(bert)
    torch.manual_seed(99)
    with torch.no_grad():
        bert.model.classifier.weight.fill_(7.0)
        bert.model.classifier.bias.fill_(7.0)
    loading.reset_head(bert, 1)
    assert torch.equal(head(bert), first)
    assert not bert.model.classifier.bias.any()
    loading.reset_head(bert, 2)
    assert not torch.equal(head(bert), first)


def test_drawing_a_head_leaves_the_global_random_numbers_alone(bert: loading.LoadedModel) -> None:
    before = torch.get_rng_state()
    loading.reset_head(bert, 1)
    assert torch.equal(torch.get_rng_state(), before)


def test_a_head_that_was_copied_is_put_on_again(bert: loading.LoadedModel) -> None:
    loading.reset_head(bert, 1)
    states, before = loading.head_states(bert), loading.weights_hash(bert.model)
    loading.reset_head(bert, 2)
    assert not torch.equal(states["classifier"]["weight"], head(bert))
    loading.set_heads(bert, states)
    assert loading.weights_hash(bert.model) == before


def test_the_hash_sees_every_parameter_and_every_buffer(bert: loading.LoadedModel) -> None:
    bert.model.register_buffer("counter", torch.zeros(2))
    before = loading.weights_hash(bert.model)
    assert loading.weights_hash(bert.model) == before
    for tensor in (bert.model.counter, bert.layers[-1].parameter.data, bert.model.classifier.bias):
        kept = tensor.detach().clone()
        with torch.no_grad():
            tensor.view(-1)[0] += 1.0
            assert loading.weights_hash(bert.model) != before
            tensor.copy_(kept)
        assert loading.weights_hash(bert.model) == before


def test_the_hash_sees_names_and_one_bit(bert: loading.LoadedModel) -> None:
    before = loading.weights_hash(bert.model)
    parameter = bert.layers[0].parameter
    parameter.data.view(torch.int32).view(-1)[0] ^= 1
    assert loading.weights_hash(bert.model) != before
    parameter.data.view(torch.int32).view(-1)[0] ^= 1
    assert loading.weights_hash(bert.model) == before
    bert.model.other_name = bert.model.classifier
    del bert.model.classifier
    assert loading.weights_hash(bert.model) != before
