"""Texts may be as long as the model has positions for, and not a token longer."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
import transformers

from loraone.errors import SpecError
from loraone.inputs.models import loading, positions
from loraone.inputs.models.paths import preflight
from loraone.spec.experiment import RunSpec
from loraone.spec.model import ModelSpec
from tests.conftest import tiny_run
from tests.loraone.inputs.models.checkpoints import (
    CHECKPOINTS,
    TASK_OF,
    copied,
    reconfigured,
    saved,
)
from tests.loraone.methods.tiny import refused

CPU = torch.device("cpu")
TABLES = [name for name, (_, _, limit) in CHECKPOINTS.items() if limit and name != "bert-mlm"]


def run_of(folder: Path, data: Path, length: int, task: str, **model: Any) -> RunSpec:
    base = tiny_run(folder, data, task=task, model={"id": str(folder), **model})
    return base.model_copy(update={"data": base.data.model_copy(update={"max_length": length})})


@pytest.mark.parametrize("name", TABLES)
def test_a_length_above_the_positions_is_refused_and_the_one_below_is_computed(
    name: str, texts_csv: Path, tmp_path: Path
) -> None:
    limit, task = CHECKPOINTS[name][2], TASK_OF[name]
    assert limit is not None
    folder = saved(name, tmp_path / name)
    assert preflight(run_of(folder, texts_csv, limit, task), None) == []
    spec = run_of(folder, texts_csv, limit + 1, task)
    (error,) = preflight(spec, None)
    failed = refused(spec)
    for refusal in (error, failed):
        assert refusal.code == "invalid-spec"
        assert refusal.field == "data.max_length"
        assert str(refusal.value) == str(limit + 1)
        assert refusal.allowed == f"4 to {limit}"
        assert f"{limit} positions" in refusal.message
        assert f"data.max_length to {limit}" in str(refusal.hint)
    # What is allowed can be computed; the loaded model says the same as its configuration.
    loaded = loading.load(ModelSpec(id=str(folder)), task, 2, CPU)
    positions.check_model(loaded.model, run_of(folder, texts_csv, limit, task))
    with pytest.raises(SpecError):
        positions.check_model(loaded.model, spec)
    ids = torch.full((1, limit), 5)
    ids[0, -1] = 2
    assert loaded.model(input_ids=ids, attention_mask=torch.ones_like(ids)).logits.isfinite().all()


@pytest.mark.parametrize("name", ["bert", "roberta", "distilbert", "gpt2", "opt", "bart"])
def test_one_token_more_is_indeed_more_than_the_model_can_take(name: str, tmp_path: Path) -> None:
    limit = CHECKPOINTS[name][2]
    assert limit is not None
    folder = saved(name, tmp_path / name)
    model = loading.load(ModelSpec(id=str(folder)), TASK_OF[name], 2, CPU).model
    ids = torch.full((1, limit + 1), 5)
    with pytest.raises((IndexError, RuntimeError)):
        model(input_ids=ids, attention_mask=torch.ones_like(ids))


@pytest.mark.parametrize("name", ["xlnet", "bloom"])
def test_distances_have_no_end(name: str, texts_csv: Path, tmp_path: Path) -> None:
    folder = saved(name, tmp_path / name)
    spec = run_of(folder, texts_csv, 8192, TASK_OF[name])
    assert preflight(spec, None) == []
    loaded = loading.load(ModelSpec(id=str(folder)), TASK_OF[name], 2, CPU)
    positions.check_model(loaded.model, spec)


def test_t5_has_no_limit_even_where_its_configuration_has_a_number(
    tiny_models: dict[str, Path], texts_csv: Path, tmp_path: Path
) -> None:
    folder = reconfigured(copied(tiny_models["t5"], tmp_path / "t5"), n_positions=8)
    assert preflight(run_of(folder, texts_csv, 4096, "seq2seq-lm"), None) == []


@pytest.mark.parametrize(
    ("rope", "allowed"),
    [
        ({"rope_type": "default", "rope_theta": 1e4}, 64),
        ({"rope_type": "linear", "factor": 4.0, "rope_theta": 1e4}, 64),
        ({"rope_type": "dynamic", "factor": 2.0, "rope_theta": 1e4}, None),
        ({"rope_type": "yarn", "factor": 4.0, "original_max_position_embeddings": 64}, 256),
        ({"full_attention": {"rope_type": "dynamic"}}, None),
    ],
)
def test_rotary_positions_reach_as_far_as_they_were_stretched(
    rope: dict[str, Any], allowed: int | None
) -> None:
    config = {"model_type": "llama", "max_position_embeddings": 64, "rope_parameters": rope}
    assert positions.allowed_tokens(config) == allowed
    assert positions.allowed_tokens({"text_config": config}) == allowed


@pytest.mark.parametrize(
    ("kind", "changes", "allowed"),
    [
        ("bert", {}, 512),
        ("roberta", {}, 510),
        ("longformer", {"max_position_embeddings": 4098}, 4096),
        ("mpnet", {"max_position_embeddings": 514}, 512),
        ("gpt2", {}, 1024),
        ("gptj", {}, 2048),
        ("mpt", {}, 2048),
        ("led", {}, 16384),
        ("falcon", {"alibi": True}, None),
        ("falcon", {}, 2048),
        ("deberta-v2", {"position_biased_input": False}, None),
        ("mamba", {}, None),
    ],
)
def test_what_published_configurations_allow(
    kind: str, changes: dict[str, Any], allowed: int | None
) -> None:
    config = transformers.AutoConfig.for_model(kind, **changes).to_dict()
    assert positions.allowed_tokens(config) == allowed


def test_a_table_that_a_configuration_keeps_silent_about_counts(
    texts_csv: Path, tmp_path: Path
) -> None:
    """An old config.json without its defaults: the loaded model knows."""
    folder = saved("bert", tmp_path / "bert")
    spec = run_of(folder, texts_csv, 33, TASK_OF["bert"])
    loaded = loading.load(ModelSpec(id=str(folder)), TASK_OF["bert"], 2, CPU)
    loaded.model.config.max_position_embeddings = 1000
    with pytest.raises(SpecError, match="32 positions"):
        positions.check_model(loaded.model, spec)
