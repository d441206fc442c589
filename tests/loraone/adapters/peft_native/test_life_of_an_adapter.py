"""What happens to configs and models before and after: copies, more adapters, saving, merging."""

from __future__ import annotations

import copy
import dataclasses
import json
import pickle
from pathlib import Path
from typing import Any

import pytest
import torch
from peft import LoraConfig, PeftModel, get_peft_model, inject_adapter_in_model

from loraone.errors import ModelError, SpecError
from loraone.peft_native import LoraOneConfig, initialize_lora_one_weights, preprocess_lora_one
from tests.loraone.adapters.peft_native.tiny import (
    adapted,
    added,
    close,
    expected,
    gradients,
    llama,
    mean_loss,
    step,
    tokens,
)

DATA = tokens(4, 9)
TARGETS = ["q_proj", "down_proj"]


def prepared(**options: Any) -> tuple[Any, LoraOneConfig]:
    """A model and the config that knows its gradient."""
    model = llama()
    config = LoraOneConfig(**{"r": 4, "lora_alpha": 8, "target_modules": TARGETS, **options})
    preprocess_lora_one(model, config, step(model, DATA))
    return model, config


def truth() -> dict[str, Any]:
    model = llama()
    return gradients(model, mean_loss(model, [DATA], [1]))


def starts_right(model: Any, adapter: str = "default", tolerance: float = 1e-4) -> None:
    exact = truth()
    assert len(adapted(model, adapter)) == 4
    for name in adapted(model, adapter):
        assert close(added(model, name, adapter), expected(exact[name], 4, 2.0), tolerance), name


@pytest.mark.parametrize(
    "copied", [copy.copy, copy.deepcopy, lambda x: pickle.loads(pickle.dumps(x))]
)
def test_copies_of_the_config_carry_the_factors(copied: Any) -> None:
    model, config = prepared()
    starts_right(get_peft_model(model, copied(config)))


def test_copies_of_the_model_start_as_it_does_and_a_config_serves_several() -> None:
    model, config = prepared()
    starts_right(get_peft_model(copy.deepcopy(model), config))
    starts_right(get_peft_model(llama(), config))
    starts_right(copy.deepcopy(get_peft_model(model, config)))


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_a_copy_of_another_precision_starts_so_too(dtype: torch.dtype) -> None:
    model, config = prepared()
    started = get_peft_model(copy.deepcopy(model).to(dtype), config, autocast_adapter_dtype=False)
    starts_right(started.float(), tolerance=1e-2)


def test_another_model_of_the_same_form_is_refused() -> None:
    _, config = prepared()
    other = llama()
    with torch.no_grad():
        for parameter in other.parameters():
            parameter.normal_(std=0.02)
    with pytest.raises(ModelError, match="is not that which the gradient was taken at"):
        get_peft_model(other, config)


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"r": 5}, "r"),
        ({"rank_pattern": {"q_proj": 2}}, "rank_pattern"),
        ({"lora_one_gamma": 7.0}, "lora_one_gamma"),
        ({"lora_one_scale": "gradient"}, "lora_one_scale"),
        ({"target_modules": {"q_proj", "v_proj"}}, "target_modules"),
    ],
)
def test_a_config_that_was_changed_after_preprocessing_is_refused(
    change: dict[str, Any], field: str
) -> None:
    model, config = prepared()
    for name, value in change.items():
        setattr(config, name, value)
    with pytest.raises(SpecError) as caught:
        get_peft_model(model, config)
    assert caught.value.field == field
    preprocess_lora_one(fresh := llama(), config, step(fresh, DATA))
    get_peft_model(fresh, config)


def test_a_replaced_config_knows_no_gradient_and_says_so() -> None:
    model, config = prepared()
    with pytest.raises(SpecError, match="before preprocess_lora_one"):
        get_peft_model(model, dataclasses.replace(config, lora_dropout=0.1))


def test_preprocessing_again_replaces_the_factors_and_a_failure_keeps_them() -> None:
    model, config = prepared(lora_one_gamma=3.0)
    config.lora_one_gamma = 128.0
    preprocess_lora_one(model, config, step(model, DATA))
    with pytest.raises(ModelError, match="no backward pass"):
        preprocess_lora_one(model, config, lambda: None)
    starts_right(get_peft_model(model, config))


def test_a_second_adapter_starts_beside_the_first() -> None:
    model, config = prepared()
    second = LoraOneConfig(r=4, lora_alpha=8, target_modules=TARGETS, lora_one_gamma=2.0)
    preprocess_lora_one(model, second, step(model, DATA))
    started = get_peft_model(model, config)
    started.add_adapter("second", second)
    starts_right(started)
    exact = truth()
    for name in adapted(started, "second"):
        assert close(added(started, name, "second"), expected(exact[name], 4, 2.0, 2.0)), name
    started.set_adapter("second")
    started.delete_adapter("default")
    assert adapted(started) == {}
    assert len(adapted(started, "second")) == 4


def test_an_adapter_beside_a_plain_one_is_refused_with_the_way_that_works() -> None:
    model, config = prepared()
    started = get_peft_model(model, LoraConfig(r=4, target_modules=TARGETS))
    with pytest.raises(ValueError, match="initialize_lora_one_weights"):
        started.add_adapter("second", config)
    started.add_adapter("third", LoraConfig(r=4, lora_alpha=8, target_modules=TARGETS))
    initialize_lora_one_weights(started, [DATA], adapter_name="third")
    starts_right(started, "third")


@pytest.mark.parametrize("combination", ["linear", "cat", "svd"])
def test_adapters_can_be_added_up(combination: str) -> None:
    model, config = prepared()
    started = get_peft_model(model, config)
    started.add_adapter("plain", LoraConfig(r=4, lora_alpha=4, target_modules=TARGETS))
    for module in adapted(started, "plain").values():
        torch.nn.init.normal_(module.lora_B["plain"].weight)
    sum_of = {n: 2 * added(started, n) + added(started, n, "plain") for n in adapted(started)}
    started.add_weighted_adapter(["default", "plain"], [2.0, 1.0], "sum", combination)
    if combination == "linear":  # PEFT adds the factors there, not their products
        assert all(m.lora_B["sum"].weight.any() for m in adapted(started, "sum").values())
    else:
        for name, wanted in sum_of.items():
            assert close(added(started, name, "sum"), wanted, 0.7 if combination == "svd" else 1e-4)
    starts_right(started)


def test_replicated_layers_start_at_the_gradient_of_each_copy() -> None:
    options: dict[str, Any] = {"layer_replication": [(0, 2), (1, 2)], "target_modules": ["q_proj"]}
    started = get_peft_model(llama(), LoraConfig(r=4, lora_alpha=8, **options))
    base = copy.deepcopy(started).unload()
    for layer in base.model.layers:  # each copy with weights of its own
        for module in layer.modules():
            for name, parameter in list(module.named_parameters(recurse=False)):
                setattr(module, name, torch.nn.Parameter(parameter.detach().clone()))
    exact = gradients(base, mean_loss(base, [DATA], [1]))
    initialize_lora_one_weights(started, [DATA])
    assert len(adapted(started)) == 3
    for name in adapted(started):
        assert close(added(started, name), expected(exact[name], 4, 2.0)), name


def test_what_is_saved_is_plain_and_loads_frozen_trainable_and_on_the_meta_device(
    tmp_path: Path,
) -> None:
    model, config = prepared()
    get_peft_model(model, config).save_pretrained(tmp_path)
    saved = json.loads((tmp_path / "adapter_config.json").read_text())
    assert saved["init_lora_weights"] is True
    assert not any(key.startswith("lora_one") for key in saved)
    assert type(LoraOneConfig.from_pretrained(tmp_path)) is LoraConfig
    for options in ({}, {"is_trainable": True}, {"low_cpu_mem_usage": True}):
        starts_right(PeftModel.from_pretrained(llama(), tmp_path, **options))
    started = get_peft_model(llama(), prepared()[1])
    started.load_adapter(tmp_path, adapter_name="loaded")
    starts_right(started, "loaded")


def test_a_model_of_mixed_adapters_and_one_that_is_adapted_in_place_start_too() -> None:
    model, config = prepared()
    mixed = get_peft_model(copy.deepcopy(model), config, mixed=True)
    starts_right(mixed)
    initialize_lora_one_weights(mixed, [DATA])
    starts_right(mixed)
    in_place = inject_adapter_in_model(LoraConfig(r=4, lora_alpha=8, target_modules=TARGETS), model)
    initialize_lora_one_weights(in_place, [DATA])
    starts_right(in_place)


def test_factors_are_not_lost_on_the_meta_device() -> None:
    model, config = prepared()
    with pytest.raises(SpecError, match="low_cpu_mem_usage"):
        get_peft_model(model, config, low_cpu_mem_usage=True)
    plain = LoraConfig(r=4, target_modules=TARGETS)
    empty = get_peft_model(llama(), plain, low_cpu_mem_usage=True)
    with pytest.raises(ModelError, match="meta device"):
        initialize_lora_one_weights(empty, [DATA])
    with torch.device("meta"):
        nothing = llama()
    with pytest.raises(ModelError, match="meta device"):
        preprocess_lora_one(nothing, LoraOneConfig(target_modules=TARGETS), lambda: None)


def test_merging_gives_a_base_model_that_can_be_started_again() -> None:
    model, config = prepared()
    merged = get_peft_model(model, config).merge_and_unload()
    again = LoraOneConfig(r=4, target_modules=TARGETS)
    preprocess_lora_one(merged, again, step(merged, DATA))
    assert len(adapted(get_peft_model(merged, again))) == 4
