"""A model's mean loss, in float32 whatever the format of its weights."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.nn.functional import cross_entropy, pad

from loraone.inputs.data.batches import IGNORED, Batch, predicts_next
from loraone.inputs.models.chunked_loss import summed_loss
from loraone.inputs.models.head import Head, adds_a_loss, run_blocks

HALF = (torch.bfloat16, torch.float16)
# What the loss is multiplied by before the one-step gradient of a model in float16, whose smallest
# number is 6e-8: MiniLM's mean loss has output gradients below it. A power of two rounds nothing.
FLOAT16_SCALE = 2.0**10
# How many logits are held at once: 64 MB in float32. A batch with fewer has no use for chunks.
MOST_LOGITS = 2**24


def mean_loss(model: Any, batch: Batch, most: int = MOST_LOGITS) -> Tensor:
    """The mean cross entropy of ``model`` over the loss tokens of ``batch``, in float32.

    Where a language model would give more than ``most`` logits, it is computed a chunk of positions
    at a time: the same to rounding, and no more logits are held.
    """
    labels = batch.get("labels")
    if labels is not None and labels.dim() == 2 and labels.numel() * words(model) > most:
        ran = run_blocks(model, batch)
        if ran is not None:
            return loss_in_chunks(model, *ran, labels, most)
    if _is_of_next(model, batch):  # the loss is taken from the logits
        output = model(**{name: given for name, given in batch.items() if name != "labels"})
    else:
        output = model(**batch)
    return loss_of(model, output, batch)


def loss_in_chunks(
    model: Any, head: Head, hidden: Tensor, labels: Tensor, most: int = MOST_LOGITS
) -> Tensor:
    """The mean loss of what a model's blocks came to, at most so many logits at a time."""
    labels = _aligned(model, labels).to(hidden.device)
    counts = labels != IGNORED
    size = max(1, most // words(model))
    return summed_loss(head, hidden[counts], labels[counts], size) / counts.sum()


def loss_of(model: Any, output: Any, batch: Batch) -> Tensor:
    """The mean loss of a model's ``output`` for ``batch``.

    transformers takes the loss of some tasks in the format of the logits. In bfloat16 a loss near
    0.7 is then a multiple of 1/256, so that a search sees plateaus, and in float16 a sum may
    overflow: it is taken again from the logits in float32. The loss of some causal models, such as
    BART's decoder, has each token predict itself: that of a next token is always taken from the
    logits.
    """
    if not _is_of_next(model, batch):
        loss: Tensor = output.loss
        if loss.dtype not in HALF:
            return loss
        kind = getattr(model.config, "problem_type", None)
        if kind in ("regression", "multi_label_classification"):
            return loss.float()
    logits, labels = output.logits.float(), _aligned(model, batch["labels"])
    return cross_entropy(
        logits.reshape(-1, logits.shape[-1]), labels.reshape(-1), ignore_index=IGNORED
    )


def _is_of_next(model: Any, batch: Batch) -> bool:
    """Whether the loss is that of transformers' causal models, and nothing beside it."""
    words = "labels" in batch and batch["labels"].dim() == 2 and hasattr(model, "loss_type")
    return words and predicts_next(model) and not adds_a_loss(model)


def _aligned(model: Any, labels: Tensor) -> Tensor:
    """The label of each position; a token of a causal model is predicted by those before it."""
    if labels.dim() == 2 and predicts_next(model):
        return pad(labels[:, 1:], (0, 1), value=IGNORED)
    return labels


def words(model: Any) -> int:
    """How many logits a language model gives for a position; 0 where it does not say so."""
    config = getattr(model, "config", None)
    return int(getattr(config.get_text_config(decoder=True), "vocab_size", 0)) if config else 0


def dtype_of(model: Any) -> torch.dtype:
    """The 16-bit format of the first such weight of a model; that of its weights otherwise."""
    found = torch.float32
    for parameter in model.parameters():
        if not parameter.is_floating_point():
            continue  # a quantised weight
        found = parameter.dtype
        if found in HALF:
            break
    return found


def loss_scale(model: Any) -> float:
    """What keeps the output gradients of a model from vanishing in its format."""
    return FLOAT16_SCALE if dtype_of(model) == torch.float16 else 1.0
