"""The gradient of each expert is autograd's, by every strategy, also of one that got no token."""

from __future__ import annotations

import weakref
from itertools import pairwise
from typing import Any

import pytest
import torch
from torch import Tensor

from loraone.gradient.exact import one_step_gradient
from loraone.gradient.groups import groups_of
from loraone.gradient.layerwise import layerwise
from loraone.gradient.sketch import sketch
from loraone.gradient.taps import checkpointed, frozen, tapping
from loraone.inputs.data.batches import Batch, Encoded, loss_tokens
from loraone.inputs.models.targets import TargetLayer, find_targets
from loraone.linalg.svd import Decomposition, truncated_svd
from loraone.spec.model import ModelSpec
from tests.loraone.gradient.examples import reproduces
from tests.loraone.gradient.test_exact import CPU, texts
from tests.loraone.mixtures import MIXTURES, built

LENGTHS = [9, 5, 7, 3]


def mixture(name: str) -> tuple[Any, tuple[TargetLayer, ...]]:
    model = built(name)
    return model, find_targets(model, ModelSpec(target_parameters="experts"))


def one_word(count: int) -> Batch:
    """A batch whose tokens are all the same, and so go all through the same experts."""
    return Encoded(((5,) * count,) * 2, (0, 0), True, 0).batch([0, 1], CPU)


def autograd(model: Any, layers: tuple[TargetLayer, ...], batch: Batch) -> dict[str, Tensor]:
    """By the parameters' own gradients, summed with the weight of each batch."""
    model.zero_grad()
    model.requires_grad_(True)
    model(**batch).loss.backward()
    found = {}
    for layer in layers:
        grad = layer.parameter.grad
        assert grad is not None
        own = grad if layer.expert is None else grad[layer.expert]
        found[layer.name] = layer.oriented(own).clone()
    model.zero_grad()
    return found


@pytest.mark.parametrize("name", MIXTURES)
@pytest.mark.parametrize("implementation", ["eager", "grouped_mm", "batched_mm"])
def test_the_sum_over_micro_batches_is_autograds(name: str, implementation: str) -> None:
    model, layers = mixture(name)
    model.set_experts_implementation(implementation)
    data = texts(LENGTHS, causal=True)
    parts = [data.batch([0, 1], CPU), data.batch([2, 3], CPU)]
    counts = [loss_tokens(part, model) for part in parts]
    each = [autograd(model, layers, part) for part in parts]
    sums, _ = one_step_gradient(model, layers, parts)
    for layer in layers:
        expected = sum(
            found[layer.name] * (count / sum(counts))
            for found, count in zip(each, counts, strict=True)
        )
        assert sums[layer.name].shape == layer.shape
        torch.testing.assert_close(sums[layer.name], expected, rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("name", MIXTURES)
@pytest.mark.parametrize("recomputed", [False, True])
def test_layerwise_and_sketch_come_to_the_same_triplets(name: str, recomputed: bool) -> None:
    model, layers = mixture(name)
    batch = texts(LENGTHS, causal=True).batch([0, 1, 2, 3], CPU)
    exact, _ = one_step_gradient(model, layers, [batch])
    seen: dict[str, Tensor] = {}

    def decompose(layer: str, gradient: Tensor) -> Decomposition:
        seen[layer] = gradient.clone()
        return truncated_svd(gradient, 3)

    def both() -> tuple[Any, Any]:
        by_layer = layerwise(model, layers, batch, decompose)
        return by_layer, sketch(model, layers, [batch], 3)

    if recomputed:
        with checkpointed(model):
            by_layer, sketched = both()
    else:
        by_layer, sketched = both()
    for layer in layers:
        torch.testing.assert_close(seen[layer.name], exact[layer.name], rtol=1e-4, atol=1e-6)
        reproduces(by_layer[layer.name], exact[layer.name], 1e-3)
        reproduces(sketched[layer.name], exact[layer.name], 1e-3)


def test_experts_of_one_parameter_may_be_in_several_groups() -> None:
    model, layers = mixture("mixtral")
    batch = texts(LENGTHS, causal=True).batch([0, 1, 2, 3], CPU)
    exact, _ = one_step_gradient(model, layers, [batch])
    groups = groups_of(layers, 8 * 3 * 16 * 48)
    of_experts = [{layer.parameter for layer in g if layer.expert is not None} for g in groups]
    assert any(one & other for one, other in pairwise(of_experts))
    for group in groups:
        sums, _ = one_step_gradient(model, group, [batch])
        for name, gradient in sums.items():
            torch.testing.assert_close(gradient, exact[name], rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("name", MIXTURES)
def test_an_expert_without_a_token_has_no_gradient_and_no_rank(name: str) -> None:
    model, layers = mixture(name)
    batch = one_word(6)
    sums, _ = one_step_gradient(model, layers, [batch])
    unused = [x.name for x in layers if x.expert is not None and not sums[x.name].any()]
    # Two of four experts of two parameters in two layers; gpt-oss's attention tells places apart.
    assert len(unused) == 8 if name != "gpt_oss" else unused
    by_layer = layerwise(model, layers, batch, lambda _, G: truncated_svd(G, 3))
    sketched = sketch(model, layers, [batch], 3)
    for layer in unused:
        assert truncated_svd(sums[layer], 3).rank() == 0
        assert by_layer[layer].rank() == 0
        assert sketched[layer].rank() == 0


def test_a_model_in_bfloat16_gives_float32_sums_and_keeps_its_own_gradients() -> None:
    model, layers = mixture("qwen2_moe")
    batch = texts(LENGTHS, causal=True).batch([0, 1, 2, 3], CPU)
    exact, _ = one_step_gradient(model, layers, [batch])
    model.to(torch.bfloat16)
    for parameter in model.parameters():
        parameter.grad = torch.ones_like(parameter)
    wanted = {name: p.requires_grad for name, p in model.named_parameters()}
    sums, _ = one_step_gradient(model, layers, [batch])
    for layer in layers:
        assert sums[layer.name].dtype == torch.float32
    off = sum(float((sums[n] - exact[n]).square().sum()) for n in exact) ** 0.5
    assert off < 0.05 * sum(float(G.square().sum()) for G in exact.values()) ** 0.5
    assert all(p.grad is not None and bool((p.grad == 1).all()) for p in model.parameters())
    assert wanted == {name: p.requires_grad for name, p in model.named_parameters()}


def test_the_gradient_of_a_parameter_is_let_go_before_the_next_one_comes() -> None:
    model, layers = mixture("mixtral")
    of_experts = [layer for layer in layers if layer.expert is not None]
    alive: list[weakref.ref[Any]] = []
    most = 0

    def consumer(layer: TargetLayer) -> Any:
        def consume(share: Any) -> None:
            nonlocal most
            base = share.matrix._base if share.matrix._base is not None else share.matrix
            if not any(each() is base for each in alive):
                alive.append(weakref.ref(base))
            most = max(most, sum(each() is not None for each in alive))

        return consume

    batch = texts(LENGTHS, causal=True).batch([0, 1], CPU)
    with frozen(model), tapping([(layer, consumer(layer)) for layer in of_experts]):
        model(**batch).loss.backward()
    assert len(alive) == 4, "two parameters in two layers"
    assert most == 1
