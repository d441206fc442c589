"""Loss, right answers and logits of a model on rows of a split, in eval mode."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from loraone.inputs.data.batches import IGNORED, Encoded, loss_tokens
from loraone.inputs.models.loss import loss_of, mean_loss
from loraone.training.scores import Outcome

# Texts of a batch at the least: nothing is kept for a backward pass.
LEAST_BATCH = 32


@torch.no_grad()
def evaluate(
    model: Any, data: Encoded, rows: Sequence[int], batch_size: int, device: torch.device
) -> Outcome:
    """The mean loss in float32, weighted by loss tokens, and how many answers were right.

    ``batch_size`` texts at a time, or 32 where that is more.
    """
    model.eval()
    total, loss, right = 0, 0.0, 0
    # Texts of a length together: padding is computed like any token.
    rows = sorted(rows, key=lambda row: len(data.ids[row]))
    for batch in data.batches(rows, max(LEAST_BATCH, batch_size), device):
        count = loss_tokens(batch, model)
        total += count
        if data.tokenwise:
            loss += float(mean_loss(model, batch)) * count
        else:
            output = model(**batch)
            loss += float(loss_of(model, output, batch)) * count
            right += int((output.logits.argmax(dim=-1) == batch["labels"]).sum())
    return Outcome(loss / total, right, total)


@torch.no_grad()
def logits(model: Any, data: Encoded, rows: Sequence[int], device: torch.device) -> Tensor:
    """Logits at the positions that count, (positions, classes), float32 on the CPU."""
    model.eval()
    batch = data.batch(rows, device)
    output = model(**batch).logits.float().cpu()
    if data.tokenwise:
        return torch.as_tensor(output[(batch["labels"] != IGNORED).cpu()])
    return torch.as_tensor(output)
