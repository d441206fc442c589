"""What these tests share: tiny models, and the truth by autograd and numpy in float64."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch
from peft.tuners.lora import LoraLayer
from torch import nn
from transformers import (
    BertConfig,
    BertForMaskedLM,
    BertForQuestionAnswering,
    BertForSequenceClassification,
    BertForTokenClassification,
    GPT2Config,
    GPT2LMHeadModel,
    LlamaConfig,
    LlamaForCausalLM,
)

VOCABULARY = 23
SMALL = {"hidden_size": 16, "intermediate_size": 24, "num_hidden_layers": 2}


def llama(**options: Any) -> Any:
    """A Llama of two layers."""
    torch.manual_seed(0)
    heads = {"num_attention_heads": 4, "num_key_value_heads": 2}
    return LlamaForCausalLM(LlamaConfig(vocab_size=VOCABULARY, **SMALL, **heads, **options))


def gpt2(**options: Any) -> Any:
    """A GPT-2 of two layers, whose linear layers are ``Conv1D``."""
    torch.manual_seed(0)
    size = {"n_embd": 16, "n_layer": 2, "n_head": 2, "n_positions": 32}
    return GPT2LMHeadModel(GPT2Config(vocab_size=VOCABULARY, **size, **options))


BERTS: dict[str, Any] = {
    "mlm": BertForMaskedLM,
    "qa": BertForQuestionAnswering,
    "texts": BertForSequenceClassification,
    "tokens": BertForTokenClassification,
}


def bert(task: str, **options: Any) -> Any:
    """A BERT of two layers for one of these tasks."""
    torch.manual_seed(0)
    heads = {"num_attention_heads": 2, "max_position_embeddings": 32}
    return BERTS[task](BertConfig(vocab_size=VOCABULARY, **SMALL, **heads, **options))


def tokens(rows: int, width: int, seed: int = 0) -> dict[str, torch.Tensor]:
    """Random ids, labelled with themselves."""
    draw = torch.Generator().manual_seed(seed)
    ids = torch.randint(3, VOCABULARY, (rows, width), generator=draw)
    return {"input_ids": ids, "labels": ids.clone()}


def step(model: Any, *batches: Mapping[str, Any]) -> Any:
    """A train_step over these batches."""

    def run() -> None:
        for batch in batches:
            (model(**batch).loss / len(batches)).backward()

    return run


class Mixed(nn.Module):
    """A model with one layer of many kinds, all of which its loss depends on."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.embed = nn.Embedding(11, 12)
        self.linear = nn.Linear(12, 10)
        self.conv1d = nn.Conv1d(10, 8, 3, padding=1)
        self.conv2d = nn.Conv2d(8, 6, (2, 3), stride=(1, 2), padding=(1, 0))
        self.conv3d = nn.Conv3d(1, 9, 2, padding="same")
        self.attention = nn.MultiheadAttention(12, 2, batch_first=True)

    def forward(self, ids: torch.Tensor) -> torch.Tensor:
        x = self.embed(ids)
        x = x + self.attention(x, x, x)[0]
        x = self.conv1d(self.linear(x).transpose(1, 2))
        x = self.conv2d(torch.tanh(x).reshape(len(ids), 8, 2, -1))
        return (torch.sin(self.conv3d(x[:, None])) ** 2).mean()

    @staticmethod
    def ids() -> torch.Tensor:
        """What it takes."""
        return torch.randint(0, 11, (5, 14), generator=torch.Generator().manual_seed(1))


def gradients(model: nn.Module, loss: torch.Tensor) -> dict[str, np.ndarray]:
    """∂loss/∂W of every layer by autograd, flattened to (out, in), in float64."""
    model.zero_grad()
    loss.backward()
    found = {}
    for name, module in model.named_modules():
        weight = getattr(module, "weight", None)
        if isinstance(weight, nn.Parameter) and weight.grad is not None and weight.dim() > 1:
            grad = weight.grad.double().flatten(1).numpy()
            flipped = isinstance(module, nn.Embedding) or type(module).__name__ == "Conv1D"
            found[name] = grad.T if flipped else grad
    model.zero_grad()
    return found


def mean_loss(model: Any, batches: Sequence[Mapping[str, Any]], counts: Sequence[int]) -> Any:
    """The mean over all labels of all batches, of which each batch has so many."""
    model.eval()
    return sum(
        model(**batch).loss * count for batch, count in zip(batches, counts, strict=True)
    ) / sum(counts)


def expected(G: np.ndarray, r: int, s: float, gamma: float = 128.0) -> np.ndarray:
    """``s·B·A`` of the spectral form: −(s/(γ S₁)) G_r."""
    U, S, Vh = np.linalg.svd(G, full_matrices=False)
    return -(s / (gamma * S[0])) * (U[:, :r] * S[:r]) @ Vh[:r]


def added(model: nn.Module, name: str, adapter: str = "default") -> np.ndarray:
    """``s·B·A`` as PEFT's layer has it, flattened to (out, in)."""
    module = adapted(model, adapter)[name]
    delta = module.get_delta_weight(adapter).detach().double().flatten(1).numpy()
    base = module.get_base_layer()
    flipped = isinstance(base, nn.Embedding) or type(base).__name__ == "Conv1D"
    return delta.T if flipped else delta


def adapted(model: nn.Module, adapter: str = "default") -> dict[str, Any]:
    """PEFT's layers of an adapter by name in the base model."""
    return {
        name.removeprefix("base_model.model."): module
        for name, module in model.named_modules()
        if isinstance(module, LoraLayer) and adapter in module.r
    }


def close(found: np.ndarray, wanted: np.ndarray, tolerance: float = 1e-4) -> bool:
    """Equal up to the rounding of float32."""
    return bool(np.linalg.norm(found - wanted) <= tolerance * np.linalg.norm(wanted))
