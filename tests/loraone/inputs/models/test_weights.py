"""Every weight of a loaded model is the checkpoint's, but for a new head drawn from the seed."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
import transformers
from torch import Tensor

from loraone.errors import ModelError
from loraone.events import Finished, Metric
from loraone.inputs.models import loading
from loraone.runs.run import run
from loraone.spec.model import ModelSpec
from tests.conftest import tiny_run
from tests.loraone.inputs.models.checkpoints import (
    CLASSIFIES,
    WRITES,
    copied,
    reconfigured,
    reweighted,
    saved,
    without,
)
from tests.loraone.methods.tiny import refused

CPU = torch.device("cpu")
Weights = dict[str, Tensor]


def load(folder: Path, task: str = CLASSIFIES, labels: int = 3, **spec: Any) -> loading.LoadedModel:
    return loading.load(ModelSpec(id=str(folder), **spec), task, labels, CPU)


MISSING = [
    ("bert", CLASSIFIES, "encoder.layer.1.", "bert.encoder.layer.1.attention.self.query.weight"),
    ("bert", CLASSIFIES, "LayerNorm.bias", "bert.embeddings.LayerNorm.bias"),
    ("gpt2", WRITES, "h.1.", "transformer.h.1.mlp.c_proj.weight"),
    ("gpt2", WRITES, "wpe", "transformer.wpe.weight"),
    ("gpt2", CLASSIFIES, "wte", "transformer.wte.weight"),
    ("llama", WRITES, "q_proj", "model.layers.0.self_attn.q_proj.weight"),
    ("llama", WRITES, "lm_head", "lm_head.weight"),
    ("t5", "seq2seq-lm", "decoder.block.1.", "decoder.block.1.layer.2.DenseReluDense.wo.weight"),
]


@pytest.mark.parametrize(("name", "task", "part", "key"), MISSING)
def test_missing_weights_are_named_and_refused_before_training(
    name: str,
    task: str,
    part: str,
    key: str,
    tiny_models: dict[str, Path],
    texts_csv: Path,
    tmp_path: Path,
) -> None:
    folder = reweighted(copied(tiny_models[name], tmp_path / f"{name}-partial"), without(part))
    spec = tiny_run(folder, texts_csv, task=task)
    events = list(run(spec))
    assert not any(isinstance(event, Metric) for event in events)
    failed = refused(spec)
    assert (failed.code, failed.field) == ("model-not-usable", "model.id")
    assert key in failed.message
    assert "drawn at random" in failed.message


def test_an_encoder_as_a_causal_model_names_the_head_that_it_lacks(
    tiny_models: dict[str, Path], texts_csv: Path
) -> None:
    failed = refused(tiny_run(tiny_models["bert"], texts_csv, task=WRITES))
    assert failed.code == "model-not-usable"
    assert "cls.predictions.transform.dense.weight" in failed.message


def test_a_pooler_that_is_missing_is_no_new_head(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=r"bert\.pooler\.dense\.weight") as error:
        load(saved("bert-mlm", tmp_path / "bert"))
    assert "AutoModel" in str(error.value.hint)


@pytest.mark.parametrize(
    ("name", "heads"),
    [
        ("bert", ("classifier",)),
        ("roberta", ("classifier",)),
        ("distilbert", ("pre_classifier", "classifier")),
        ("deberta", ("pooler", "classifier")),
        ("modernbert", ("head", "classifier")),
        ("xlnet", ("sequence_summary", "logits_proj")),
        ("gpt2", ("score",)),
        ("opt", ("score",)),
    ],
)
def test_all_that_is_new_between_model_and_labels_is_drawn_from_the_seed(
    name: str, heads: tuple[str, ...], tmp_path: Path
) -> None:
    folder = saved(name, tmp_path / name)
    drawn = []
    for noise in (1, 2):
        torch.manual_seed(noise)
        loaded = load(folder)
        assert loaded.heads == heads
        loading.reset_head(loaded, 5)
        drawn.append(loaded.model.state_dict())
    assert all(torch.equal(weight, drawn[1][key]) for key, weight in drawn[0].items())


def test_a_norm_in_a_new_head_begins_at_one(tmp_path: Path) -> None:
    loaded = load(saved("modernbert", tmp_path / "modernbert"))
    loading.reset_head(loaded, 0)
    assert torch.equal(loaded.model.head.norm.weight, torch.ones(16))


def test_the_head_of_a_task_that_was_trained_before_may_have_another_size(tmp_path: Path) -> None:
    torch.manual_seed(0)
    folder = saved("distilbert", tmp_path / "distilbert")
    model = transformers.AutoModelForSequenceClassification.from_pretrained(folder, num_labels=5)
    model.save_pretrained(folder)
    loaded = load(folder, labels=3)
    assert loaded.heads == ("classifier",)
    assert torch.equal(loaded.model.pre_classifier.weight, model.pre_classifier.weight)


@pytest.mark.parametrize(
    ("name", "task", "key", "sizes"),
    [
        ("bert", CLASSIFIES, "embeddings.word_embeddings.weight", "17 × 16"),
        ("gpt2", CLASSIFIES, "transformer.wte.weight", "17 × 16"),
        ("llama", WRITES, "model.layers.1.mlp.up_proj.weight", "17 × 16"),
        ("t5", "seq2seq-lm", "encoder.block.0.layer.1.DenseReluDense.wi.weight", "17 × 16"),
    ],
)
def test_weights_of_another_size_are_refused_with_both_sizes(
    name: str, task: str, key: str, sizes: str, tiny_models: dict[str, Path], tmp_path: Path
) -> None:
    def narrow(weights: Weights) -> Weights:
        (full,) = (stored for stored in weights if stored.endswith(key))
        return weights | {full: torch.zeros(17, 16)}

    folder = reweighted(copied(tiny_models[name], tmp_path / name), narrow)
    with pytest.raises(ModelError) as error:
        load(folder, task)
    assert key in error.value.message
    assert sizes in error.value.message
    assert "config.json describes" in error.value.message


@pytest.mark.parametrize(
    ("name", "task", "count", "key"),
    [
        ("bert", CLASSIFIES, "num_hidden_layers", "encoder.layer.1."),
        ("gpt2", WRITES, "n_layer", "transformer.h.1."),
        ("llama", WRITES, "num_hidden_layers", "model.layers.1."),
        ("llama", CLASSIFIES, "num_hidden_layers", "model.layers.1."),
    ],
)
def test_blocks_that_the_configuration_cuts_off_are_refused(
    name: str, task: str, count: str, key: str, tiny_models: dict[str, Path], tmp_path: Path
) -> None:
    folder = reconfigured(copied(tiny_models[name], tmp_path / name), **{count: 1})
    with pytest.raises(ModelError, match="has no place") as error:
        load(folder, task)
    assert key in error.value.message


def renamed(old: str, new: str) -> Callable[[Weights], Weights]:
    return lambda weights: {key.replace(old, new): weight for key, weight in weights.items()}


def test_weights_under_the_names_of_a_wrapper_are_missing_by_the_names_they_should_have(
    tiny_models: dict[str, Path], tmp_path: Path
) -> None:
    folder = copied(tiny_models["llama"], tmp_path / "wrapped")
    reweighted(folder, renamed("model.", "base_model.model.model."))
    with pytest.raises(ModelError, match=r"has no model\.embed_tokens\.weight, model\.layers\.0\."):
        load(folder, WRITES)


def test_what_old_checkpoints_hold_besides_weights_is_no_matter(
    tiny_models: dict[str, Path], tmp_path: Path
) -> None:
    masks = {"transformer.h.0.attn.bias": torch.ones(1, 1, 8, 8)}
    old = reweighted(copied(tiny_models["gpt2"], tmp_path / "gpt2"), lambda w: w | masks)
    assert load(old, WRITES).layers
    ids = {"bert.embeddings.position_ids": torch.arange(64)[None]}
    old = reweighted(copied(tiny_models["bert"], tmp_path / "bert"), lambda w: w | ids)
    assert load(old).layers


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_weights_that_are_not_finite_are_named(
    value: float, tiny_models: dict[str, Path], tmp_path: Path
) -> None:
    def poison(weights: Weights) -> Weights:
        weights["model.layers.1.mlp.up_proj.weight"][3, 4] = value
        return weights

    folder = reweighted(copied(tiny_models["llama"], tmp_path / "poisoned"), poison)
    with pytest.raises(ModelError, match=r"not finite in float32: model\.layers\.1\.mlp\.up_proj"):
        load(folder, WRITES)


def test_weights_beyond_float16_name_the_type_that_holds_them(
    tiny_models: dict[str, Path], tmp_path: Path
) -> None:
    def large(weights: Weights) -> Weights:
        return weights | {"model.norm.weight": torch.full((16,), 1e6)}

    folder = reweighted(copied(tiny_models["llama"], tmp_path / "large"), large)
    with pytest.raises(ModelError, match=r"float16: model\.norm\.weight") as error:
        load(folder, WRITES, dtype="float16")
    assert error.value.field == "model.dtype"
    assert load(folder, WRITES, dtype="bfloat16").layers


@pytest.mark.parametrize("name", ["distilbert", "deberta"])
def test_an_adapter_with_a_head_of_two_parts_reads_back(
    name: str, texts_csv: Path, tmp_path: Path
) -> None:
    spec = tiny_run(saved(name, tmp_path / name), texts_csv, "lora_one", task=CLASSIFIES)
    *_, last = run(spec, output=tmp_path / "out")
    assert isinstance(last, Finished), last
    assert (tmp_path / "out" / "adapter" / "adapter_model.safetensors").is_file()
