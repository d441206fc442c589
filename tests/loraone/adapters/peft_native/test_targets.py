"""Which layers start, and at which rank: what PEFT makes of every way to name them."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from peft import LoraConfig, get_peft_model
from torch import nn

from loraone.errors import ModelError, SpecError
from loraone.peft_native import LoraOneConfig, initialize_lora_one_weights, preprocess_lora_one
from tests.loraone.adapters.peft_native.tiny import (
    adapted,
    added,
    bert,
    close,
    expected,
    gpt2,
    gradients,
    llama,
    mean_loss,
    step,
    tokens,
)

WAYS: list[dict[str, Any]] = [
    {"target_modules": "all-linear"},
    {"target_modules": "ALL-LINEAR", "exclude_modules": ["down_proj"]},
    {"target_modules": None},
    {"target_modules": r".*\.[01]\.mlp\.(up|gate)_proj"},
    {"target_modules": ["q_proj", "v_proj"], "layers_to_transform": 1},
    {"target_modules": ["q_proj"], "layers_to_transform": [0], "layers_pattern": "layers"},
    {"target_modules": ["q_proj", "o_proj"], "exclude_modules": r".*0.*o_proj"},
    {"target_modules": ["q_proj", "lm_head"], "modules_to_save": ["embed_tokens"]},
    {"target_modules": ["q_proj"], "trainable_token_indices": [1, 4]},
    {"target_modules": ["k_proj"], "bias": "lora_only", "lora_bias": True},
    {"target_modules": ["self_attn.q_proj", "layers.1.mlp.up_proj"], "use_dora": True},
    {
        "target_modules": "all-linear",
        "r": 3,
        "rank_pattern": {"q_proj": 5, r"layers\.1\.mlp\..*": 2, "^model.layers.0.mlp.up_proj": 7},
        "alpha_pattern": {"q_proj": 10, "down_proj": 6},
        "use_rslora": True,
    },
]


@pytest.mark.parametrize("way", ["before", "after"])
@pytest.mark.parametrize("options", WAYS, ids=[str(i) for i in range(len(WAYS))])
def test_the_layers_that_peft_adapts_start_at_their_own_rank_and_scale(
    options: dict[str, Any], way: str
) -> None:
    settings = {"r": 4, "lora_alpha": 8, "use_rslora": False, **options}
    data = tokens(4, 9)
    exact = gradients(model := llama(), mean_loss(model, [data], [1]))
    plain = get_peft_model(llama(), LoraConfig(**settings))
    if way == "before":
        config = LoraOneConfig(**settings)
        preprocess_lora_one(model, config, step(model, data))
        started = get_peft_model(model, config)
    else:
        started = get_peft_model(model, LoraConfig(**settings))
        initialize_lora_one_weights(started, [data])
    layers = adapted(started)
    assert list(layers) == list(adapted(plain))
    trained = {name for name, p in plain.named_parameters() if p.requires_grad}
    assert {name for name, p in started.named_parameters() if p.requires_grad} == trained
    for name, wanted in adapted(plain).items():
        assert layers[name].r == wanted.r
        assert layers[name].scaling == wanted.scaling
        r, s = wanted.r["default"], wanted.scaling["default"]
        assert close(added(started, name), expected(exact[name], r, s)), name


@pytest.mark.parametrize("gradient", ["layerwise", "sketch"])
def test_each_layer_has_its_own_rank_however_the_gradient_is_taken(gradient: Any) -> None:
    data = tokens(4, 9)
    exact = gradients(model := llama(), mean_loss(model, [data], [1]))
    ranks = {"q_proj": 6, "layers.0.mlp.up_proj": 1}
    config = LoraConfig(r=3, rank_pattern=ranks, target_modules=["q_proj", "up_proj", "k_proj"])
    started = get_peft_model(model, config)
    initialize_lora_one_weights(started, [data], gradient=gradient)
    assert {module.r["default"] for module in adapted(started).values()} == {1, 3, 6}
    for name, module in adapted(started).items():
        r, s = module.r["default"], module.scaling["default"]
        assert close(added(started, name), expected(exact[name], r, s), 2e-2), name


@pytest.mark.parametrize("share", [0.0, 0.5])
def test_several_batches_layer_by_layer_start_it_as_all_at_once_do(
    share: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("loraone.adapters.peft_native.initialize.SHARE", share)
    batches = [tokens(4, 9), tokens(2, 5), tokens(3, 7)]
    added_by = {}
    for gradient in ("accumulate", "layerwise"):
        config = LoraConfig(r=3, rank_pattern={"q_proj": 6}, target_modules="all-linear")
        started = get_peft_model(llama(), config)
        initialize_lora_one_weights(started, batches, gradient=gradient)
        added_by[gradient] = {name: added(started, name) for name in adapted(started)}
    for name, whole in added_by["accumulate"].items():
        torch.testing.assert_close(added_by["layerwise"][name], whole, rtol=0, atol=0)


def test_all_linear_of_gpt2_is_its_conv1d_layers() -> None:
    data = tokens(4, 9)
    exact = gradients(model := gpt2(), mean_loss(model, [data], [1]))
    config = LoraOneConfig(r=2, target_modules="all-linear", rank_pattern={"c_fc": 5})
    preprocess_lora_one(model, config, step(model, data))
    started = get_peft_model(model, config)
    assert {type(m.get_base_layer()).__name__ for m in adapted(started).values()} == {"Conv1D"}
    for name, module in adapted(started).items():
        r, s = module.r["default"], module.scaling["default"]
        assert r == (5 if name.endswith("c_fc") else 2)
        assert close(added(started, name), expected(exact[name], r, s)), name


def test_all_linear_leaves_the_head_of_a_classifier_to_be_trained_whole() -> None:
    data = tokens(4, 9) | {"labels": torch.tensor([0, 1, 1, 0])}
    model = bert("texts")
    config = LoraOneConfig(r=2, target_modules="all-linear", task_type="SEQ_CLS")
    preprocess_lora_one(model, config, step(model, data))
    started = get_peft_model(model, config)
    assert "classifier" not in adapted(started)
    assert any(name.endswith("pooler.dense") for name in adapted(started))


def test_a_module_with_two_names_is_one_layer_and_has_the_sum_of_its_gradients() -> None:
    torch.manual_seed(0)
    inner = nn.Linear(6, 6)
    model = nn.Sequential(inner, nn.Tanh(), inner)
    x = torch.randn(7, 6)
    exact = gradients(model, (model(x) ** 2).mean())
    config = LoraOneConfig(r=2, lora_alpha=2, target_modules=["0", "2"])
    preprocess_lora_one(model, config, lambda: (model(x) ** 2).mean().backward())
    started = get_peft_model(model, config)
    assert close(added(started, "0"), expected(exact["0"], 2, 1.0))


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"rank_pattern": {"up_proj": 17}}, "rank 17 is above min"),
        ({"target_modules": ["q_proj"], "exclude_modules": ["q_proj"]}, "excluded|mismatched"),
        ({"target_modules": ["q_proj"], "layers_to_transform": [7]}, "layers_to_transform"),
        ({"target_modules": []}, "target_modules"),
        ({"target_modules": ["act_fn"]}, "not supported"),
        ({"target_modules": ["q_proj"], "layer_replication": [(0, 2), (0, 2)]}, "replication"),
    ],
)
def test_what_peft_or_lora_one_cannot_adapt_is_refused_before_the_gradient_is_taken(
    options: dict[str, Any], words: str
) -> None:
    model = llama()
    config = LoraOneConfig(**{"target_modules": ["up_proj"], **options})

    def never() -> None:
        raise AssertionError("the gradient was taken")

    with pytest.raises((SpecError, ModelError), match=words) as caught:
        preprocess_lora_one(model, config, never)
    assert isinstance(caught.value, ValueError)
    assert caught.value.allowed


def test_a_rank_that_does_not_fit_one_layer_writes_no_layer() -> None:
    started = get_peft_model(
        llama(), LoraConfig(r=2, target_modules=["q_proj", "up_proj"], rank_pattern={"up_proj": 17})
    )
    before = {name: p.detach().clone() for name, p in started.named_parameters()}
    with pytest.raises(SpecError, match="rank 17"):
        initialize_lora_one_weights(started, [tokens(2, 5)])
    for name, parameter in started.named_parameters():
        torch.testing.assert_close(parameter, before[name], rtol=0, atol=0)


def test_finding_the_layers_draws_no_random_number_and_changes_no_config() -> None:
    model, config = llama(), LoraOneConfig(target_modules="all-linear")
    torch.manual_seed(5)
    preprocess_lora_one(model, config, step(model, tokens(2, 5)))
    after = torch.randn(3)
    torch.manual_seed(5)
    torch.testing.assert_close(after, torch.randn(3), rtol=0, atol=0)
    assert config.target_modules == "all-linear"
    assert not hasattr(model, "peft_config")
