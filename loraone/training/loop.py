"""The short training run: warm-up, clipping, evaluation. Yields what it measures."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from functools import partial
from typing import TypeAlias

import torch

from loraone.adapters.interfaces import Trainable
from loraone.errors import TrainingError
from loraone.events import Metric, Note
from loraone.gradient.taps import checkpointed
from loraone.inputs.data.batches import Encoded, training_rows
from loraone.spec.experiment import RunSpec
from loraone.training.course import Course
from loraone.training.evaluation import evaluate, evaluation_batch
from loraone.training.scores import scored

# What may be done between two steps, with the training as it stands there.
Between: TypeAlias = Callable[[Course], Iterator[Note]]


def train(
    trainable: Trainable,
    data: Encoded,
    evaluation: Encoded,
    spec: RunSpec,
    device: torch.device,
    *,
    between: Between | None = None,
    course: Course | None = None,
) -> Iterator[Metric | Note]:
    """Train for ``spec.training.steps`` steps; yield step 0 (untrained) and every step after.

    ``train_loss`` of step k is the loss of its batch before the update. Evaluations come at step
    0, every ``eval_every`` steps, and at the end. ``seconds`` counts training alone. A note tells
    of steps that had to be divided. ``between`` is called where a step is done and said. A
    ``course`` that was unpacked goes on with the step after its last.

    Raises TrainingError where a loss or a gradient is not finite, that of step 0 included.
    """
    training = spec.training
    model = trainable.model
    everything = range(len(evaluation))
    going = course or Course(trainable, data, spec, device)

    def evaluated() -> dict[str, float]:
        outcome = evaluate(model, evaluation, everything, evaluation_batch(training), device)
        return scored(outcome, spec.task)

    if course is None:
        untrained = evaluated()
        _check_start(untrained["eval_loss"], spec)
        yield Metric(0, untrained, 0.0, 0)
    with ExitStack() as stack:
        if training.checkpointing:
            stack.enter_context(checkpointed(model, "training.checkpointing"))
        stack.enter_context(torch.random.fork_rng([] if device.type == "cpu" else [device]))
        torch.manual_seed(spec.seed)
        going.draw()
        if course is None and between is not None:
            yield from between(going)
        batches = training_rows(len(data), training.batch_size, spec.seed, going.step)
        for step in range(going.step + 1, training.steps + 1):
            began = time.perf_counter()
            rows = next(batches)
            model.train()
            used = float(going.schedule.get_last_lr()[0])
            finite = partial(_finite, step=step, spec=spec)
            loss = partial(finite, what="training loss")
            taken, norm = yield from going.steps.gradient(rows, loss)
            finite(norm, what="gradient norm")
            going.descent.step()
            going.schedule.step()
            going.step = step
            going.seconds += time.perf_counter() - began
            going.tokens += taken.tokens
            values: dict[str, float] = {
                "train_loss": taken.value,
                "grad_norm": norm,
                "learning_rate": used,
            }
            if step % training.eval_every == 0 or step == training.steps:
                measured = evaluated()
                finite(measured["eval_loss"], what="evaluation loss")
                values |= measured
            yield Metric(step, values, going.seconds, going.tokens)
            if between is not None:
                yield from between(going)
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
