"""A loss that is taken in chunks is the model's own, and holds no more logits than a chunk has."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import peft
import pytest
import torch
import transformers
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode

from loraone.gradient.exact import one_step_gradient
from loraone.inputs.models.loss import mean_loss
from loraone.inputs.models.targets import find_targets
from loraone.measure.curvature import largest_eigenvalue
from loraone.spec.model import ModelSpec
from tests.loraone.inputs.models.language_models import MODELS, WORDS, batch, drawn, gradients

# Four chunks or more of each batch here.
SMALL = 8 * WORDS
ADAPTERS: dict[str, dict[str, Any]] = {
    "of the blocks": {"target_modules": "all-linear"},
    "of the head": {"target_modules": ["lm_head", "wo", "q_proj"]},
    "of the head, dora": {"target_modules": ["lm_head", "wo", "q_proj"], "use_dora": True},
    "beside a trained head": {"target_modules": ["v", "v_proj"], "modules_to_save": ["lm_head"]},
}


class Largest(TorchDispatchMode):
    """Remembers how many numbers the largest tensor has that any operation gave."""

    numbers = 0

    def __torch_dispatch__(
        self, function: Callable[..., Any], types: Any, args: Any = (), kwargs: Any = None
    ) -> Any:
        given = function(*args, **(kwargs or {}))
        for tensor in given if isinstance(given, tuple | list) else (given,):
            if isinstance(tensor, Tensor):
                self.numbers = max(self.numbers, tensor.numel())
        return given


def compare(model: Any, most: int = SMALL) -> None:
    texts = batch()
    own = model(**texts).loss
    chunked = mean_loss(model, texts, most)
    assert float(chunked.detach()) == pytest.approx(float(own.detach()), rel=1e-6)
    expected, found = gradients(model, own), gradients(model, chunked)
    assert expected.keys() == found.keys()
    for name, gradient in expected.items():
        scale = float(gradient.abs().max())
        assert torch.allclose(found[name], gradient, rtol=1e-5, atol=2e-6 * scale), name


@pytest.mark.parametrize("name", MODELS)
def test_it_is_the_models_own_loss_with_the_same_gradient(name: str) -> None:
    compare(drawn(name))


@pytest.mark.parametrize("name", MODELS)
def test_so_it_is_where_the_head_is_frozen(name: str) -> None:
    model = drawn(name)
    model.requires_grad_(False)
    for layer in find_targets(model, ModelSpec()):
        layer.parameter.requires_grad_(True)
    compare(model)


@pytest.mark.parametrize("kind", ADAPTERS)
@pytest.mark.parametrize("name", ["llama", "t5"])
def test_so_it_is_with_adapters(name: str, kind: str) -> None:
    model = drawn(name)
    task = "SEQ_2_SEQ_LM" if name == "t5" else "CAUSAL_LM"
    config = peft.LoraConfig(r=2, task_type=task, init_lora_weights=False, **ADAPTERS[kind])
    compare(peft.get_peft_model(model, config).eval())


@pytest.mark.parametrize("trained", [True, False])
def test_no_tensor_is_larger_than_a_chunk(trained: bool) -> None:
    words, length = 1000, 64
    config = transformers.LlamaConfig(
        vocab_size=words,
        hidden_size=16,
        intermediate_size=16,
        num_hidden_layers=1,
        num_attention_heads=2,
        pad_token_id=0,
    )
    model = transformers.LlamaForCausalLM(config)
    model.requires_grad_(trained)
    model.model.layers.requires_grad_(True)
    texts = batch(8, length)
    for chunk in (40, 100):
        with Largest() as largest:
            mean_loss(model, texts, chunk * words).backward()
        assert largest.numbers == chunk * words
    with Largest() as largest:
        mean_loss(model, texts).backward()
    assert largest.numbers == 8 * length * words, "what is small is taken at once"


@pytest.mark.parametrize("name", ["llama", "gemma2, capped", "t5"])
@pytest.mark.parametrize("targets", [("lm_head",), ("lm_head", "wo", "down_proj")])
def test_taps_at_the_head_see_all_of_its_calls(
    name: str, targets: tuple[str, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    model = drawn(name)
    known = {name.rsplit(".")[-1] for name, _ in model.named_modules()}
    layers = find_targets(model, ModelSpec(targets=tuple(t for t in targets if t in known)))
    whole, loss = one_step_gradient(model, layers, [batch()])
    monkeypatch.setattr("loraone.gradient.passes.mean_loss", lambda *a: mean_loss(*a, SMALL))
    chunked, again = one_step_gradient(model, layers, [batch()])
    assert again == pytest.approx(loss, rel=1e-6)
    for layer, gradient in whole.items():
        scale = float(gradient.abs().max())
        assert torch.allclose(chunked[layer], gradient, rtol=1e-5, atol=2e-6 * scale), layer


@pytest.mark.parametrize("trained", [("q_proj",), ("q_proj", "lm_head")])
def test_its_hessian_is_that_of_the_whole_loss(
    trained: tuple[str, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    model = drawn("llama")
    model.requires_grad_(False)
    tuned = [layer.parameter for layer in find_targets(model, ModelSpec(targets=trained))]
    for parameter in tuned:
        parameter.requires_grad_(True)
    whole = largest_eigenvalue(model, batch(), tuned)
    monkeypatch.setattr("loraone.measure.curvature.mean_loss", lambda *a: mean_loss(*a, SMALL))
    chunked = largest_eigenvalue(model, batch(), tuned)
    assert chunked.value == pytest.approx(whole.value, rel=1e-4)


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
@pytest.mark.parametrize("name", ["llama", "gpt2", "t5"])
def test_in_16_bits_it_is_the_loss_in_float32(name: str, dtype: torch.dtype) -> None:
    model = drawn(name).to(dtype)
    with torch.no_grad():
        whole, chunked = mean_loss(model, batch()), mean_loss(model, batch(), SMALL)
    assert chunked.dtype == torch.float32
    assert float(chunked) == pytest.approx(float(whole), rel=2e-3)


def test_a_loss_of_experts_is_kept() -> None:
    model = drawn("qwen2, experts")
    without = float(mean_loss(model, batch(), SMALL).detach())
    model.config.output_router_logits = True
    model.router_aux_loss_coef = 10.0
    assert float(mean_loss(model, batch(), SMALL).detach()) > without + 1
    compare(model)


@pytest.mark.parametrize("most", [SMALL, 10**9])
def test_a_decoder_whose_own_loss_does_not_shift_still_predicts_the_next_token(most: int) -> None:
    config = drawn("bart").config
    config.is_decoder, config.is_encoder_decoder, config.use_cache = True, False, False
    model, texts = transformers.BartForCausalLM(config).eval(), batch()
    logits = model(input_ids=texts["input_ids"], attention_mask=texts["attention_mask"]).logits
    expected = torch.nn.functional.cross_entropy(
        logits[:, :-1].reshape(-1, WORDS), texts["labels"][:, 1:].reshape(-1)
    )
    assert torch.allclose(mean_loss(model, texts, most), expected, rtol=1e-6)
