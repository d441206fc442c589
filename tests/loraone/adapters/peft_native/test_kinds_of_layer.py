"""Kinds of layers: what can be started starts at its own gradient, all else is refused by name."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from peft import LoraConfig, get_peft_model
from torch import nn
from transformers import MixtralConfig, MixtralForCausalLM

from loraone.errors import ModelError, SpecError
from loraone.peft_native import LoraOneConfig, initialize_lora_one_weights, preprocess_lora_one
from tests.loraone.adapters.peft_native.tiny import (
    SMALL,
    VOCABULARY,
    Mixed,
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

KINDS = ["embed", "linear", "conv1d", "conv2d", "conv3d"]


class WithLoss(nn.Module):
    """Gives its loss as transformers' models do."""

    def __init__(self, inner: nn.Module) -> None:
        super().__init__()
        self.inner = inner

    def forward(self, ids: torch.Tensor) -> dict[str, torch.Tensor]:
        return {"loss": self.inner(ids)}


@pytest.mark.parametrize("way", ["before", "after"])
def test_linear_layers_embeddings_and_convolutions_start_at_their_gradients(way: str) -> None:
    model, ids = Mixed(), Mixed.ids()
    exact = gradients(model, model(ids))
    options: dict[str, Any] = {
        "r": 3,
        "lora_alpha": 6,
        "target_modules": KINDS,
        "rank_pattern": {"conv2d": 5, "embed": 2},
        "alpha_pattern": {"conv1d": 9},
        "use_rslora": True,
    }
    if way == "before":
        config = LoraOneConfig(**options)
        preprocess_lora_one(model, config, lambda: model(ids).backward())
        started: Any = get_peft_model(model, config)
        prefix = ""
    else:
        started = get_peft_model(WithLoss(model), LoraConfig(**options))
        initialize_lora_one_weights(started, [{"ids": ids}])
        prefix = "inner."
    for kind in KINDS:
        module = adapted(started)[prefix + kind]
        r, s = module.r["default"], module.scaling["default"]
        found = added(started, prefix + kind)
        assert close(found, expected(exact[kind], r, s)), kind
        # What the layer computes is what a layer of the sum W + s·B·A does.
        assert s == (9 if kind == "conv1d" else 6) / r**0.5
    output = started(ids) if way == "before" else started(ids=ids)["loss"]
    merged = started.merge_and_unload()
    again = merged(ids) if way == "before" else merged(ids=ids)["loss"]
    torch.testing.assert_close(output, again, rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("gradient", ["layerwise", "sketch"])
def test_convolutions_and_embeddings_start_so_without_the_whole_gradient(gradient: Any) -> None:
    model, ids = Mixed(), Mixed.ids()
    exact = gradients(model, model(ids))
    started = get_peft_model(WithLoss(model), LoraConfig(r=3, target_modules=KINDS))
    initialize_lora_one_weights(started, [{"ids": ids}], gradient=gradient)
    for kind in KINDS:
        found = added(started, "inner." + kind)
        assert close(found, expected(exact[kind], 3, 8 / 3), 2e-2), kind


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("way", ["before", "after"])
def test_dora_has_the_magnitudes_of_the_started_weight_in_every_kind(kind: str, way: str) -> None:
    model, ids = Mixed(), Mixed.ids()
    options: dict[str, Any] = {"r": 2, "target_modules": [kind], "use_dora": True}
    if way == "before":
        config = LoraOneConfig(lora_one_gamma=1.0, **options)
        preprocess_lora_one(model, config, lambda: model(ids).backward())
        started: Any = get_peft_model(model, config)
    else:
        started = get_peft_model(WithLoss(model), LoraConfig(**options))
        held = started.get_submodule(f"base_model.model.inner.{kind}").lora_magnitude_vector
        parameter = held["default"].weight
        initialize_lora_one_weights(started, [{"ids": ids}], gamma=1.0)
        assert held["default"].weight is parameter, "an optimizer would train the old one"
    (module,) = adapted(started).values()
    total = module.get_base_layer().weight + module.get_delta_weight("default")
    lengths = total.norm(dim=0) if kind == "embed" else total.flatten(1).norm(dim=1)
    found = module.lora_magnitude_vector["default"].weight.flatten()
    torch.testing.assert_close(found, lengths, rtol=1e-4, atol=1e-6)


REFUSED: dict[str, tuple[Any, dict[str, Any], str]] = {
    "attention": (Mixed, {"target_modules": ["linear", "attention"]}, "attention, a Multihead"),
    "parameter": (Mixed, {"target_modules": [], "target_parameters": ["linear.weight"]}, "linear"),
    "groups": (
        lambda: nn.Sequential(nn.Conv1d(4, 4, 2, groups=2), nn.Linear(4, 4)),
        {"target_modules": ["0", "1"], "r": 2},
        "layer 0, a Conv1d with groups",
    ),
    "dilation": (
        lambda: nn.Sequential(nn.Conv2d(4, 4, 2, dilation=2), nn.Linear(4, 4)),
        {"target_modules": ["1", "0"], "r": 2},
        "layer 0, a Conv2d",
    ),
    "padding": (
        lambda: nn.Sequential(nn.Conv1d(4, 4, 3, padding=1, padding_mode="circular")),
        {"target_modules": ["0"], "r": 2},
        "layer 0, a Conv1d",
    ),
}


@pytest.mark.parametrize("way", ["before", "after"])
@pytest.mark.parametrize("case", REFUSED)
def test_what_would_stay_at_zero_is_refused_by_name_and_nothing_is_written(
    case: str, way: str
) -> None:
    make, options, words = REFUSED[case]
    model = make()
    with pytest.raises(ModelError, match=words) as caught:
        if way == "before":
            preprocess_lora_one(model, LoraOneConfig(**options), lambda: None)
        else:
            started = get_peft_model(model, LoraConfig(**options))
            before = {name: p.detach().clone() for name, p in started.named_parameters()}
            try:
                initialize_lora_one_weights(started, [{"ids": Mixed.ids()}])
            finally:
                for name, parameter in started.named_parameters():
                    torch.testing.assert_close(parameter, before[name], rtol=0, atol=0)
    assert caught.value.hint
    assert "ΔW = 0" in str(caught.value)


def mixtral() -> Any:
    torch.manual_seed(0)
    heads = {"num_attention_heads": 4, "num_key_value_heads": 2}
    experts = {"num_local_experts": 2, "num_experts_per_tok": 1}
    return MixtralForCausalLM(MixtralConfig(vocab_size=VOCABULARY, **SMALL, **heads, **experts))


class Encoder(nn.Module):
    """torch's own transformer, which computes with the weights of some layers it never calls."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.block = nn.TransformerEncoderLayer(12, 2, 16, batch_first=True)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return (self.block(x) ** 3).mean()


def test_the_output_of_an_attention_module_is_refused_and_its_neighbours_start() -> None:
    model, x = Encoder(), torch.randn(5, 7, 12, generator=torch.Generator().manual_seed(0))
    with pytest.raises(ModelError, match=r"block\.self_attn\.out_proj"):
        preprocess_lora_one(model, LoraOneConfig(r=2, target_modules="all-linear"), lambda: None)
    config = LoraOneConfig(r=2, target_modules="all-linear", exclude_modules=["out_proj"])
    preprocess_lora_one(model, config, lambda: model(x).backward())
    exact = gradients(model.eval(), model(x))
    started = get_peft_model(model, config)
    assert list(adapted(started)) == ["block.linear1", "block.linear2"]
    for name in adapted(started):
        assert close(added(started, name), expected(exact[name], 2, 4.0)), name


class Named(nn.Module):
    """Calls its layers by the names of their arguments."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.embed = nn.Embedding(11, 12)
        self.conv = nn.Conv1d(12, 6, 3)
        self.linear = nn.Linear(6, 5)

    def forward(self, ids: torch.Tensor) -> torch.Tensor:
        x = self.conv(input=self.embed(input=ids).transpose(1, 2))
        return (self.linear(input=torch.tanh(x).transpose(1, 2)) ** 2).mean()


def test_layers_may_be_called_by_the_names_of_their_arguments() -> None:
    model, ids = Named(), Mixed.ids()
    exact = gradients(model, model(ids))
    config = LoraOneConfig(r=2, target_modules=["embed", "conv", "linear"])
    preprocess_lora_one(model, config, lambda: model(ids).backward())
    started = get_peft_model(model, config)
    for name in exact:
        assert close(added(started, name), expected(exact[name], 2, 4.0)), name


def test_fused_experts_are_refused_by_the_name_of_their_parameter() -> None:
    options: dict[str, Any] = {
        "r": 2,
        "target_modules": ["q_proj"],
        "target_parameters": ["mlp.experts.gate_up_proj"],
    }
    with pytest.raises(ModelError, match=r"layers\.0\.mlp\.experts.*gate_up_proj"):
        preprocess_lora_one(mixtral(), LoraOneConfig(**options), lambda: None)
    started = get_peft_model(mixtral(), LoraConfig(**options))
    with pytest.raises(ModelError, match=r"layers\.0\.mlp\.experts.*gate_up_proj"):
        initialize_lora_one_weights(started, [tokens(2, 5)])


def test_the_layers_beside_fused_experts_start() -> None:
    data, model = tokens(4, 9), mixtral()
    exact = gradients(model, mean_loss(model, [data], [1]))
    config = LoraOneConfig(r=2, target_modules=["q_proj", "o_proj"])
    preprocess_lora_one(model, config, step(model, data))
    started = get_peft_model(model, config)
    for name in adapted(started):
        assert close(added(started, name), expected(exact[name], 2, 4.0)), name


@pytest.mark.parametrize("way", ["before", "after"])
def test_a_tied_head_and_embedding_start_at_their_own_share_of_the_gradient(way: str) -> None:
    options: dict[str, Any] = {"r": 3, "target_modules": ["embed_tokens", "lm_head"]}
    data, model = tokens(4, 9), llama(tie_word_embeddings=True)
    apart = llama()
    apart.load_state_dict(model.state_dict())
    exact = gradients(apart, mean_loss(apart, [data], [1]))
    if way == "before":
        config = LoraOneConfig(**options)
        preprocess_lora_one(model, config, step(model, data))
        started = get_peft_model(model, config)
    else:
        started = get_peft_model(model, LoraConfig(**options))
        initialize_lora_one_weights(started, [data])
    for name in ("model.embed_tokens", "lm_head"):
        assert close(added(started, name), expected(exact[name], 3, 8 / 3)), name


def test_one_adapter_for_both_ends_of_a_tied_weight_is_refused() -> None:
    options: dict[str, Any] = {
        "r": 3,
        "target_modules": ["embed_tokens", "lm_head"],
        "ensure_weight_tying": True,
    }
    model = llama(tie_word_embeddings=True)
    with pytest.raises(SpecError, match="ensure_weight_tying"):
        preprocess_lora_one(model, LoraOneConfig(**options), step(model, tokens(2, 5)))
    started = get_peft_model(model, LoraConfig(**options))
    with pytest.raises(SpecError, match="ensure_weight_tying"):
        initialize_lora_one_weights(started, [tokens(2, 5)])
