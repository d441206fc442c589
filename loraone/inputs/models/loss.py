"""A model's mean loss, in float32 whatever the format of its weights."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.nn.functional import cross_entropy

from loraone.inputs.data.batches import IGNORED, Batch

HALF = (torch.bfloat16, torch.float16)
# What the loss is multiplied by before the one-step gradient of a model in float16, whose smallest
# number is 6e-8: MiniLM's mean loss has output gradients below it. A power of two rounds nothing.
FLOAT16_SCALE = 2.0**10


def mean_loss(model: Any, output: Any, batch: Batch) -> Tensor:
    """The mean cross entropy of ``output = model(**batch)``, over the batch's loss tokens.

    transformers takes the loss of some tasks in the format of the logits. In bfloat16 a loss near
    0.7 is then a multiple of 1/256, so that a search sees plateaus, and in float16 a sum may
    overflow: it is taken again from the logits in float32.
    """
    loss: Tensor = output.loss
    if loss.dtype not in HALF:
        return loss
    if getattr(model.config, "problem_type", None) in ("regression", "multi_label_classification"):
        return loss.float()
    logits, labels = output.logits.float(), batch["labels"]
    if labels.dim() == 2 and not getattr(model.config, "is_encoder_decoder", False):
        logits, labels = logits[:, :-1], labels[:, 1:]  # each token is predicted by those before it
    return cross_entropy(
        logits.reshape(-1, logits.shape[-1]), labels.reshape(-1), ignore_index=IGNORED
    )


def dtype_of(model: Any) -> torch.dtype:
    """The 16-bit format of the first such weight of a model; that of its weights otherwise."""
    found = torch.float32
    for parameter in model.parameters():
        found = parameter.dtype
        if found in HALF:
            break
    return found


def loss_scale(model: Any) -> float:
    """What keeps the output gradients of a model from vanishing in its format."""
    return FLOAT16_SCALE if dtype_of(model) == torch.float16 else 1.0
