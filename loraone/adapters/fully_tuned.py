"""Full fine-tuning of the same target layers: the reference line."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import AbstractContextManager, nullcontext
from typing import Any

from torch import Tensor, nn

from loraone.adapters.full_rank import full_rank
from loraone.adapters.interfaces import PortableAdapter
from loraone.inputs.models.loading import LoadedModel
from loraone.inputs.models.targets import TargetLayer
from loraone.linalg.matrices import Change, Dense


class FullyTuned:
    """A model whose target layers and new head are trained themselves, without an adapter."""

    def __init__(self, loaded: LoadedModel, pretrained: Mapping[str, Tensor]) -> None:
        self.model = loaded.model
        self._loaded = loaded
        self._pretrained = pretrained
        self.model.requires_grad_(False)
        for layer in loaded.layers:
            layer.parameter.requires_grad_(True)
        for name in loaded.heads:
            getattr(self.model, name).requires_grad_(True)

    def parameters(self) -> list[nn.Parameter]:
        """The target layers' weights and the head."""
        return [p for p in self.model.parameters() if p.requires_grad]

    def beginning(self) -> None:
        """It is the pretrained model, with the common head."""

    def state(self) -> dict[str, Tensor]:
        """What is trained, as it is now, by its names."""
        named = self.model.named_parameters()
        return {name: p.detach() for name, p in named if p.requires_grad}

    def factors(self, name: str) -> None:
        """There are none."""

    def initial(self, name: str) -> None:
        """There is none."""

    def change(self, name: str) -> Change:
        """Current minus pretrained weight."""
        layer = self._layer(name)
        return Dense(layer.weight.float().cpu() - self._pretrained[name])

    update = change
    product = change

    def tuned(self) -> list[nn.Parameter]:
        """The target layers' weights; that of a block's experts is one."""
        return list(dict.fromkeys(layer.parameter for layer in self._loaded.layers))

    def _layer(self, name: str) -> TargetLayer:
        return next(layer for layer in self._loaded.layers if layer.name == name)

    def switched_off(self) -> AbstractContextManager[Any]:
        """Nothing can be switched off."""
        return nullcontext()

    def export(self) -> PortableAdapter:
        """The change as an exact adapter of full rank: one factor is the identity."""
        layers = {layer.name: full_rank(self.change(layer.name)) for layer in self._loaded.layers}
        heads = {
            # Copies: the workspace writes the common head back into these very tensors.
            name: {key: t.clone() for key, t in getattr(self.model, name).state_dict().items()}
            for name in self._loaded.heads
        }
        return PortableAdapter(layers, 1.0, heads, None)

    def remove(self) -> None:
        """There is nothing to take out."""
        self.model.requires_grad_(False)
