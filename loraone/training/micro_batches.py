"""A step's texts in parts, whose gradients add up to that of the whole; more parts where they do
not fit."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator, Sequence
from functools import partial
from typing import Any

import torch
from torch import Tensor

from loraone.events import Note
from loraone.inputs.data.batches import Batch, Encoded, loss_tokens
from loraone.inputs.models.loss import mean_loss
from loraone.memory import first_line, free, ran_out
from loraone.spec.training import TrainingSpec, texts_of_part
from loraone.training.half_precision import Float32Steps
from loraone.training.randomness import random_state


class MicroBatches:
    """The parts of one step, as batches on the device, and what each counts for.

    The mean is over all loss tokens of the step: a part with more of them counts for more. So the
    loss is that of the undivided batch, to rounding.
    """

    def __init__(
        self, model: Any, data: Encoded, rows: Sequence[int], parts: int, device: torch.device
    ) -> None:
        self._model = model
        size = texts_of_part(len(rows), parts)
        self._batches: tuple[Batch, ...] = tuple(data.batches(rows, size, device))
        self.value = 0.0

    def losses(self, check: Callable[[float], float]) -> Iterator[Tensor]:
        """The share of each part in the step's loss; their sum so far is :attr:`value`.

        ``check`` is given each value before it is passed back through the model.
        """
        self.value = 0.0
        counts = [loss_tokens(batch, self._model) for batch in self._batches]
        for batch, count in zip(self._batches, counts, strict=True):
            if count:
                loss = mean_loss(self._model, batch) * (count / sum(counts))
                self.value += check(float(loss.detach()))
                yield loss

    @property
    def tokens(self) -> int:
        """How many tokens the model reads, without padding."""
        return sum(int(batch["attention_mask"].sum()) for batch in self._batches)


class DividedSteps:
    """Takes the gradient of one step after the other, in parts that fit."""

    def __init__(
        self,
        model: Any,
        data: Encoded,
        descent: Float32Steps,
        training: TrainingSpec,
        device: torch.device,
    ) -> None:
        self._model = model
        self._data = data
        self._descent = descent
        self._training = training
        self._device = device
        # It grows where memory runs out.
        self.parts = training.gradient_accumulation

    def gradient(
        self, rows: Sequence[int], check: Callable[[float], float]
    ) -> Generator[Note, None, tuple[MicroBatches, float]]:
        """Take the clipped gradient of the texts in ``rows``; its norm before that.

        Where memory runs out and ``training.halve_on_oom`` says so, the parts are halved, for this
        step and all that follow, and the step is repeated with the same random numbers.
        """
        begin_again = random_state(self._device)
        while True:
            taken = MicroBatches(self._model, self._data, rows, self.parts, self._device)
            losses = partial(taken.losses, check)
            try:
                return taken, self._descent.backward(losses, self._training.max_grad_norm)
            except (RuntimeError, MemoryError) as error:
                size = texts_of_part(len(rows), self.parts)
                if not (self._training.halve_on_oom and ran_out(error) and size > 1):
                    raise
                detail = first_line(error)
            self.parts = min(len(rows), 2 * self.parts)
            free(self._device)
            begin_again()
            less = texts_of_part(len(rows), self.parts)
            yield Note(
                f"a step of {len(rows)} texts did not fit {size} at a time ({detail}); from here "
                f"on it is {less} at a time (training.gradient_accumulation {self.parts})"
            )
