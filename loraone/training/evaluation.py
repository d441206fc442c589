"""Loss, right answers and logits of a model on rows of a split, in eval mode."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor

from loraone.errors import TrainingError
from loraone.inputs.data.batches import IGNORED, Batch, BatchSize, Encoded, loss_tokens
from loraone.inputs.models.head import run_blocks
from loraone.inputs.models.loss import MOST_LOGITS, loss_in_chunks, loss_of, mean_loss, words
from loraone.memory import first_line, ran_out, where
from loraone.spec.training import TrainingSpec
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
        with _named(batch):
            mean, correct = _measured(model, batch, tokenwise=data.tokenwise)
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


@contextmanager
def _named(batch: Batch) -> Iterator[None]:
    """Where memory runs out meanwhile, the error says at what batch, and what helps."""
    try:
        yield
    except (RuntimeError, MemoryError) as error:
        if ran_out(error):
            raise _too_large(batch, error) from error
        raise


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


def logits(
    model: Any,
    data: Encoded,
    rows: Sequence[int],
    size: BatchSize,
    device: torch.device,
    most: int = MOST_LOGITS,
) -> Tensor:
    """Logits at the positions that count, (positions, classes), float32 on the CPU.

    Where they are more than ``most`` numbers, those of some positions, equally far apart.
    """
    return evaluate_with_logits(model, data, rows, len(rows), size, device, most)[1]


@torch.no_grad()
def evaluate_with_logits(
    model: Any,
    data: Encoded,
    rows: Sequence[int],
    first: int,
    size: BatchSize,
    device: torch.device,
    most: int = MOST_LOGITS,
) -> tuple[float, Tensor]:
    """The mean loss of :func:`evaluate`, and the :func:`logits` of the ``first`` so many rows,
    which are in batches of their own: one pass over all of them."""
    model.eval()
    total, loss = 0, 0.0
    found = []
    batches = list(data.batches_of_tokens(rows[:first], size, device))
    for batch in batches:
        count = loss_tokens(batch, model)
        with _named(batch):
            mean, some = _with_logits(model, batch, most // len(batches), data.tokenwise)
        found.append(some)
        total, loss = total + count, loss + mean * count
    if len(rows) > first:
        rest = evaluate(model, data, rows[first:], size, device)
        total, loss = total + rest.count, loss + rest.mean_loss * rest.count
    return loss / total, torch.cat(found)


def _with_logits(model: Any, batch: Batch, most: int, tokenwise: bool) -> tuple[float, Tensor]:
    """Mean loss and logits of one batch."""
    counts = batch["labels"] != IGNORED if tokenwise else None
    large = counts is not None and counts.numel() * words(model) > most
    ran = run_blocks(model, batch) if large else None
    if ran is None or counts is None:
        output = model(**batch)
        found: Tensor = output.logits.float().cpu()
        found = found if counts is None else found[counts.cpu()]
        return float(loss_of(model, output, batch)), found
    head, hidden = ran
    chosen = hidden[counts]
    apart = -(-len(chosen) * words(model) // most)
    found = head.logits(chosen[::apart]).float().cpu()
    return float(loss_in_chunks(model, head, hidden, batch["labels"], most)), found
