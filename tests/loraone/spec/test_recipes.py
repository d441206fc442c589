"""Snippets are code that runs, and says the same as the spec."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from transformers import AutoModelForCausalLM

from loraone.catalog import METHODS
from loraone.spec.experiment import ExperimentSpec, expand
from loraone.spec.presets import PRESETS
from loraone.spec.recipes import alone, peft_snippet
from tests.loraone.mixtures import built


@pytest.mark.parametrize("method", METHODS)
def test_a_snippet_of_every_method_is_python_that_names_the_grid(method: str) -> None:
    spec = ExperimentSpec.model_validate({"methods": [method], "grid": {"ranks": [6]}})
    text = peft_snippet(spec, spec.methods[0])
    compile(text, method, "exec")
    row = METHODS[method]
    if row.trains == "all":
        assert "has no adapter" in text
    elif row.initialise is not None and row.peft_code is None:
        assert "PeftModel.from_pretrained" in text, "PEFT cannot start it: its adapter is loaded"
    else:
        assert "r=6" in text


@pytest.mark.parametrize(
    "method", ["lora", "pissa", {"name": "lora_one", "params": {"scale": "gradient", "gamma": 4}}]
)
def test_the_code_builds_the_adapter(tiny_models: dict[str, Path], method: Any) -> None:
    spec = ExperimentSpec.model_validate(
        {"methods": [method], "grid": {"ranks": [2]}, "model": {"targets": ["q_proj"]}}
    )
    model = AutoModelForCausalLM.from_pretrained(tiny_models["llama"])
    ids = torch.randint(3, 20, (2, 6), generator=torch.Generator().manual_seed(0))

    def train_step() -> None:
        model(input_ids=ids, labels=ids).loss.backward()

    space: dict[str, Any] = {"model": model, "train_step": train_step}
    exec(peft_snippet(spec, spec.methods[0]), space)
    config = space["model"].peft_config["default"]
    assert config.r == 2
    assert config.use_rslora is True


def test_the_code_adapts_experts_where_peft_can_start_them() -> None:
    model = {"targets": ["q_proj"], "target_parameters": "experts"}
    spec = ExperimentSpec.model_validate(
        {"methods": ["lora", "pissa"], "grid": {"ranks": [2]}, "model": model}
    )
    space: dict[str, Any] = {"model": built("mixtral")}
    exec(peft_snippet(spec, spec.methods[0]), space)
    assert "model.layers.1.mlp.experts.base_layer.lora_A" in str(
        dict(space["model"].base_model.model.named_modules()).keys()
    )
    assert "PEFT cannot start parameters as PiSSA does" in peft_snippet(spec, spec.methods[1])


@pytest.mark.parametrize("name", PRESETS)
def test_a_run_alone_is_an_experiment_of_that_run(name: str) -> None:
    for run in expand(PRESETS[name].spec):
        assert expand(alone(run, "again")) == [run]


def test_a_run_of_a_method_with_its_own_optimiser_is_the_same_alone() -> None:
    spec = {"methods": ["lora", {"name": "lora", "optimizer": "riemannian"}]}
    for run in expand(ExperimentSpec.model_validate(spec)):
        assert expand(alone(run, "again")) == [run]
