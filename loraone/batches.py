"""Tokenised batches, and the random choices that a run's seed makes."""

from __future__ import annotations

import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

IGNORED = -100

Batch = dict[str, Tensor]


def generator(seed: int, purpose: str) -> torch.Generator:
    """An independent random stream for one purpose of one seed, on the CPU."""
    return torch.Generator().manual_seed((seed << 32) ^ zlib.crc32(purpose.encode()))


@dataclass(frozen=True)
class Encoded:
    """Token ids and labels of one split; :meth:`batch` pads the rows it is asked for."""

    ids: tuple[tuple[int, ...], ...]
    labels: tuple[int, ...]
    causal: bool
    pad: int

    def __len__(self) -> int:
        return len(self.ids)

    def batch(self, rows: Sequence[int], device: torch.device) -> Batch:
        """The rows padded to the longest; causal labels are the tokens, padding is ignored."""
        width = max(len(self.ids[row]) for row in rows)
        ids = torch.full((len(rows), width), self.pad)
        mask = torch.zeros((len(rows), width), dtype=torch.long)
        for i, row in enumerate(rows):
            tokens = self.ids[row]
            ids[i, : len(tokens)] = torch.tensor(tokens)
            mask[i, : len(tokens)] = 1
        if self.causal:
            labels = ids.masked_fill(mask == 0, IGNORED)
        else:
            labels = torch.tensor([self.labels[row] for row in rows])
        batch = {"input_ids": ids, "attention_mask": mask, "labels": labels}
        return {name: tensor.to(device) for name, tensor in batch.items()}

    def batches(self, rows: Sequence[int], size: int, device: torch.device) -> Iterator[Batch]:
        """``rows`` in order, ``size`` at a time."""
        for start in range(0, len(rows), size):
            yield self.batch(rows[start : start + size], device)


def encode(
    tokenizer: Any, texts: Sequence[str], labels: Sequence[int], max_length: int, causal: bool
) -> Encoded:
    """Tokenise ``texts``, cut at ``max_length`` tokens; texts too short to have a loss go."""
    ids = tokenizer(list(texts), truncation=True, max_length=max_length)["input_ids"]
    least = 2 if causal else 1
    keep = [i for i, row in enumerate(ids) if len(row) >= least]
    return Encoded(
        tuple(tuple(ids[i]) for i in keep),
        tuple(labels[i] for i in keep),
        causal,
        tokenizer.pad_token_id or 0,
    )


def loss_tokens(batch: Batch) -> int:
    """How many tokens (causal) or texts (classification) the batch's mean loss is taken over."""
    labels = batch["labels"]
    if labels.dim() == 2:
        labels = labels[:, 1:]  # the model shifts: the first token is predicted by nothing
    return int((labels != IGNORED).sum())


def shuffled(count: int, seed: int, purpose: str) -> list[int]:
    """0 … count−1 in an order drawn for this seed and purpose."""
    order: list[int] = torch.randperm(count, generator=generator(seed, purpose)).tolist()
    return order


def training_rows(count: int, size: int, seed: int) -> Iterator[list[int]]:
    """Batches of ``size`` rows without end: a new order every epoch, incomplete ones dropped."""
    size = min(size, count)
    epoch = 0
    while True:
        order = shuffled(count, seed, f"epoch {epoch}")
        for start in range(0, count - size + 1, size):
            yield order[start : start + size]
        epoch += 1
