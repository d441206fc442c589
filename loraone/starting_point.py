"""Where all runs with one gradient key begin: rows, head, the one-step gradient, its triplets."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import TypeVar

import torch
from torch import Tensor

from loraone.batches import Encoded
from loraone.decompose import Decomposition, truncated_svd
from loraone.gradients import checkpointed, one_step_gradient
from loraone.memory_plan import MemoryPlan
from loraone.models import LoadedModel
from loraone.specs import RunSpec
from loraone.streaming import immediate, sketch
from loraone.subspaces import Agreement, agreement

_T = TypeVar("_T")


@dataclass
class StartingPoint:
    """What is common to the runs; ``gradients`` is empty where the plan does not hold them.

    ``spectra`` are singular values by (quantity, layer): all of them, or with a sketch the top
    ones of the gradient. ``decompositions`` and ``trusts`` are by the number of triplets;
    ``untouched`` is what evaluation says of the model before any initialisation.
    """

    plan: MemoryPlan
    heads: dict[str, dict[str, Tensor]]
    weights_hash: str
    gradient_rows: list[int]
    held_out_rows: list[int]
    gradients: dict[str, Tensor] = field(default_factory=dict)
    spectra: dict[tuple[str, str], Tensor] = field(default_factory=dict)
    decompositions: dict[int, dict[str, Decomposition]] = field(default_factory=dict)
    trusts: dict[int, dict[str, Agreement]] = field(default_factory=dict)
    untouched: dict[str, float] = field(default_factory=dict)

    @property
    def knows_whole_spectra(self) -> bool:
        """Whether the gradient's small singular values were ever seen."""
        return self.plan.way != "sketch"


@dataclass(frozen=True)
class GradientTaker:
    """Takes the gradient of rows of the training split, in the way that the plan says."""

    spec: RunSpec
    loaded: LoadedModel
    train: Encoded
    device: torch.device
    way: str

    def sums(self, rows: Sequence[int]) -> dict[str, Tensor]:
        """G of every layer."""
        micro = self.train.batches(rows, self.spec.gradient.micro_batch, self.device)
        model, layers = self.loaded.model, self.loaded.layers
        dropout = self.spec.gradient.dropout
        return self._run(lambda: one_step_gradient(model, layers, micro, dropout=dropout)[0])

    def triplets(
        self,
        rows: Sequence[int],
        count: int,
        look: Callable[[str, Tensor], None] | None = None,
    ) -> dict[str, Decomposition]:
        """The top ``count`` triplets of every layer's G; ``look`` is shown each that is formed."""
        model, layers, seed = self.loaded.model, self.loaded.layers, self.spec.seed
        if self.way == "immediate":
            batch = self.train.batch(rows, self.device)
            return self._run(lambda: immediate(model, layers, batch, count, seed=seed, look=look))
        if self.way == "sketch":
            micro = list(self.train.batches(rows, self.spec.gradient.micro_batch, self.device))
            return self._run(lambda: sketch(model, layers, micro, count, seed=seed))
        found = {}
        for name, gradient in self.sums(rows).items():
            if look is not None:
                look(name, gradient)
            found[name] = truncated_svd(gradient, count, seed=seed)
        return found

    def trust(self, rows: Sequence[int], count: int) -> dict[str, Agreement]:
        """How far the top-``count`` subspaces of two halves of the rows agree, by layer."""
        middle = len(rows) // 2
        first, second = (self.triplets(part, count) for part in (rows[:middle], rows[middle:]))
        return {name: agreement(first[name], second[name]) for name in first}

    def _run(self, take: Callable[[], _T]) -> _T:
        if not self.spec.gradient.checkpointing:
            return take()
        with checkpointed(self.loaded.model):
            return take()
