"""A model that is about to be trained: what training, probes and export need of it."""

from __future__ import annotations

from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from typing import Any, Protocol

import torch
from torch import nn

from loraone.decompose import Change
from loraone.methods.base import Factors
from loraone.specs import RunSpec


class Trainee(Protocol):
    """Either an adapted model or one whose target layers are trained themselves."""

    model: Any

    def parameters(self) -> list[nn.Parameter]:
        """What is trained."""
        ...

    def optimiser(self, spec: RunSpec) -> torch.optim.Optimizer:
        """The optimiser that the spec asks for, over :meth:`parameters`."""
        ...

    def factors(self, name: str) -> Factors | None:
        """The current factors of a layer, or None where there is no adapter."""
        ...

    def initial(self, name: str) -> Change | None:
        """``s·B₀A₀`` of a layer, or None where there is no adapter."""
        ...

    def product(self, name: str) -> Change:
        """What the adapter adds now, ``s·BA``; without one, the weight change."""
        ...

    def tuned(self) -> list[nn.Parameter]:
        """What is trained of the target layers: :meth:`parameters` without the head."""
        ...

    def update(self, name: str) -> Change:
        """What training has added: ``s·BA − s·B₀A₀``."""
        ...

    def change(self, name: str) -> Change:
        """The effective weight minus the pretrained one."""
        ...

    def switched_off(self) -> AbstractContextManager[Any]:
        """The model with its adapter disabled, while the context lasts."""
        ...

    def export(self) -> Plain:
        """What a plain PEFT adapter must hold to be this model on the original base."""
        ...

    def remove(self) -> None:
        """Take the adapter out of the model; the workspace restores the weights."""
        ...


@dataclass(frozen=True)
class Plain:
    """A plain LoRA adapter: factors by layer, one scaling, and the state of the saved modules.

    ``own_alpha`` is (α, rsLoRA) where the run's own still say the scaling, else None.
    ``magnitudes`` are DoRA's, by layer.
    """

    layers: dict[str, Factors]
    scaling: float
    heads: dict[str, dict[str, Any]]
    own_alpha: tuple[float, bool] | None
    magnitudes: dict[str, Any] = field(default_factory=dict)
