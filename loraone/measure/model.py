"""A model and its layers as the metrics of its layers see them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from loraone.linalg.matrices import Change
from loraone.linalg.precision import frobenius
from loraone.linalg.subspaces import Agreement, agreement
from loraone.linalg.svd import Decomposition
from loraone.spec.measure import MeasureSpec

if TYPE_CHECKING:  # a teacher–student problem is measured without PEFT
    from loraone.adapters.interfaces import Layer, Measurable


@dataclass(frozen=True)
class MeasuredModel:
    """A model that is trained, beside where it started; mappings are by layer.

    ``gradients`` are the one-step gradients G where they were kept, ``decompositions`` their top
    ``rank`` triplets, ``halves`` how far the two halves of the gradient batch agree, and
    ``left_vectors`` gives all left singular vectors of a pretrained weight.
    """

    trainable: Measurable
    layers: Sequence[Layer]
    pretrained: Mapping[str, Tensor]
    decompositions: Mapping[str, Decomposition]
    gradients: Mapping[str, Tensor]
    rank: int
    measure: MeasureSpec
    halves: Mapping[str, Agreement] = field(default_factory=dict)
    left_vectors: Callable[[str], Tensor] | None = None

    def measured(self) -> Iterator[MeasuredLayer]:
        """Layer by layer: what is computed for one goes when the next one comes."""
        for layer in self.layers:
            yield MeasuredLayer(self, layer)


class MeasuredLayer:
    """One layer of a :class:`MeasuredModel`; what several metrics need is computed once."""

    def __init__(self, model: MeasuredModel, layer: Layer) -> None:
        self.name = layer.name
        self.measure = model.measure
        self.rank = model.rank
        self.pretrained = model.pretrained[self.name]
        self.decomposition = model.decompositions[self.name]
        self.gradient = model.gradients.get(self.name)
        self.halves = model.halves.get(self.name)
        self.left_vectors = model.left_vectors
        self._layer = layer
        self._trainable = model.trainable

    @property
    def weight(self) -> Tensor:
        """The base weight as the layer has it now, (out, in)."""
        return self._layer.weight

    @cached_property
    def size(self) -> float:
        """``‖W₀‖_F``."""
        return frobenius(self.pretrained)

    @cached_property
    def initial_values(self) -> Tensor:
        """Singular values of ``s·B₀A₀``, descending; a zero without an adapter."""
        initial = self._trainable.initial(self.name)
        return initial.singular_values() if initial is not None else torch.zeros(1)

    @cached_property
    def update(self) -> Change:
        """What training has added, ΔW."""
        return self._trainable.update(self.name)

    @cached_property
    def change(self) -> Change:
        """The effective weight minus the pretrained one."""
        return self._trainable.change(self.name)

    @cached_property
    def top_update(self) -> Decomposition:
        """The top ``rank`` triplets of the update."""
        return self.update.top(self.rank)

    @cached_property
    def update_and_gradient(self) -> Agreement:
        """How far the top subspaces of ΔW and G agree, on either side."""
        return agreement(self.top_update, self.decomposition)
