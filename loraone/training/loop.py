"""The short training run: AdamW, warm-up, clipping, evaluation. Yields what it measures."""

from __future__ import annotations

import math
import time
from collections.abc import Iterator, Sequence
from typing import Any

import torch
from torch import nn

from loraone.adapters.interfaces import Trainable
from loraone.data.batches import IGNORED, Encoded, loss_tokens, training_rows
from loraone.errors import TrainingError
from loraone.events import Metric
from loraone.spec.experiment import RunSpec
from loraone.training.schedule import rate


def train(
    trainable: Trainable, data: Encoded, evaluation: Encoded, spec: RunSpec, device: torch.device
) -> Iterator[Metric]:
    """Train for ``spec.training.steps`` steps; yield step 0 (untrained) and every step after.

    ``train_loss`` of step k is the loss of its batch before the update. Evaluations come at step
    0, every ``eval_every`` steps, and at the end. ``seconds`` counts training alone.

    Raises TrainingError where a loss or a gradient is not finite.
    """
    plan = spec.training
    model = trainable.model
    everything = range(len(evaluation))
    optimizer = trainable.optimizer(spec)
    parameters = trainable.parameters()  # after the optimiser: LoRA-FA freezes lora_A
    schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda step: rate(plan, step))
    seconds, tokens = 0.0, 0
    yield Metric(0, evaluate(model, evaluation, everything, spec, device), 0.0, 0)
    with torch.random.fork_rng(devices=[] if device.type == "cpu" else [device]):
        torch.manual_seed(spec.seed)
        batches = training_rows(len(data), plan.batch_size, spec.seed)
        for step in range(1, plan.steps + 1):
            began = time.perf_counter()
            batch = data.batch(next(batches), device)
            model.train()
            loss = model(**batch).loss
            used = float(schedule.get_last_lr()[0])
            value = _finite(float(loss.detach()), "training loss", step, spec)
            optimizer.zero_grad()
            loss.backward()
            norm = float(nn.utils.clip_grad_norm_(parameters, plan.max_grad_norm))
            _finite(norm, "gradient norm", step, spec)
            optimizer.step()
            schedule.step()
            seconds += time.perf_counter() - began
            tokens += int(batch["attention_mask"].sum())
            values: dict[str, float] = {
                "train_loss": value,
                "grad_norm": norm,
                "learning_rate": used,
            }
            if step % plan.eval_every == 0 or step == plan.steps:
                measured = evaluate(model, evaluation, everything, spec, device)
                _finite(measured["eval_loss"], "evaluation loss", step, spec)
                values |= measured
            yield Metric(step, values, seconds, tokens)
    model.eval()


def _finite(value: float, what: str, step: int, spec: RunSpec) -> float:
    if not math.isfinite(value):
        raise TrainingError(
            f"the {what} is {value} at step {step} of {spec.training.steps} "
            f"(learning rate {spec.learning_rate:g})",
            field="learning_rate",
            value=spec.learning_rate,
            hint="lower the learning rate or max_grad_norm; in float16, use bfloat16 or float32",
        )
    return value


@torch.no_grad()
def evaluate(
    model: Any, data: Encoded, rows: Sequence[int], spec: RunSpec, device: torch.device
) -> dict[str, float]:
    """``eval_loss``, weighted by loss tokens, and accuracy or perplexity; in eval mode."""
    model.eval()
    total, loss, right = 0, 0.0, 0
    # Texts of a length together: padding is computed like any token.
    rows = sorted(rows, key=lambda row: len(data.ids[row]))
    for batch in data.batches(rows, max(32, spec.training.batch_size), device):
        output = model(**batch)
        count = loss_tokens(batch, model)
        total += count
        loss += float(output.loss) * count
        if not data.tokenwise:
            right += int((output.logits.argmax(dim=-1) == batch["labels"]).sum())
    mean = loss / total
    if data.tokenwise:
        return {"eval_loss": mean, "perplexity": math.exp(min(mean, 700.0))}
    return {"eval_loss": mean, "accuracy": right / total}


@torch.no_grad()
def logits(model: Any, data: Encoded, rows: Sequence[int], device: torch.device) -> torch.Tensor:
    """Logits at the positions that count, (positions, classes), float32 on the CPU."""
    model.eval()
    batch = data.batch(rows, device)
    found = model(**batch).logits.float().cpu()
    if data.tokenwise:
        return torch.as_tensor(found[(batch["labels"] != IGNORED).cpu()])
    return torch.as_tensor(found)


def warm_head(
    model: Any, heads: Sequence[str], data: Encoded, spec: RunSpec, device: torch.device
) -> Iterator[int]:
    """Train only the new head for ``gradient.head_warmup_steps`` steps, in eval mode.

    Without it a random head's gradient says little about the task. Yields the steps done.
    """
    parameters = [p for name in heads for p in getattr(model, name).parameters()]
    model.eval().requires_grad_(False)
    for parameter in parameters:
        parameter.requires_grad_(True)
    optimizer = torch.optim.AdamW(parameters, lr=spec.gradient.head_learning_rate, weight_decay=0.0)
    batches = training_rows(len(data), spec.training.batch_size, spec.seed)
    for step in range(1, spec.gradient.head_warmup_steps + 1):
        loss = model(**data.batch(next(batches), device)).loss
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        yield step
    model.requires_grad_(False)
