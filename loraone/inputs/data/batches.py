"""Tokenised batches, and the random choices that a run's seed makes."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

IGNORED = -100

Batch = dict[str, Tensor]


def generator(seed: int, purpose: str) -> torch.Generator:
    """An independent random stream for one purpose of one seed, on the CPU.

    torch's CPU generator reads the lower 32 bits of its seed alone, so both are mixed there.
    """
    digest = hashlib.sha256(f"{seed} {purpose}".encode()).digest()
    return torch.Generator().manual_seed(int.from_bytes(digest[:4], "little"))


@dataclass(frozen=True)
class BatchSize:
    """How large a batch may be: tokens with padding, and texts."""

    tokens: int
    texts: int | None = None


@dataclass(frozen=True)
class Encoded:
    """Token ids and labels of one split; :meth:`batch` pads the rows it is asked for.

    ``labels`` are classes, or the token ids that an encoder-decoder has to write.
    """

    ids: tuple[tuple[int, ...], ...]
    labels: tuple[int, ...] | tuple[tuple[int, ...], ...]
    causal: bool
    pad: int

    def __len__(self) -> int:
        return len(self.ids)

    @property
    def tokenwise(self) -> bool:
        """Whether the loss is over tokens, not over texts."""
        return self.causal or (bool(self.labels) and isinstance(self.labels[0], tuple))

    def batch(self, rows: Sequence[int], device: torch.device) -> Batch:
        """The rows padded to the longest; causal labels are the tokens, padding is ignored."""
        ids, mask = _padded([self.ids[row] for row in rows], self.pad)
        if self.causal:
            labels = ids.masked_fill(mask == 0, IGNORED)
        elif self.tokenwise:
            labels, _ = _padded([self.labels[row] for row in rows], IGNORED)
        else:
            labels = torch.tensor([self.labels[row] for row in rows])
        batch = {"input_ids": ids, "attention_mask": mask, "labels": labels}
        return {name: tensor.to(device) for name, tensor in batch.items()}

    def batches(self, rows: Sequence[int], size: int, device: torch.device) -> Iterator[Batch]:
        """``rows`` in order, ``size`` at a time."""
        for start in range(0, len(rows), size):
            yield self.batch(rows[start : start + size], device)

    def batches_of_tokens(
        self, rows: Sequence[int], size: BatchSize, device: torch.device
    ) -> Iterator[Batch]:
        """``rows`` in order, as many at a time as ``size`` allows; one where it allows none."""
        start, width = 0, 0
        for end, row in enumerate(rows):
            width = max(width, self._length(row))
            texts = end - start
            if texts and (texts == size.texts or (texts + 1) * width > size.tokens):
                yield self.batch(rows[start:end], device)
                start, width = end, self._length(row)
        if start < len(rows):
            yield self.batch(rows[start:], device)

    def _length(self, row: int) -> int:
        """Tokens of a text, or of what is written of it where that is longer."""
        written = self.labels[row] if self.labels else 0
        return max(len(self.ids[row]), len(written) if isinstance(written, tuple) else 0)


def _padded(rows: Sequence[Any], value: int) -> tuple[Tensor, Tensor]:
    """Rows of tokens as one tensor, filled up with ``value``, and where it is not filled."""
    width = max(len(row) for row in rows)
    ids = torch.full((len(rows), width), value)
    mask = torch.zeros((len(rows), width), dtype=torch.long)
    for i, row in enumerate(rows):
        ids[i, : len(row)] = torch.tensor(row)
        mask[i, : len(row)] = 1
    return ids, mask


def encode(
    tokenizer: Any,
    texts: Sequence[str],
    labels: Sequence[int],
    max_length: int,
    causal: bool,
    targets: Sequence[str] | None = None,
) -> Encoded:
    """Tokenise ``texts``, cut at ``max_length`` tokens; texts too short to have a loss go.

    ``targets`` are the texts that an encoder-decoder has to write, one for each label.
    """
    ids = tokenizer(list(texts), truncation=True, max_length=max_length)["input_ids"]
    least = 2 if causal else 1
    keep = [i for i, row in enumerate(ids) if len(row) >= least]
    wanted: Sequence[Any] = labels
    if targets is not None:
        options = {"truncation": True, "max_length": max_length}
        written = tokenizer(text_target=list(targets), **options)["input_ids"]
        wanted = [tuple(written[label]) for label in labels]
    return Encoded(
        tuple(tuple(ids[i]) for i in keep),
        tuple(wanted[i] for i in keep),
        causal,
        tokenizer.pad_token_id or 0,
    )


def loss_tokens(batch: Batch, model: Any = None) -> int:
    """How many tokens or texts (classification) the batch's mean loss is taken over.

    A causal model shifts the labels: the first token is predicted by nothing. An encoder-decoder
    writes all of them; ``model`` says which it is.
    """
    labels = batch["labels"]
    if labels.dim() == 2 and predicts_next(model):
        labels = labels[:, 1:]
    return int((labels != IGNORED).sum())


def predicts_next(model: Any) -> bool:
    """Whether the label of a token is predicted by the tokens before it.

    An encoder-decoder's labels are what it writes at each position; a masked model's are the words
    that were there.
    """
    both = getattr(getattr(model, "config", None), "is_encoder_decoder", False)
    return not both and getattr(model, "loss_type", None) != "ForMaskedLM"


def shuffled(count: int, seed: int, purpose: str) -> list[int]:
    """0 … count−1 in an order drawn for this seed and purpose."""
    order: list[int] = torch.randperm(count, generator=generator(seed, purpose)).tolist()
    return order


def training_rows(count: int, size: int, seed: int, first: int = 0) -> Iterator[list[int]]:
    """Batches of ``size`` rows without end: a new order every epoch, incomplete ones dropped.

    Those before the batch number ``first``, counted from 0, are passed over.
    """
    size = min(size, count)
    epoch, passed = divmod(first, count // size)
    while True:
        order = shuffled(count, seed, f"epoch {epoch}")
        for start in range(passed * size, count - size + 1, size):
            yield order[start : start + size]
        epoch, passed = epoch + 1, 0
