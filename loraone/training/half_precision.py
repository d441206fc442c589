"""Training of weights in 16 bits: float32 copies that are stepped, and a loss that is scaled."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor, nn

from loraone.inputs.models.loss import HALF
from loraone.linalg.packed import Packed
from loraone.training.randomness import random_state

# The loss is multiplied by it at first where gradients pass through float16, whose smallest number
# is 6e-8. A power of two: nothing is rounded.
LOSS_SCALE = 2.0**16
# After so many passes without an overflow a lowered scale doubles again, as in torch's GradScaler:
# one text with a large gradient must not decide what small gradients underflow from then on.
GROWTH_PASSES = 100


class Float32Steps:
    """Backward passes and steps of an optimiser in float32, whatever the parameters are kept in.

    A parameter in bfloat16 has 8 bits, so that a step of less than 1/512 of it would be lost, and
    Adam's ε underflows in float16: each such parameter gets a float32 copy that the optimiser
    steps, and takes over what it becomes. PEFT keeps factors in float32 by itself, so that heads
    and whole layers are held to the same arithmetic as they. The sequence of ``parameters`` is
    that of the model; ``through`` is the format that gradients pass through.
    """

    def __init__(
        self,
        optimizer: torch.optim.Optimizer,
        parameters: Sequence[nn.Parameter],
        through: torch.dtype,
    ) -> None:
        self._optimizer = optimizer
        self._copies = {p: nn.Parameter(p.detach().float()) for p in parameters if p.dtype in HALF}
        for group in optimizer.param_groups:
            group["params"] = [self._copies.get(p, p) for p in group["params"]]
        self._parameters = parameters
        self._stepped = [self._copies.get(p, p) for p in parameters]
        self._largest = self._scale = LOSS_SCALE if through == torch.float16 else 1.0
        self._clean = 0
        self._device = parameters[0].device if parameters else torch.device("cpu")

    def backward(self, losses: Callable[[], Iterable[Tensor]], max_norm: float) -> float:
        """The gradient of the sum of ``losses()``, clipped to ``max_norm``; its norm before that.

        One loss after the other is asked for and its graph freed. Where a scaled gradient
        overflows, they are asked for again, at the same random numbers, with a smaller scale: no
        step is passed over. A norm that is not finite is that of the losses themselves.
        """
        begin_again = random_state(self._device)
        self._clean += 1
        if self._clean > GROWTH_PASSES and self._scale < self._largest:
            self._scale, self._clean = self._scale * 2, 0
        while True:
            self._forget()
            for loss in losses():
                torch.autograd.backward(loss * self._scale)
            for parameter, copy in self._copies.items():
                if parameter.grad is not None:
                    copy.grad, parameter.grad = parameter.grad.float(), None
            for parameter in self._stepped:
                if parameter.grad is not None and self._scale > 1:
                    parameter.grad /= self._scale
            norm = float(nn.utils.clip_grad_norm_(self._stepped, max_norm))
            if math.isfinite(norm) or self._scale == 1:
                return norm
            self._scale, self._clean = self._scale / 4, 0
            begin_again()

    @torch.no_grad()
    def step(self) -> None:
        """Step the optimiser, and hand its float32 copies on to the model."""
        self._optimizer.step()
        for parameter, copy in self._copies.items():
            parameter.copy_(copy)

    def packed(self) -> Packed:
        """The float32 copies by their place, and where the scale of the loss stands."""
        copies = {str(at): copy for at, copy in enumerate(self._copies.values())}
        return copies, {"scale": self._scale, "clean": self._clean}

    @torch.no_grad()
    def unpack(self, tensors: Mapping[str, Tensor], beside: Mapping[str, Any]) -> None:
        """Go on from what :meth:`packed` gave. Raises ValueError where it is another model's."""
        if len(tensors) != len(self._copies):
            raise ValueError(f"{len(tensors)} float32 copies, not {len(self._copies)}")
        for at, copy in enumerate(self._copies.values()):
            copy.copy_(tensors[str(at)])
        self._scale, self._clean = float(beside["scale"]), int(beside["clean"])

    def _forget(self) -> None:
        for parameter in (*self._parameters, *self._stepped):
            parameter.grad = None
