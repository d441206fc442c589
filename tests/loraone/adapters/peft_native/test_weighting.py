"""Batches count by the labels that their losses are means over, whatever the model."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
import torch
from peft import LoraConfig, get_peft_model
from torch import nn
from torch.nn import functional
from transformers import T5Config, T5ForConditionalGeneration

from loraone.errors import DataError
from loraone.peft_native import initialize_lora_one_weights
from tests.loraone.adapters.peft_native.tiny import (
    VOCABULARY,
    adapted,
    added,
    bert,
    close,
    expected,
    gpt2,
    gradients,
    llama,
    mean_loss,
    tokens,
)

Batches = list[dict[str, torch.Tensor]]


def started(model: Any, batches: Any, targets: list[str], **options: Any) -> Any:
    """The model's adapter after initialize_lora_one_weights."""
    peft_model = get_peft_model(model, LoraConfig(r=4, lora_alpha=8, target_modules=targets))
    initialize_lora_one_weights(peft_model, batches, **options)
    return peft_model


def agrees(model: Any, batches: Any, counts: list[int], targets: list[str], **options: Any) -> None:
    """Whether s·B·A is that of the mean over all labels, these many in each batch."""
    exact = gradients(model, mean_loss(model, batches, counts))
    peft_model = started(model, batches, targets, **options)
    assert adapted(peft_model)
    for name in adapted(peft_model):
        assert close(added(peft_model, name), expected(exact[name], 4, 2.0)), name


def masked(batch: dict[str, torch.Tensor], share: float, seed: int = 3) -> dict[str, torch.Tensor]:
    """The batch with labels in some places alone, the first token of the first row among them."""
    draw = torch.Generator().manual_seed(seed)
    hidden = torch.rand(batch["labels"].shape, generator=draw) > share
    hidden[0, 0] = False
    return batch | {"labels": batch["labels"].masked_fill(hidden, -100)}


def counted(batches: Batches, shift: int) -> list[int]:
    return [int((batch["labels"][:, shift:] != -100).sum()) for batch in batches]


@pytest.mark.parametrize("make", [llama, gpt2])
@pytest.mark.parametrize("sketched", [False, True])
def test_causal_models_shift_their_labels(make: Any, sketched: bool) -> None:
    batches = [tokens(2, 9), masked(tokens(5, 3, seed=1), 0.5)]
    assert counted(batches, 0) != counted(batches, 1)
    targets = ["c_fc"] if make is gpt2 else ["q_proj", "down_proj"]
    if not sketched:
        agrees(make(), batches, counted(batches, 1), targets)
        return
    exact = gradients(model := make(), mean_loss(model, batches, counted(batches, 1)))
    peft_model = started(model, batches, targets, gradient="sketch")
    for name in adapted(peft_model):
        assert close(added(peft_model, name), expected(exact[name], 4, 2.0), 1e-2)


@pytest.mark.parametrize("task", ["mlm", "tokens"])
def test_masked_language_models_and_token_classifiers_do_not_shift(task: str) -> None:
    batches = [masked(tokens(2, 9), 0.4), masked(tokens(6, 3, seed=1), 0.5)]
    if task == "tokens":
        batches = [b | {"labels": b["labels"] % 5 - 100 * (b["labels"] < 0)} for b in batches]
        batches = [b | {"labels": b["labels"].clamp(min=-100)} for b in batches]
    options = {"num_labels": 5} if task == "tokens" else {}
    assert counted(batches, 0)[0] / counted(batches, 0)[1] != (
        counted(batches, 1)[0] / counted(batches, 1)[1]
    )
    agrees(bert(task, **options), batches, counted(batches, 0), ["query", "output.dense"])


def test_a_head_of_zeros_gives_every_token_one_loss_and_is_told_apart_all_the_same() -> None:
    batches = [tokens(2, 9) | {"labels": torch.ones(2, 9, dtype=torch.long)}]
    batches += [tokens(6, 3) | {"labels": torch.arange(18).reshape(6, 3) % 5}]
    model = bert("tokens", num_labels=5)
    nn.init.zeros_(model.classifier.weight)
    agrees(model, batches, counted(batches, 0), ["classifier"])
    model = llama()
    nn.init.zeros_(model.lm_head.weight)
    agrees(model, batches, counted(batches, 1), ["lm_head"])


def test_an_encoder_decoder_writes_all_of_its_labels() -> None:
    torch.manual_seed(0)
    size: dict[str, Any] = {"d_model": 16, "d_kv": 8, "d_ff": 24, "num_layers": 2, "num_heads": 2}
    config = T5Config(vocab_size=VOCABULARY, decoder_start_token_id=0, pad_token_id=0, **size)
    batches = [masked(tokens(2, 9), 0.7), masked(tokens(6, 3, seed=1), 0.7)]
    agrees(T5ForConditionalGeneration(config), batches, counted(batches, 0), ["q", "wi"])


@pytest.mark.parametrize("kind", ["classes", "ignored", "regression", "several"])
def test_texts_count_one_each(kind: str) -> None:
    batches = [tokens(2, 9), tokens(5, 4, seed=1)]
    labels: dict[str, Any] = {
        "classes": (torch.tensor([0, 2]), torch.tensor([1, 1, 0, 2, 2])),
        "ignored": (torch.tensor([0, 2]), torch.tensor([1, -100, -100, -100, 2])),
        "regression": (torch.tensor([0.1, 2.0]), torch.tensor([1.0, -100.0, 0.3, 0.2, 0.1])),
        "several": (torch.eye(3)[:2], torch.eye(5, 3)),
    }
    counts = [2, 2 if kind == "ignored" else 5]
    model = bert("texts", num_labels=1 if kind == "regression" else 3)
    batches = [b | {"labels": y} for b, y in zip(batches, labels[kind], strict=True)]
    agrees(model, batches, counts, ["query", "pooler.dense"])


def test_answers_to_questions_count_one_each_and_those_outside_are_refused() -> None:
    def batch(rows: int, width: int, end: int) -> dict[str, torch.Tensor]:
        ids = tokens(rows, width)["input_ids"]
        positions = {
            "start_positions": torch.arange(rows) % 3,
            "end_positions": torch.full((rows,), end),
        }
        return {"input_ids": ids, **positions}

    agrees(bert("qa"), [batch(2, 9, 3), batch(5, 4, 2)], [2, 5], ["query"])
    with pytest.raises(DataError, match="end_positions lie outside"):
        started(bert("qa"), [batch(2, 9, 3), batch(5, 4, 4)], ["query"])
    alone = batch(5, 4, 2)
    alone["end_positions"][0] = 4
    agrees(bert("qa"), [alone], [1], ["query"])


def test_a_number_of_items_that_a_trainer_adds_changes_nothing() -> None:
    batches = [tokens(2, 9), tokens(5, 3, seed=1)]
    exact = gradients(model := llama(), mean_loss(model, batches, counted(batches, 1)))
    peft_model = started(model, [b | {"num_items_in_batch": 99} for b in batches], ["q_proj"])
    for name in adapted(peft_model):
        assert close(added(peft_model, name), expected(exact[name], 4, 2.0)), name


def test_batches_without_any_label_count_nothing() -> None:
    whole, empty = tokens(2, 9), tokens(3, 4)
    empty["labels"] = torch.full_like(empty["labels"], -100)
    first_alone = tokens(3, 4)
    first_alone["labels"][:, 1:] = -100
    agrees(llama(), [whole], [1], ["q_proj"])
    exact = gradients(model := llama(), mean_loss(model, [whole], [1]))
    peft_model = started(model, [empty, whole, first_alone], ["q_proj"])
    for name in adapted(peft_model):
        assert close(added(peft_model, name), expected(exact[name], 4, 2.0)), name


class Custom(nn.Module):
    """A token classifier whose loss is reduced in its own way."""

    def __init__(self, reduction: str) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.embed = nn.Embedding(VOCABULARY, 12)
        self.linear = nn.Linear(12, VOCABULARY)
        self.reduction = reduction

    def forward(self, input_ids: torch.Tensor, labels: torch.Tensor) -> SimpleNamespace:
        logits = self.linear(self.embed(input_ids)).transpose(1, 2)
        losses = functional.cross_entropy(logits, labels, reduction="none")
        if self.reduction == "sum":
            return SimpleNamespace(loss=losses.sum())
        if self.reduction == "tokens":
            return SimpleNamespace(loss=losses.sum() / (labels != -100).sum())
        counts = (labels != -100).sum(1)
        return SimpleNamespace(loss=(losses.sum(1)[counts > 0] / counts[counts > 0]).mean())


def test_losses_that_are_no_mean_over_labels_are_refused_where_they_would_be_put_together() -> None:
    batches = [masked(tokens(3, 9), 0.6), masked(tokens(5, 4, seed=1), 0.5)]
    agrees(Custom("tokens"), batches, counted(batches, 0), ["linear"])
    for reduction in ("sum", "rows"):
        with pytest.raises(DataError, match="is not a mean over") as caught:
            started(Custom(reduction), batches, ["linear"])
        assert "one batch" in str(caught.value.hint)
        agrees(Custom(reduction), batches[:1], [1], ["linear"])


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_weights_in_16_bits_change_no_alignment(dtype: torch.dtype) -> None:
    """transformers takes the loss of a token classifier in the format of its logits."""
    batches = [masked(tokens(2, 9), 0.4), masked(tokens(6, 3, seed=1), 0.5)]
    batches = [b | {"labels": torch.where(b["labels"] < 0, -100, b["labels"] % 5)} for b in batches]
    model = bert("tokens", num_labels=5)
    model.load_state_dict(model.to(dtype).state_dict())
    exact = gradients(model.float(), mean_loss(model, batches, counted(batches, 0)))
    peft_model = started(model.to(dtype), batches, ["query", "output.dense"])
    for name in adapted(peft_model):
        found = added(peft_model, name)
        assert close(found, expected(exact[name], 4, 2.0), 0.1), name
