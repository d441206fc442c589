"""A training as it stands between two steps: all that the next step depends on."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor

from loraone.adapters.interfaces import Trainable
from loraone.inputs.data.batches import Encoded
from loraone.inputs.models.loss import dtype_of
from loraone.linalg.packed import Packed, joined, part, put
from loraone.spec.experiment import RunSpec
from loraone.training import optimizer_state, optimizers
from loraone.training.half_precision import Float32Steps
from loraone.training.micro_batches import DividedSteps
from loraone.training.randomness import drawn, go_on_drawing
from loraone.training.schedule import rate


class Course:
    """Weights, optimiser, schedule, random numbers, and how far the data were read: ``step``
    batches. ``seconds`` counts training alone, over all attempts at it."""

    def __init__(
        self, trainable: Trainable, data: Encoded, spec: RunSpec, device: torch.device
    ) -> None:
        training = spec.training
        self._trainable = trainable
        self._device = device
        self._optimizer = optimizers.build(trainable, spec)
        parameters = trainable.parameters()  # after the optimiser: LoRA-FA freezes lora_A
        self.descent = Float32Steps(self._optimizer, parameters, dtype_of(trainable.model))
        self.schedule = torch.optim.lr_scheduler.LambdaLR(
            self._optimizer, lambda step: rate(training, step)
        )
        self.steps = DividedSteps(trainable.model, data, self.descent, training, device)
        self.step, self.tokens, self.seconds = 0, 0, 0.0
        self._drawn: Mapping[str, Tensor] = {}

    def packed(self) -> Packed:
        """All of it, bit for bit."""
        schedule = self.schedule.state_dict()
        known = ("last_epoch", "_step_count", "_last_lr")
        beside = {
            "step": self.step,
            "tokens": self.tokens,
            "seconds": self.seconds,
            "parts": self.steps.parts,
            "schedule": {name: schedule[name] for name in known},
        }
        return joined(
            weights=(self._trainable.state(), None),
            optimizer=optimizer_state.packed(self._optimizer),
            descent=self.descent.packed(),
            random=(drawn(self._device), None),
            at=({}, beside),
        )

    def unpack(self, packed: Packed) -> None:
        """Go on from what :meth:`packed` gave; :meth:`draw` sees to the random numbers.

        Raises KeyError or ValueError where it is not of this training.
        """
        put(part("weights", packed)[0], self._trainable.state())
        optimizer_state.unpack(self._optimizer, *part("optimizer", packed))
        self.descent.unpack(*part("descent", packed))
        at = part("at", packed)[1]
        self.schedule.load_state_dict({**self.schedule.state_dict(), **at["schedule"]})
        self.steps.parts = int(at["parts"])
        self.step, self.tokens = int(at["step"]), int(at["tokens"])
        self.seconds = float(at["seconds"])
        self._drawn = part("random", packed)[0]

    def draw(self) -> None:
        """Draw random numbers from where :meth:`unpack` was told that they are, if it was."""
        if self._drawn:
            go_on_drawing(self._drawn, self._device)
