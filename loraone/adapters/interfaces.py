"""A model that is about to be trained: what training, probes and export need of it."""

from __future__ import annotations

from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from typing import Any, Protocol

from torch import Tensor, nn

from loraone.adapters.beginning import Beginning
from loraone.linalg.matrices import Change
from loraone.methods.base import Factors


class Layer(Protocol):
    """A layer that is adapted, as far as probes look at it."""

    @property
    def name(self) -> str:
        """Its path in the model."""
        ...

    @property
    def weight(self) -> Tensor:
        """W, (out, in), as the layer has it now."""
        ...


class Measurable(Protocol):
    """What probes read of a model that is trained."""

    def factors(self, name: str) -> Factors | None:
        """The current factors of a layer, or None where there is no adapter."""
        ...

    def initial(self, name: str) -> Change | None:
        """``s·B₀A₀`` of a layer, or None where there is no adapter."""
        ...

    def product(self, name: str) -> Change:
        """What the adapter adds now, ``s·BA``; without one, the weight change."""
        ...

    def update(self, name: str) -> Change:
        """What training has added: ``s·BA − s·B₀A₀``."""
        ...

    def change(self, name: str) -> Change:
        """The effective weight minus the pretrained one."""
        ...


class Trainable(Measurable, Protocol):
    """Either an adapted model or one whose target layers are trained themselves."""

    model: Any

    def parameters(self) -> list[nn.Parameter]:
        """What is trained."""
        ...

    def tuned(self) -> list[nn.Parameter]:
        """What is trained of the target layers: :meth:`parameters` without the head."""
        ...

    def beginning(self) -> Beginning | None:
        """Where it stood before its first step, where that is not the pretrained model."""
        ...

    def state(self) -> dict[str, Tensor]:
        """What training has made of it so far: the very tensors, by their names."""
        ...

    def switched_off(self) -> AbstractContextManager[Any]:
        """The model with its adapter disabled, while the context lasts."""
        ...

    def export(self) -> PortableAdapter:
        """What a plain PEFT adapter must hold to be this model on the original base."""
        ...

    def remove(self) -> None:
        """Take the adapter out of the model; the workspace restores the weights."""
        ...


@dataclass(frozen=True)
class PortableAdapter:
    """A plain LoRA adapter: factors by layer, one scaling, and the state of the saved modules.

    ``own_alpha`` is (α, rsLoRA) where the run's own still say the scaling, else None.
    ``magnitudes`` are DoRA's, by layer.
    """

    layers: dict[str, Factors]
    scaling: float
    heads: dict[str, dict[str, Any]]
    own_alpha: tuple[float, bool] | None
    magnitudes: dict[str, Any] = field(default_factory=dict)
