"""What a LoraOneConfig takes, and what contradicts it."""

from __future__ import annotations

from typing import Any

import pytest
from peft import LoftQConfig, LoraConfig, get_peft_model
from peft.tuners.lora.config import (
    CordaConfig,
    EvaConfig,
    KasaConfig,
    LoraGAConfig,
    VeloraConfig,
)

from loraone.errors import ModelError, SpecError
from loraone.peft_native import LoraOneConfig, initialize_lora_one_weights, preprocess_lora_one
from tests.loraone.adapters.peft_native.tiny import llama, step, tokens


@pytest.mark.parametrize(
    "options",
    [
        {"init_lora_weights": "pissa"},
        {"init_lora_weights": "gaussian"},
        {"init_lora_weights": False},
        {"eva_config": EvaConfig()},
        {"corda_config": CordaConfig()},
        {"lora_ga_config": LoraGAConfig()},
        {"loftq_config": LoftQConfig()},
        {"velora_config": VeloraConfig()},
        {"kasa_config": KasaConfig()},
        {"alora_invocation_tokens": [1], "task_type": "CAUSAL_LM"},
    ],
    ids=lambda options: next(iter(options)),
)
def test_other_initialisations_and_variants_contradict_it(options: dict[str, Any]) -> None:
    with pytest.raises(SpecError, match="contradicts") as caught:
        LoraOneConfig(target_modules=["q_proj"], **options)
    assert caught.value.field == next(iter(options))
    assert isinstance(caught.value, ValueError)


@pytest.mark.parametrize(
    ("options", "field"),
    [
        ({"lora_one_gamma": 0}, "lora_one_gamma"),
        ({"lora_one_gamma": -1.0}, "lora_one_gamma"),
        ({"lora_one_gamma": float("nan")}, "lora_one_gamma"),
        ({"lora_one_gamma": float("inf")}, "lora_one_gamma"),
        ({"lora_one_gamma": "auto"}, "lora_one_gamma"),
        ({"lora_one_scale": "spectrum"}, "lora_one_scale"),
    ],
)
def test_its_own_settings_are_checked_when_it_is_made(options: dict[str, Any], field: str) -> None:
    with pytest.raises(SpecError) as caught:
        LoraOneConfig(**options)
    assert caught.value.field == field
    assert caught.value.allowed


def test_preprocess_takes_no_plain_config() -> None:
    model = llama()
    with pytest.raises(SpecError, match="takes a LoraOneConfig") as caught:
        preprocess_lora_one(model, LoraConfig(), lambda: None)  # type: ignore[arg-type]
    assert "initialize_lora_one_weights" in str(caught.value.hint)
    with pytest.raises(ModelError, match="no LoRA adapter"):
        initialize_lora_one_weights(model, [tokens(2, 5)])  # type: ignore[arg-type]
    with pytest.raises(ModelError, match="is no model"):
        initialize_lora_one_weights("model", [tokens(2, 5)])  # type: ignore[arg-type]


def test_variants_of_lora_are_refused_by_the_name_of_their_layer() -> None:
    plain = LoraConfig(
        target_modules=["q_proj"], alora_invocation_tokens=[1], task_type="CAUSAL_LM"
    )
    model = get_peft_model(llama(), plain)
    with pytest.raises(ModelError, match=r"layers\.0\.self_attn\.q_proj with"):
        initialize_lora_one_weights(model, [tokens(2, 5)])


@pytest.mark.parametrize("bias", ["none", "all", "lora_only"])
def test_biases_are_trained_as_in_peft(bias: Any) -> None:
    options: dict[str, Any] = {"target_modules": ["q_proj"], "bias": bias}
    plain = get_peft_model(llama(attention_bias=True), LoraConfig(**options))
    model, config = llama(attention_bias=True), LoraOneConfig(**options)
    preprocess_lora_one(model, config, step(model, tokens(4, 9)))
    started = get_peft_model(model, config)
    trained = [{n for n, p in m.named_parameters() if p.requires_grad} for m in (plain, started)]
    assert trained[0] == trained[1]


def test_an_unknown_bias_is_refused_as_in_peft() -> None:
    model, config = llama(), LoraOneConfig(target_modules=["q_proj"], bias="some")  # type: ignore[arg-type]
    with pytest.raises(NotImplementedError, match="some"):
        preprocess_lora_one(model, config, lambda: None)
