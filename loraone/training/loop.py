"""The short training run: warm-up, clipping, evaluation. Yields what it measures."""

from __future__ import annotations

import math
import time
from collections.abc import Iterator
from contextlib import ExitStack
from functools import partial

import torch

from loraone.adapters.interfaces import Trainable
from loraone.errors import TrainingError
from loraone.events import Metric, Note
from loraone.gradient.taps import checkpointed
from loraone.inputs.data.batches import Encoded, training_rows
from loraone.inputs.models.loss import dtype_of
from loraone.spec.experiment import RunSpec
from loraone.training import optimizers
from loraone.training.evaluation import evaluate, evaluation_batch
from loraone.training.half_precision import Float32Steps
from loraone.training.micro_batches import DividedSteps
from loraone.training.schedule import rate
from loraone.training.scores import scored


def train(
    trainable: Trainable, data: Encoded, evaluation: Encoded, spec: RunSpec, device: torch.device
) -> Iterator[Metric | Note]:
    """Train for ``spec.training.steps`` steps; yield step 0 (untrained) and every step after.

    ``train_loss`` of step k is the loss of its batch before the update. Evaluations come at step
    0, every ``eval_every`` steps, and at the end. ``seconds`` counts training alone. A note tells
    of steps that had to be divided.

    Raises TrainingError where a loss or a gradient is not finite, that of step 0 included.
    """
    training = spec.training
    model = trainable.model
    everything = range(len(evaluation))
    optimizer = optimizers.build(trainable, spec)
    parameters = trainable.parameters()  # after the optimiser: LoRA-FA freezes lora_A
    descent = Float32Steps(optimizer, parameters, dtype_of(model))
    schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda step: rate(training, step))
    steps = DividedSteps(model, data, descent, training, device)
    seconds, tokens = 0.0, 0

    def evaluated() -> dict[str, float]:
        outcome = evaluate(model, evaluation, everything, evaluation_batch(training), device)
        return scored(outcome, spec.task)

    untrained = evaluated()
    _check_start(untrained["eval_loss"], spec)
    yield Metric(0, untrained, 0.0, 0)
    with ExitStack() as stack:
        if training.checkpointing:
            stack.enter_context(checkpointed(model, "training.checkpointing"))
        stack.enter_context(torch.random.fork_rng([] if device.type == "cpu" else [device]))
        torch.manual_seed(spec.seed)
        batches = training_rows(len(data), training.batch_size, spec.seed)
        for step in range(1, training.steps + 1):
            began = time.perf_counter()
            rows = next(batches)
            model.train()
            used = float(schedule.get_last_lr()[0])
            finite = partial(_finite, step=step, spec=spec)
            taken, norm = yield from steps.gradient(rows, partial(finite, what="training loss"))
            finite(norm, what="gradient norm")
            descent.step()
            schedule.step()
            seconds += time.perf_counter() - began
            tokens += taken.tokens
            values: dict[str, float] = {
                "train_loss": taken.value,
                "grad_norm": norm,
                "learning_rate": used,
            }
            if step % training.eval_every == 0 or step == training.steps:
                measured = evaluated()
                finite(measured["eval_loss"], what="evaluation loss")
                values |= measured
            yield Metric(step, values, seconds, tokens)
    model.eval()


def _check_start(loss: float, spec: RunSpec) -> None:
    """The untouched model's loss was finite: what is not is the initialisation's doing."""
    if not math.isfinite(loss):
        raise TrainingError(
            f"the evaluation loss is {loss} before the first step: {spec.method.label} begins "
            "with weights that the model cannot compute with",
            field="method.params",
            value=spec.method.label,
            allowed="an initialisation after which the loss is finite",
            hint="make the initial update smaller (a larger γ, a smaller α), or use bfloat16 or "
            "float32 instead of float16",
        )


def _finite(value: float, *, what: str, step: int, spec: RunSpec) -> float:
    if not math.isfinite(value):
        raise TrainingError(
            f"the {what} is {value} at step {step} of {spec.training.steps} "
            f"(learning rate {spec.learning_rate:g})",
            field="learning_rate",
            value=spec.learning_rate,
            hint="lower the learning rate or max_grad_norm; in float16, use bfloat16 or float32",
        )
    return value
