"""What is trained, frozen, switched on, merged or in eval mode is the same afterwards."""

from __future__ import annotations

import contextlib
import copy
import gc
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from peft import LoraConfig, PeftModel, get_peft_model
from peft.tuners.tuners_utils import BaseTunerLayer
from torch import nn
from torch.distributed import HashStore, destroy_process_group, init_process_group
from torch.nn.parallel import DataParallel, DistributedDataParallel

from loraone.errors import LoraOneError, ModelError
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


def peft_llama(**options: Any) -> Any:
    settings = {"r": 4, "lora_alpha": 8, "target_modules": TARGETS}
    return get_peft_model(llama(), LoraConfig(**{**settings, **options}))


def state(model: nn.Module) -> dict[str, Any]:
    """All that a user can see of a model beside the values that were asked for."""
    modules = dict(model.named_modules())
    return {
        "training": {name: module.training for name, module in modules.items()},
        "trained": {name: p.requires_grad for name, p in model.named_parameters()},
        "grads": {name: p.grad is not None for name, p in model.named_parameters()},
        "off": {
            n: m._disable_adapters for n, m in modules.items() if isinstance(m, BaseTunerLayer)
        },
        "active": getattr(model, "active_adapters", None),
        "hooks": {n: len(m._forward_hooks) for n, m in modules.items()},
        "base": {n: p.detach().clone() for n, p in model.named_parameters() if "lora_" not in n},
    }


def same(found: dict[str, Any], before: dict[str, Any]) -> None:
    for name, values in before.pop("base").items():
        torch.testing.assert_close(found["base"][name], values, rtol=0, atol=0)
    del found["base"]
    assert found == before


def frozen(folder: Path) -> Any:
    peft_llama().save_pretrained(folder)
    return PeftModel.from_pretrained(llama(), folder)


def partly_evaluated(_: Path) -> Any:
    model = peft_llama(modules_to_save=["lm_head"], bias="lora_only").train()
    model.get_submodule("base_model.model.model.layers.0").eval()
    return model


def switched_off(_: Path) -> Any:
    model = peft_llama(trainable_token_indices=[1, 2])
    model.base_model.disable_adapter_layers()
    return model


def another_active(_: Path) -> Any:
    model = peft_llama()
    model.add_adapter("other", LoraConfig(target_modules=["q_proj", "v_proj"], use_dora=True))
    model.set_adapter("other")
    return model


def with_gradients(_: Path) -> Any:
    model = peft_llama().train()
    model(**DATA).loss.backward()
    return model


STATES = [frozen, partly_evaluated, switched_off, another_active, with_gradients]
# What goes wrong, and after how much has been done already.
FAILURES: dict[str, dict[str, Any]] = {
    "nothing": {},
    "no adapter": {"adapter_name": "unknown"},
    "a gamma": {"gamma": 0.0},
    "a scale": {"scale": "large"},
    "a way": {"gradient": "by hand"},
    "no loss": {"dataloader": [{"input_ids": DATA["input_ids"]}]},
    "the forward pass": {"dataloader": [DATA, DATA | {"input_ids": torch.ones(2, 2)}]},
    "the labels": {"dataloader": [DATA | {"labels": torch.full((4, 9), 99)}]},
}


@pytest.mark.parametrize("make", STATES)
@pytest.mark.parametrize("failure", FAILURES)
def test_a_model_is_as_it_was_after_success_and_every_failure(
    make: Any, failure: str, tmp_path: Path
) -> None:
    model = make(tmp_path)
    before = state(model)
    factors = {name: added(model, name) for name in adapted(model)}
    options = {"dataloader": [DATA, tokens(2, 5)], **FAILURES[failure]}
    expects: Any = contextlib.nullcontext()
    if failure != "nothing":
        expects = pytest.raises((LoraOneError, RuntimeError))
    with expects:
        initialize_lora_one_weights(model, **options)
    same(state(model), before)
    for name, values in factors.items():
        assert bool((added(model, name) == values).all()) == (failure != "nothing")


def test_a_write_that_fails_midway_leaves_every_layer_as_it_was() -> None:
    model = peft_llama(use_dora=True)
    last = list(adapted(model).values())[-1]

    def fails(**_: Any) -> None:
        raise RuntimeError("out of memory")

    last.lora_magnitude_vector["default"].update_layer = fails
    before = {name: p.detach().clone() for name, p in model.named_parameters()}
    with pytest.raises(RuntimeError, match="out of memory"):
        initialize_lora_one_weights(model, [DATA])
    for name, parameter in model.named_parameters():
        torch.testing.assert_close(parameter, before[name], rtol=0, atol=0)


@pytest.mark.parametrize("fails", [False, True])
def test_preprocess_leaves_the_model_as_it_was(fails: bool) -> None:
    model = llama().train()
    model.model.layers[1].eval()
    model.model.embed_tokens.requires_grad_(False)
    model.lm_head.weight.grad = torch.ones_like(model.lm_head.weight)
    before = state(model)

    def train_step() -> None:
        step(model, DATA)()
        if fails:
            raise KeyboardInterrupt

    config = LoraOneConfig(r=2, target_modules="all-linear")
    with pytest.raises(KeyboardInterrupt) if fails else contextlib.nullcontext():
        preprocess_lora_one(model, config, train_step)
    same(state(model), before)


@pytest.mark.parametrize("context", [torch.no_grad, torch.inference_mode])
def test_both_ways_work_where_gradients_are_off(context: Any) -> None:
    exact = gradients(model := llama(), mean_loss(model, [DATA], [1]))
    started, config = peft_llama(), LoraOneConfig(r=4, lora_alpha=8, target_modules=TARGETS)
    with context():
        initialize_lora_one_weights(started, [DATA])
        preprocess_lora_one(model, config, step(model, DATA))
    for each in (started, get_peft_model(model, config)):
        for name in adapted(each):
            assert close(added(each, name), expected(exact[name], 4, 2.0)), name


def test_merged_adapters_are_refused_and_stay_merged() -> None:
    model = peft_llama()
    model.merge_adapter()
    with pytest.raises(ModelError, match="is merged into layer") as caught:
        initialize_lora_one_weights(model, [DATA])
    assert "unmerge_adapter" in str(caught.value.hint)
    assert all(module.merged for module in adapted(model).values())


@pytest.mark.parametrize("init", ["pissa", "olora", "pissa_niter_4"])
def test_an_adapter_that_changed_the_base_is_refused(init: str) -> None:
    model = peft_llama(init_lora_weights=init)
    with pytest.raises(ModelError, match="changed the base weights"):
        initialize_lora_one_weights(model, [DATA])


@pytest.mark.parametrize("init", [True, False, "gaussian", "orthogonal"])
def test_an_adapter_that_kept_the_base_starts_whatever_it_began_with(init: Any) -> None:
    exact = gradients(model := llama(), mean_loss(model, [DATA], [1]))
    started = peft_llama(init_lora_weights=init)
    initialize_lora_one_weights(started, [DATA])
    for name in adapted(started):
        assert close(added(started, name), expected(exact[name], 4, 2.0)), name


@pytest.fixture
def one_process(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A process group of this process alone, with no file and no look-up of its host."""
    monkeypatch.setenv("GLOO_SOCKET_IFNAME", "lo")
    init_process_group("gloo", store=HashStore(), rank=0, world_size=1)
    yield
    gc.collect()  # what is wrapped knows the group
    destroy_process_group()


@pytest.mark.parametrize("wrap", [DistributedDataParallel, DataParallel])
@pytest.mark.usefixtures("one_process")
def test_wrapped_models_start_as_what_they_wrap_and_can_be_trained(wrap: Any) -> None:
    exact = gradients(model := llama(), mean_loss(model, [DATA], [1]))
    wrapped = wrap(model)
    config = LoraOneConfig(r=4, lora_alpha=8, target_modules=TARGETS)
    preprocess_lora_one(wrapped, config, step(wrapped, DATA, DATA))
    started = wrap(peft_llama())
    initialize_lora_one_weights(started, [DATA])
    for _ in range(2):
        wrapped(**DATA).loss.backward()
        started(**DATA).loss.backward()
    inside = [get_peft_model(wrap(copy.deepcopy(model)), config), get_peft_model(model, config)]
    for each in (*inside, started.module):
        layers = adapted(each)
        assert len(layers) == 4
        for name in layers:
            wanted = expected(exact[name.removeprefix("module.")], 4, 2.0)
            assert close(added(each, name), wanted), name
