"""Language models beside Llama: tied and scaled embeddings, normed and grouped attention."""

from __future__ import annotations

from collections.abc import Callable
from copy import deepcopy
from typing import Any

import pytest
import torch
import transformers
from torch import nn

from loraone.gradient.exact import one_step_gradient
from loraone.gradient.layerwise import layerwise
from loraone.gradient.sketch import sketch
from loraone.inputs.models.targets import TargetLayer
from tests.loraone.gradient.examples import reproduces, top
from tests.loraone.gradient.test_exact import CPU, autograd, texts, untie

SIZE: dict[str, Any] = {
    "vocab_size": 24,
    "hidden_size": 16,
    "intermediate_size": 24,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "head_dim": 4,
    "max_position_embeddings": 64,
    "pad_token_id": 0,
}

MODELS: dict[str, Callable[[], Any]] = {
    "gemma": lambda: transformers.GemmaForCausalLM(transformers.GemmaConfig(**SIZE)),
    "gemma 2": lambda: transformers.Gemma2ForCausalLM(transformers.Gemma2Config(**SIZE)),
    "gemma 3": lambda: transformers.Gemma3ForCausalLM(transformers.Gemma3TextConfig(**SIZE)),
    "qwen 3": lambda: transformers.Qwen3ForCausalLM(transformers.Qwen3Config(**SIZE)),
}
R = 3
BATCHES = list(texts([4, 7, 5, 9], causal=True).batches(range(4), 2, CPU))
WHOLE = texts([4, 7, 5, 9], causal=True).batch(range(4), CPU)


def made(name: str, dtype: torch.dtype) -> tuple[Any, tuple[TargetLayer, ...]]:
    torch.manual_seed(0)
    model = MODELS[name]().to(dtype).eval()
    return model, layers_of(model)


def layers_of(model: Any) -> tuple[TargetLayer, ...]:
    """Every linear layer with the embeddings, which the head shares in Gemma."""
    return tuple(
        TargetLayer(name, module)
        for name, module in model.named_modules()
        if isinstance(module, nn.Linear | nn.Embedding)
    )


def expected(model: Any) -> dict[str, torch.Tensor]:
    """By autograd in float64, each module with a weight of its own."""
    alone = deepcopy(model).double()
    untie(alone)
    return {name: G.float() for name, G in autograd(alone, layers_of(alone), WHOLE).items()}


@pytest.mark.parametrize("name", MODELS)
@pytest.mark.parametrize(
    ("dtype", "near"), [(torch.float32, 1e-5), (torch.bfloat16, 0.04)], ids=str
)
def test_the_gradient_is_autograds(name: str, dtype: torch.dtype, near: float) -> None:
    model, layers = made(name, dtype)
    found, _ = one_step_gradient(model, layers, BATCHES)
    exact = expected(model)
    assert found.keys() == exact.keys()
    for layer, gradient in exact.items():
        assert found[layer].dtype == torch.float32
        assert float((found[layer] - gradient).norm()) <= near * float(gradient.norm()), layer


@pytest.mark.parametrize("name", MODELS)
def test_other_strategies_have_its_best_part(name: str) -> None:
    model, layers = made(name, torch.float32)
    exact = expected(model)
    by_layer = layerwise(model, layers, WHOLE, top(R))
    sketched = sketch(model, layers, BATCHES, R)
    for layer, gradient in exact.items():
        reproduces(by_layer[layer], gradient, 1e-5)
        reproduces(sketched[layer], gradient, 1e-3)
