"""The one-step gradient is autograd's, however the batch is split."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from torch import nn

from loraone.gradient.exact import one_step_gradient
from loraone.inputs.data.batches import Batch, Encoded, loss_tokens
from loraone.inputs.models import loading
from loraone.inputs.models.targets import TargetLayer
from loraone.spec.model import ModelSpec

CPU = torch.device("cpu")


def loaded(folder: Path, task: str, targets: Any = "all-linear") -> loading.LoadedModel:
    return loading.load(ModelSpec(id=str(folder), targets=targets), task, 3, CPU)


def texts(lengths: list[int], causal: bool, written: bool = False) -> Encoded:
    draw = torch.Generator().manual_seed(1)

    def tokens(count: int) -> tuple[int, ...]:
        return tuple(torch.randint(3, 20, (count,), generator=draw).tolist())

    ids = tuple(tokens(n) for n in lengths)
    if written:
        return Encoded(ids, tuple(tokens(1 + n % 4) for n in lengths), causal, 0)
    return Encoded(ids, tuple(i % 3 for i in range(len(ids))), causal, 0)


def texts_of(task: str, lengths: list[int]) -> Encoded:
    return texts(lengths, task == "causal-lm", task == "seq2seq-lm")


def untie(model: Any) -> None:
    """Give every module a weight of its own: a shared parameter's grad has all shares in it."""
    for module in model.modules():
        if isinstance(module, nn.Embedding) or module is model.get_output_embeddings():
            module.weight = nn.Parameter(module.weight.detach().clone())


def autograd(model: Any, layers: tuple[TargetLayer, ...], batch: Batch) -> dict[str, torch.Tensor]:
    """The gradient of the mean loss of one batch, by the parameters' own ``.grad``."""
    model.eval()
    model.zero_grad()
    model(**batch).loss.backward()
    found = {}
    for layer in layers:
        grad = layer.parameter.grad
        assert grad is not None
        found[layer.name] = (grad.T if layer.transposed else grad).clone()
    model.zero_grad()
    return found


CASES = [
    ("bert", "sequence-classification", "all-linear"),
    ("gpt2", "causal-lm", "all-linear"),
    ("llama", "causal-lm", "all-linear"),
    ("t5", "seq2seq-lm", "all-linear"),
    # Embeddings: with a row for padding, tied to the head, and both of an encoder-decoder.
    ("bert", "sequence-classification", ("word_embeddings", "query")),
    ("gpt2", "causal-lm", ("wte",)),
    ("llama", "causal-lm", ("embed_tokens", "q_proj")),
    ("t5", "seq2seq-lm", ("embed_tokens", "SelfAttention.q")),
]


@pytest.mark.parametrize(("architecture", "task", "targets"), CASES)
@settings(
    max_examples=8,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(
    lengths=st.lists(st.integers(2, 9), min_size=1, max_size=7),
    size=st.integers(1, 7),
)
def test_it_is_the_gradient_of_the_mean_loss_for_every_micro_batch_size(
    tiny_models: dict[str, Path],
    architecture: str,
    task: str,
    targets: Any,
    lengths: list[int],
    size: int,
) -> None:
    ready = loaded(tiny_models[architecture], task, targets)
    untie(ready.model)
    data = texts_of(task, lengths)
    rows = list(range(len(data)))
    expected = autograd(ready.model, ready.layers, data.batch(rows, CPU))
    found, loss = one_step_gradient(ready.model, ready.layers, data.batches(rows, size, CPU))
    assert loss == pytest.approx(ready.model(**data.batch(rows, CPU)).loss.item(), rel=1e-5)
    # What cancels out, as a query's gradient does over one key, leaves the rounding of others.
    largest = max(float(gradient.norm()) for gradient in expected.values())
    for name, gradient in expected.items():
        scale = max(float(gradient.norm()), largest / 10)
        assert float((found[name] - gradient).norm()) / scale < 1e-5, name


def test_mean_of_means_would_be_wrong_where_lengths_differ(tiny_models: dict[str, Path]) -> None:
    ready = loaded(tiny_models["llama"], "causal-lm")
    data = texts([9, 2], causal=True)
    exact, _ = one_step_gradient(ready.model, ready.layers, [data.batch([0, 1], CPU)])
    singles = [autograd(ready.model, ready.layers, data.batch([i], CPU)) for i in (0, 1)]
    name = ready.layers[0].name
    mean_of_means = (singles[0][name] + singles[1][name]) / 2
    assert float((mean_of_means - exact[name]).norm() / exact[name].norm()) > 0.1


def test_no_parameter_is_touched_and_flags_are_kept(tiny_models: dict[str, Path]) -> None:
    ready = loaded(tiny_models["bert"], "sequence-classification")
    ready.model.bert.embeddings.requires_grad_(False)
    before = {n: (p.detach().clone(), p.requires_grad) for n, p in ready.model.named_parameters()}
    data = texts([4, 5], causal=False)
    one_step_gradient(ready.model, ready.layers, [data.batch([0, 1], CPU)])
    for name, parameter in ready.model.named_parameters():
        value, needed = before[name]
        assert torch.equal(parameter, value)
        assert parameter.requires_grad == needed
        assert parameter.grad is None


@pytest.mark.parametrize("reentrant", [True, False])
def test_gradient_checkpointing_changes_nothing(
    tiny_models: dict[str, Path], reentrant: bool
) -> None:
    ready = loaded(tiny_models["llama"], "causal-lm")
    batch = texts([6, 4], causal=True).batch([0, 1], CPU)
    plain, _ = one_step_gradient(ready.model, ready.layers, [batch])
    ready.model.gradient_checkpointing_enable({"use_reentrant": reentrant})
    ready.model.train()  # transformers checkpoints in train mode alone; these models drop nothing
    saved, _ = one_step_gradient(ready.model, ready.layers, [batch], dropout=True)
    for name, gradient in plain.items():
        torch.testing.assert_close(saved[name], gradient, rtol=1e-5, atol=1e-7)


class _Twice(nn.Module):
    """Calls one layer twice in a forward pass, and ties another to an embedding."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.embed = nn.Embedding(20, 8)
        self.twice = nn.Linear(8, 8)
        self.tied = nn.Linear(8, 20, bias=False)
        self.tied.weight = self.embed.weight

    def forward(self, input_ids: torch.Tensor, labels: torch.Tensor, **_: Any) -> Any:
        hidden = self.twice(torch.tanh(self.twice(self.embed(input_ids))))
        logits = self.tied(hidden)
        loss = nn.functional.cross_entropy(logits[:, :-1].flatten(0, 1), labels[:, 1:].flatten())
        return type("Output", (), {"loss": loss, "logits": logits})()


def test_a_layer_called_twice_gets_the_sum_and_a_tied_one_its_own_share() -> None:
    model = _Twice()
    layers = (TargetLayer("twice", model.twice), TargetLayer("tied", model.tied))
    batch = texts([5, 5], causal=True).batch([0, 1], CPU)
    found, _ = one_step_gradient(model, layers, [batch])
    model(**batch).loss.backward()
    assert model.twice.weight.grad is not None
    assert model.tied.weight.grad is not None
    torch.testing.assert_close(found["twice"], model.twice.weight.grad, rtol=1e-5, atol=1e-7)
    # The parameter's own gradient also has the embedding's share in it.
    difference = (found["tied"] - model.tied.weight.grad).norm() / found["tied"].norm()
    assert float(difference) > 0.01
    own = nn.Linear(8, 20, bias=False)
    own.load_state_dict({"weight": model.embed.weight.detach().clone()})
    model.zero_grad()
    model.tied = own
    model(**batch).loss.backward()
    assert own.weight.grad is not None
    torch.testing.assert_close(found["tied"], own.weight.grad, rtol=1e-5, atol=1e-7)


def test_weights_in_bfloat16_still_get_a_float32_gradient(tiny_models: dict[str, Path]) -> None:
    spec = ModelSpec(id=str(tiny_models["llama"]), dtype="bfloat16")
    ready = loading.load(spec, "causal-lm", 0, CPU)
    batch = texts([6, 4], causal=True).batch([0, 1], CPU)
    half, _ = one_step_gradient(ready.model, ready.layers, [batch])
    full_model = loaded(tiny_models["llama"], "causal-lm")
    full, _ = one_step_gradient(full_model.model, full_model.layers, [batch])
    assert half.keys() == full.keys() == {layer.name for layer in ready.layers}
    for name, gradient in half.items():
        assert gradient.dtype == torch.float32
        assert float((gradient - full[name]).norm() / full[name].norm()) < 0.1


def test_loss_tokens_leave_out_padding_and_the_first_token() -> None:
    data = texts([5, 3], causal=True)
    assert loss_tokens(data.batch([0, 1], CPU)) == 4 + 2
    assert loss_tokens(texts([5, 3], causal=False).batch([0, 1], CPU)) == 2
