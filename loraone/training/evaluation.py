"""Loss, right answers and logits of a model on rows of a split, in eval mode."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from loraone.errors import TrainingError
from loraone.inputs.data.batches import IGNORED, Batch, BatchSize, Encoded, loss_tokens
from loraone.inputs.models.head import run_blocks
from loraone.inputs.models.loss import MOST_LOGITS, loss_in_chunks, loss_of, mean_loss, words
from loraone.spec.training import TrainingSpec
from loraone.training.memory import first_line, ran_out, where
from loraone.training.scores import Outcome

# Where no number of tokens is asked for: texts at the least, since nothing is kept for a backward
# pass, of no more than 512 tokens.
LEAST_BATCH, MOST_TOKENS = 32, 32 * 512


def evaluation_batch(training: TrainingSpec) -> BatchSize:
    """How large the batches of an evaluation are."""
    if training.eval_batch_tokens is not None:
        return BatchSize(training.eval_batch_tokens)
    return BatchSize(MOST_TOKENS, max(LEAST_BATCH, training.batch_size))


@torch.no_grad()
def evaluate(
    model: Any, data: Encoded, rows: Sequence[int], size: BatchSize, device: torch.device
) -> Outcome:
    """The mean loss in float32, weighted by loss tokens, and how many answers were right."""
    model.eval()
    total, loss, right = 0, 0.0, 0
    # Texts of a length together: padding is computed like any token.
    rows = sorted(rows, key=lambda row: len(data.ids[row]))
    for batch in data.batches_of_tokens(rows, size, device):
        count = loss_tokens(batch, model)
        total += count
        try:
            mean, correct = _measured(model, batch, tokenwise=data.tokenwise)
        except (RuntimeError, MemoryError) as error:
            if ran_out(error):
                raise _too_large(batch, error) from error
            raise
        loss += mean * count
        right += correct
    return Outcome(loss / total, right, total)


def _measured(model: Any, batch: Batch, *, tokenwise: bool) -> tuple[float, int]:
    """The mean loss of a batch, and how many of its texts are classified rightly."""
    if tokenwise:
        return float(mean_loss(model, batch)), 0
    output = model(**batch)
    right = int((output.logits.argmax(dim=-1) == batch["labels"]).sum())
    return float(loss_of(model, output, batch)), right


def _too_large(batch: Batch, error: BaseException) -> TrainingError:
    texts, width = batch["input_ids"].shape
    name, given, less = "training.eval_batch_tokens", texts * width, texts // 2 * width
    if texts == 1:
        name, given, less = "data.max_length", width, width // 2
    return TrainingError(
        f"{where(error)} ran out of memory in an evaluation, at a batch of {texts} × {width} "
        f"tokens: {first_line(error)}",
        field=name,
        value=given,
        hint=f"set {name} to {less}",
    )


@torch.no_grad()
def logits(
    model: Any,
    data: Encoded,
    rows: Sequence[int],
    device: torch.device,
    most: int = MOST_LOGITS,
) -> Tensor:
    """Logits at the positions that count, (positions, classes), float32 on the CPU.

    Where they are more than ``most`` numbers, those of some positions, equally far apart.
    """
    return _with_logits(model, data, rows, device, most)[1]


@torch.no_grad()
def evaluate_with_logits(
    model: Any,
    data: Encoded,
    rows: Sequence[int],
    first: int,
    size: BatchSize,
    device: torch.device,
) -> tuple[float, Tensor]:
    """The mean loss of :func:`evaluate`, and the :func:`logits` of the ``first`` so many rows,
    which are a batch of their own: one pass over all of them."""
    mean, found, count = _with_logits(model, data, rows[:first], device, MOST_LOGITS)
    if len(rows) <= first:
        return mean, found
    rest = evaluate(model, data, rows[first:], size, device)
    return (mean * count + rest.mean_loss * rest.count) / (count + rest.count), found


def _with_logits(
    model: Any, data: Encoded, rows: Sequence[int], device: torch.device, most: int
) -> tuple[float, Tensor, int]:
    """Mean loss, logits, and number of loss tokens of one batch."""
    model.eval()
    batch = data.batch(rows, device)
    count = loss_tokens(batch, model)
    counts = batch["labels"] != IGNORED if data.tokenwise else None
    large = counts is not None and counts.numel() * words(model) > most
    ran = run_blocks(model, batch) if large else None
    if ran is None or counts is None:
        output = model(**batch)
        found = output.logits.float().cpu()
        found = found if counts is None else found[counts.cpu()]
        return float(loss_of(model, output, batch)), found, count
    head, hidden = ran
    chosen = hidden[counts]
    apart = -(-len(chosen) * words(model) // most)
    found = head.logits(chosen[::apart]).float().cpu()
    return float(loss_in_chunks(model, head, hidden, batch["labels"], most)), found, count
