"""The two ways in for people who use PEFT directly."""

from __future__ import annotations

import copy
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from peft import LoraConfig, PeftModel, get_peft_model
from transformers import AutoModelForCausalLM, LlamaConfig, LlamaForCausalLM

from loraone.errors import ModelError, SpecError
from loraone.peft_native import LoraOneConfig, initialize_lora_one_weights, preprocess_lora_one

TARGETS = {"llama": ["q_proj", "k_proj", "down_proj"], "gpt2": ["c_attn", "c_fc"]}


def base(folder: Path) -> Any:
    return AutoModelForCausalLM.from_pretrained(folder)


def batch(rows: int, width: int, seed: int = 0) -> dict[str, torch.Tensor]:
    draw = torch.Generator().manual_seed(seed)
    ids = torch.randint(3, 20, (rows, width), generator=draw)
    return {"input_ids": ids, "labels": ids}


def config(name: str, **options: Any) -> LoraOneConfig:
    settings = {"r": 4, "lora_alpha": 16, "use_rslora": True, "target_modules": TARGETS[name]}
    return LoraOneConfig(**{**settings, **options})


def autograd(model: Any, names: list[str], *batches: dict[str, torch.Tensor]) -> dict[str, Any]:
    """The gradient of the mean loss over all batches' tokens, (out, in), by ``.grad``."""
    model.eval()
    tokens = [batch["labels"][:, 1:].numel() for batch in batches]
    for batch, count in zip(batches, tokens, strict=True):
        (model(**batch).loss * count / sum(tokens)).backward()
    gradients = {}
    for name, module in model.named_modules():
        if name.rsplit(".", 1)[-1] in names:
            grad = module.weight.grad.double().numpy()
            gradients[name] = grad.T if type(module).__name__ == "Conv1D" else grad
    model.zero_grad()
    assert gradients
    return gradients


def expected(G: np.ndarray, r: int, s: float, gamma: float) -> np.ndarray:
    """``s·B·A`` of the spectral form."""
    U, S, Vh = np.linalg.svd(G, full_matrices=False)
    return -(s / (gamma * S[0])) * (U[:, :r] * S[:r]) @ Vh[:r]


def added(model: PeftModel, name: str, adapter: str = "default") -> np.ndarray:
    module = model.base_model.model.get_submodule(name)
    delta = module.get_delta_weight(adapter).detach().double().numpy()
    return delta.T if module.fan_in_fan_out else delta


def close(found: np.ndarray, wanted: np.ndarray) -> bool:
    return bool(np.linalg.norm(found - wanted) <= 1e-4 * np.linalg.norm(wanted))


@pytest.mark.parametrize("name", ["llama", "gpt2"])
def test_preprocess_gives_get_peft_model_the_factors_of_the_gradient(
    tiny_models: dict[str, Path], name: str
) -> None:
    model, data = base(tiny_models[name]), batch(4, 7)
    gradients = autograd(model, TARGETS[name], data)
    settings = config(name)
    preprocess_lora_one(model, settings, lambda: model(**data).loss.backward())
    assert all(parameter.grad is None for parameter in model.parameters())
    adapted = get_peft_model(model, settings)
    for layer, G in gradients.items():
        assert close(added(adapted, layer), expected(G, 4, 16 / 4**0.5, 128)), layer


def test_initialize_weights_batches_by_their_tokens_and_leaves_other_adapters_alone(
    tiny_models: dict[str, Path],
) -> None:
    batches = [batch(2, 9), batch(5, 4, seed=1)]
    gradients = autograd(base(tiny_models["llama"]), TARGETS["llama"], *batches)
    plain = LoraConfig(r=4, lora_alpha=8, target_modules=TARGETS["llama"])
    model = get_peft_model(base(tiny_models["llama"]), plain)
    with torch.no_grad():
        for parameter in model.parameters():
            if parameter.requires_grad:
                parameter.add_(0.1)
    model.add_adapter("second", LoraConfig(r=4, lora_alpha=8, target_modules=TARGETS["llama"]))
    first = {layer: added(model, layer) for layer in gradients}
    initialize_lora_one_weights(model, batches, adapter_name="second", gamma=16)
    for layer, G in gradients.items():
        assert close(added(model, layer, "second"), expected(G, 4, 2.0, 16)), layer
        np.testing.assert_array_equal(added(model, layer), first[layer])


@pytest.mark.parametrize("gradient", ["immediate", "sketch"])
def test_ways_that_hold_no_gradients_give_the_same_adapter(
    tiny_models: dict[str, Path], gradient: Any
) -> None:
    data = batch(4, 7)
    exact = autograd(base(tiny_models["llama"]), TARGETS["llama"], data)
    plain = LoraConfig(r=4, lora_alpha=8, target_modules=TARGETS["llama"])
    model = get_peft_model(base(tiny_models["llama"]), plain)
    initialize_lora_one_weights(model, [data], gamma=16, gradient=gradient)
    for layer, G in exact.items():
        wanted = expected(G, 4, 2.0, 16)
        found = added(model, layer)
        assert np.linalg.norm(found - wanted) <= 1e-2 * np.linalg.norm(wanted), layer


@pytest.mark.parametrize("way", ["before", "after"])
def test_dora_starts_with_the_magnitudes_of_the_initialised_weight(
    tiny_models: dict[str, Path], way: str
) -> None:
    model, data = base(tiny_models["llama"]), batch(4, 7)
    if way == "before":
        settings = config("llama", use_dora=True, lora_one_gamma=1.0)
        preprocess_lora_one(model, settings, lambda: model(**data).loss.backward())
        adapted = get_peft_model(model, settings)
    else:
        plain = LoraConfig(
            r=4, lora_alpha=16, use_rslora=True, use_dora=True, target_modules=TARGETS["llama"]
        )
        adapted = get_peft_model(model, plain)
        initialize_lora_one_weights(adapted, [data], gamma=1.0)
    module = adapted.base_model.model.model.layers[0].self_attn.q_proj
    total = module.base_layer.weight + module.get_delta_weight("default")
    torch.testing.assert_close(
        module.lora_magnitude_vector["default"].weight, total.norm(dim=1), rtol=1e-5, atol=1e-6
    )


def test_what_is_saved_is_a_plain_adapter_and_merging_agrees(
    tiny_models: dict[str, Path], tmp_path: Path
) -> None:
    model, data = base(tiny_models["gpt2"]), batch(4, 7)
    settings = config("gpt2", lora_one_gamma=1.0)
    preprocess_lora_one(model, settings, lambda: model(**data).loss.backward())
    adapted = get_peft_model(model, settings).eval()
    logits = adapted(**data).logits.detach()
    adapted.save_pretrained(str(tmp_path))
    saved = json.loads((tmp_path / "adapter_config.json").read_text())
    assert saved["init_lora_weights"] is True
    assert not any(key.startswith("lora_one") for key in saved)
    again = PeftModel.from_pretrained(base(tiny_models["gpt2"]), str(tmp_path)).eval()
    assert type(again.peft_config["default"]) is LoraConfig
    torch.testing.assert_close(again(**data).logits, logits, atol=1e-5, rtol=0)
    adapted.merge_adapter()
    torch.testing.assert_close(adapted(**data).logits, logits, atol=1e-4, rtol=0)
    adapted.unmerge_adapter()
    torch.testing.assert_close(adapted(**data).logits, logits, atol=1e-4, rtol=0)


def quantised() -> tuple[Any, Any]:
    """A Llama whose linear layers are bitsandbytes' 4-bit ones, and one with what they stand for.

    Rows come in blocks of 32 in its kernels for the CPU, so the layers are wider than elsewhere.
    """
    import bitsandbytes
    from bitsandbytes.functional import dequantize_4bit

    torch.manual_seed(0)
    settings = LlamaConfig(
        vocab_size=21,
        hidden_size=64,
        intermediate_size=96,
        num_hidden_layers=2,
        num_attention_heads=4,
        num_key_value_heads=2,
    )
    packed = LlamaForCausalLM(settings)
    plain = copy.deepcopy(packed)
    for name, module in list(packed.named_modules()):
        if not isinstance(module, torch.nn.Linear) or name == "lm_head":
            continue
        four = bitsandbytes.nn.Linear4bit(
            module.in_features, module.out_features, bias=False,
            compute_dtype=torch.float32, quant_type="nf4",
        )  # fmt: skip
        four.weight = bitsandbytes.nn.Params4bit(
            module.weight.detach().clone(), requires_grad=False, quant_type="nf4"
        )
        packed.set_submodule(name, four.to("cpu"))
        with torch.no_grad():
            values = dequantize_4bit(four.weight.data, four.weight.quant_state)
            plain.get_submodule(name).weight.copy_(values)
    packed.is_loaded_in_4bit = True
    return packed, plain


@pytest.mark.parametrize("gradient", ["accumulate", "immediate", "sketch"])
def test_quantised_layers_start_from_the_gradient_of_the_weights_they_stand_for(
    gradient: Any,
) -> None:
    data = batch(4, 7)
    with torch.compiler.set_stance("force_eager"):
        packed, plain = quantised()
        exact = autograd(plain, TARGETS["llama"], data)
        settings = LoraConfig(r=4, lora_alpha=8, target_modules=TARGETS["llama"])
        model = get_peft_model(packed, settings)
        initialize_lora_one_weights(model, [data], gamma=16, gradient=gradient)
    for layer, G in exact.items():
        module = model.base_model.model.get_submodule(layer)
        assert type(module).__name__ == "Linear4bit"
        found = module.get_delta_weight("default").detach().double().numpy()
        wanted = expected(G, 4, 2.0, 16)
        # Its kernel for the CPU rounds to bfloat16 on the way.
        assert np.linalg.norm(found - wanted) <= 5e-2 * np.linalg.norm(wanted), layer


def test_a_config_for_quantised_layers_is_refused_with_the_way_that_works() -> None:
    packed, _ = quantised()
    with pytest.raises(ModelError, match="is quantised") as caught:
        preprocess_lora_one(packed, config("llama"), lambda: None)
    assert "initialize_lora_one_weights" in (caught.value.hint or "")


def test_nothing_falls_back_to_kaiming_in_silence(tiny_models: dict[str, Path]) -> None:
    with pytest.raises(SpecError, match="before preprocess_lora_one"):
        get_peft_model(base(tiny_models["llama"]), config("llama"))
    model = base(tiny_models["llama"])
    with pytest.raises(ModelError, match="no backward pass"):
        preprocess_lora_one(model, config("llama"), lambda: None)
    adapted = get_peft_model(model, LoraConfig(r=2, target_modules=TARGETS["llama"]))
    with pytest.raises(ModelError, match="has adapters already"):
        preprocess_lora_one(adapted, config("llama"), lambda: None)
    with pytest.raises(ModelError, match="no LoRA adapter 'other'"):
        initialize_lora_one_weights(adapted, [batch(2, 5)], adapter_name="other")


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"r": 9}, "rank 9 is above min"),
        ({"target_modules": ["nothing"]}, "nothing"),
        ({"lora_one_gamma": "auto"}, "held-out"),
    ],
)
def test_what_does_not_fit_is_named(
    tiny_models: dict[str, Path], options: dict[str, Any], words: str
) -> None:
    model, data = base(tiny_models["llama"]), batch(2, 5)
    with pytest.raises((SpecError, ModelError), match=words):
        preprocess_lora_one(
            model, config("llama", **options), lambda: model(**data).loss.backward()
        )


def test_another_init_in_the_config_is_a_contradiction() -> None:
    with pytest.raises(SpecError, match="'pissa' contradicts"):
        LoraOneConfig(init_lora_weights="pissa")
