"""What batches may hold, and the errors for what nothing can be made of."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from peft import LoraConfig, get_peft_model
from torch import nn
from transformers import BatchEncoding

from loraone.errors import LoraOneError
from loraone.peft_native import LoraOneConfig, initialize_lora_one_weights, preprocess_lora_one
from tests.loraone.adapters.peft_native.tiny import (
    Mixed,
    adapted,
    added,
    bert,
    close,
    expected,
    gradients,
    llama,
    mean_loss,
    tokens,
)

DATA = tokens(4, 9)


def peft_llama(**options: Any) -> Any:
    return get_peft_model(
        llama(), LoraConfig(r=4, lora_alpha=8, target_modules=["q_proj"], **options)
    )


FORMS: dict[str, Any] = {
    "lists": {key: value.tolist() for key, value in DATA.items()},
    "tuples": {key: tuple(map(tuple, value.tolist())) for key, value in DATA.items()},
    "arrays": {key: value.numpy() for key, value in DATA.items()},
    "switches": DATA | {"use_cache": False, "output_attentions": None, "return_dict": True},
    "a tuple for an answer": DATA | {"return_dict": False},
    "an encoding": BatchEncoding(DATA),
    "a mask of booleans": DATA | {"attention_mask": [[True] * 9] * 4},
    "nested": DATA | {"position_ids": np.arange(9)[None]},
}


@pytest.mark.parametrize("form", FORMS)
def test_batches_may_hold_what_the_model_takes(form: str) -> None:
    exact = gradients(model := llama(), mean_loss(model, [DATA], [1]))
    started = peft_llama()
    batch = FORMS[form]
    initialize_lora_one_weights(started, iter([batch, batch]))
    for name in adapted(started):
        assert close(added(started, name), expected(exact[name], 4, 2.0)), name


class NoLoss(nn.Module):
    def __init__(self, answer: Any) -> None:
        super().__init__()
        self.linear = nn.Linear(4, 4)
        self.answer = answer

    def forward(self, x: torch.Tensor, labels: Any = None) -> Any:
        return self.answer(self.linear(x))


X = torch.ones(3, 4)
HIDDEN = DATA | {"labels": torch.full((4, 9), -100)}
BAD: dict[str, tuple[Any, Any, str]] = {
    "one batch for a dataloader": (peft_llama, DATA, "is one batch"),
    "no batch": (peft_llama, [], "gave no batch"),
    "tensors in a list": (peft_llama, [[DATA["input_ids"], DATA["labels"]]], "is a list"),
    "tensors in a tuple": (peft_llama, [tuple(DATA.values())], "is a tuple"),
    "a bare tensor": (peft_llama, [DATA["input_ids"]], "is a Tensor"),
    "no labels": (peft_llama, [{"input_ids": DATA["input_ids"]}], "gives no loss"),
    "no labels, twice": (peft_llama, [{"input_ids": DATA["input_ids"]}] * 2, "cannot be weighted"),
    "labels in one alone": (peft_llama, [DATA, {"input_ids": DATA["input_ids"]}], "weighted"),
    "an unknown argument": (
        NoLoss(lambda y: {"loss": y.sum()}),
        [{"x": X, "text": ["a", "b", "c"]}],
        "does not take a batch of x, text",
    ),
    "labels of several lengths": (
        peft_llama,
        [DATA | {"labels": [[3], [4, 5], [6], [7]]}],
        "does not take a batch",
    ),
    "a label that is no class": (
        peft_llama,
        [DATA | {"labels": torch.full((4, 9), 99)}],
        "does not take a batch",
    ),
    "all labels -100": (peft_llama, [HIDDEN], "all are -100"),
    "all labels -100, twice": (peft_llama, [HIDDEN, HIDDEN], "all are -100"),
    "first labels alone": (
        peft_llama,
        [DATA | {"labels": DATA["labels"].masked_fill(torch.arange(9) > 0, -100)}] * 2,
        "nan|not a mean",
    ),
    "an answer without loss": (NoLoss(lambda y: {"logits": y}), [{"x": X}], "gives no loss"),
    "a tensor for an answer": (NoLoss(lambda y: y), [{"x": X}], "gives no loss"),
    "a loss for each text": (NoLoss(lambda y: {"loss": y.sum(1)}), [{"x": X}], "gives no loss"),
    "a loss of NaN": (NoLoss(lambda y: {"loss": y.sum() * float("nan")}), [{"x": X}], "is nan"),
    "an infinite loss": (NoLoss(lambda y: {"loss": y.sum() + float("inf")}), [{"x": X}], "is inf"),
    "a loss apart": (NoLoss(lambda y: {"loss": torch.ones(())}), [{"x": X}], "depends on none"),
    "a gradient of zero": (NoLoss(lambda y: {"loss": (y * 0).sum()}), [{"x": X}], "no gradient"),
}


@pytest.mark.parametrize("gradient", ["accumulate", "layerwise", "sketch"])
@pytest.mark.parametrize("case", BAD)
def test_what_cannot_be_made_use_of_is_said_in_a_value_error_of_ours(
    case: str, gradient: Any
) -> None:
    model, dataloader, words = BAD[case]
    if isinstance(model, nn.Module):
        config = LoraConfig(r=2, target_modules=["linear"])
        started: Any = get_peft_model(NoLoss(model.answer), config)
    else:
        started = model()
    before = {name: p.detach().clone() for name, p in started.named_parameters()}
    with pytest.raises(LoraOneError, match=words) as caught:
        initialize_lora_one_weights(started, dataloader, gradient=gradient)
    assert isinstance(caught.value, ValueError)
    assert caught.value.field
    assert caught.value.allowed
    for name, parameter in started.named_parameters():
        torch.testing.assert_close(parameter, before[name], rtol=0, atol=0)


def root_of_zero(y: torch.Tensor) -> dict[str, torch.Tensor]:
    """A finite loss whose gradient is not."""
    return {"loss": (y * 0).abs().sqrt().sum()}


@pytest.mark.parametrize("gradient", ["accumulate", "layerwise", "sketch"])
def test_a_gradient_that_is_not_finite_is_refused_by_the_name_of_its_layer(gradient: Any) -> None:
    started = get_peft_model(NoLoss(root_of_zero), LoraConfig(r=2, target_modules=["linear"]))
    with pytest.raises(ValueError, match="layer linear is not finite"):
        initialize_lora_one_weights(started, [{"x": X}], gradient=gradient)


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_preprocess_refuses_a_gradient_that_is_not_finite(value: float) -> None:
    model, config = Mixed(), LoraOneConfig(r=2, target_modules=["linear", "conv1d"])
    with pytest.raises(ValueError, match="layer linear is not finite"):
        preprocess_lora_one(model, config, lambda: (model(Mixed.ids()) * value).backward())
    with pytest.raises(ValueError, match="before preprocess_lora_one"):
        get_peft_model(model, config)


def test_a_layer_of_lower_rank_is_said_and_its_surplus_starts_as_in_lora() -> None:
    data = tokens(2, 6) | {"labels": torch.tensor([0, 1])}
    config = LoraConfig(r=6, target_modules=["pooler.dense", "query"])
    started = get_peft_model(bert("texts"), config)
    with pytest.warns(UserWarning, match="rank below 6 .lowest: 2 in"):
        initialize_lora_one_weights(started, [data])
    pooler = adapted(started)["bert.pooler.dense"]
    assert (pooler.lora_B["default"].weight.norm(dim=0) > 0).sum() == 2
    assert (pooler.lora_A["default"].weight.norm(dim=1) > 0).all()
