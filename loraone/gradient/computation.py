"""The one-step gradient of rows of the training split, by the strategy that was chosen."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from typing import TypeVar

import torch
from torch import Tensor

from loraone.events import Progress
from loraone.gradient.exact import gradient_steps
from loraone.gradient.groups import groups_of
from loraone.gradient.halves import Halves, top_of_half
from loraone.gradient.layerwise import layerwise
from loraone.gradient.sketch import sketch
from loraone.gradient.taps import checkpointed
from loraone.inputs.data.batches import Batch, Encoded, generator
from loraone.inputs.models.loading import LoadedModel
from loraone.inputs.models.targets import TargetLayer
from loraone.linalg.subspaces import Agreement, agreement
from loraone.linalg.svd import Decomposition
from loraone.progress import Steps, finish
from loraone.spec.start import StartSpec

Decompose = Callable[[str, Tensor], Decomposition]
Gradients = dict[str, Tensor]
T = TypeVar("T")


@dataclass(frozen=True)
class GradientComputation:
    """Computes the gradient of rows of ``train``; ``strategy`` is one of the spec's, ``budget`` the
    bytes that sums of gradients may take where not all are held."""

    spec: StartSpec
    loaded: LoadedModel
    train: Encoded
    device: torch.device
    strategy: str
    budget: int = 0

    def gradients(
        self, rows: Sequence[int], halves: Halves | None = None
    ) -> Steps[tuple[Gradients, float]]:
        """G of every layer, (out, in), and the mean loss; a micro-batch a step. ``halves`` look
        on."""
        return (yield from self._sums(self.loaded.layers, self._batches(rows), halves))

    def halves(self, rows: Sequence[int], count: int, *, alone: bool = False) -> Halves:
        """What looks on while the gradient of the rows is taken. No micro-batch has rows of both
        halves, whether or not anybody looks on."""
        first = math.ceil(len(rows) // 2 / self.spec.gradient.micro_batch)
        return Halves(first, count, self.spec.seed, alone=alone)

    def _batches(self, rows: Sequence[int]) -> list[Batch]:
        """The micro-batches of the first half of the rows, then those of the second."""
        size, middle = self.spec.gradient.micro_batch, len(rows) // 2
        parts = (rows[:middle], rows[middle:])
        return [batch for part in parts for batch in self.train.batches(part, size, self.device)]

    def _sums(
        self, layers: Sequence[TargetLayer], batches: Sequence[Batch], halves: Halves | None
    ) -> Steps[tuple[Gradients, float]]:
        model, dropout = self.loaded.model, self.spec.gradient.dropout
        with self._blocks():
            return (
                yield from gradient_steps(model, layers, batches, dropout=dropout, halves=halves)
            )

    def triplets(
        self,
        rows: Sequence[int],
        count: int,
        decompose: Decompose,
    ) -> Steps[dict[str, Decomposition]]:
        """The top ``count`` triplets of every layer's G, where not all gradients are held.

        ``decompose(name, G)`` finds them of each G that is formed, before it is let go.
        """
        model, layers, seed = self.loaded.model, self.loaded.layers, self.spec.seed
        if self.goes_by_groups(rows):
            found, _ = yield from self.triplets_by_groups(rows, decompose)
            return found
        yield Progress("gradient", 0, 1)
        if self.strategy == "layerwise":
            batch = self.train.batch(rows, self.device)
            with self._blocks():
                return layerwise(model, layers, batch, decompose)
        size = self.spec.gradient.micro_batch
        micro_batches = list(self.train.batches(rows, size, self.device))
        with self._blocks():
            return sketch(model, layers, micro_batches, count, seed=seed)

    def goes_by_groups(self, rows: Sequence[int]) -> bool:
        """Whether these rows' gradients are taken group by group of layers."""
        gradient = self.spec.gradient
        several = len(rows) > gradient.micro_batch or gradient.dropout
        return self.strategy == "layerwise" and several

    def triplets_by_groups(
        self,
        rows: Sequence[int],
        decompose: Decompose,
        *,
        halves: int = 0,
    ) -> Steps[tuple[dict[str, Decomposition], dict[str, Agreement]]]:
        """:meth:`triplets` of several micro-batches, a group of layers at a time, and how far the
        top ``halves`` of the batch's halves agree, of the same passes."""
        batches = self._batches(rows)
        groups = groups_of(self.loaded.layers, self.budget)
        triplets: dict[str, Decomposition] = {}
        agreements: dict[str, Agreement] = {}
        for place, group in enumerate(groups):
            looking = self.halves(rows, halves) if halves else None
            before, whole = place * len(batches), len(groups) * len(batches)
            sums, _ = yield from _counted(self._sums(group, batches, looking), before, whole)
            for name in list(sums):
                triplets[name] = decompose(name, sums.pop(name))
            if looking is not None:
                agreements |= finish(looking.agreements())
        return triplets, agreements

    def split_half_agreement(self, rows: Sequence[int], count: int) -> Steps[dict[str, Agreement]]:
        """How far the top-``count`` subspaces of two halves of the rows agree, by layer.

        It takes the passes of the gradient again, for what was not looked at in them.
        """
        by_groups = self.goes_by_groups(rows)
        if self.strategy != "accumulate" and not by_groups:
            return (yield from self._agreement_by_passes(rows, count))
        layers, batches = self.loaded.layers, self._batches(rows)
        groups = groups_of(layers, self.budget) if by_groups else [layers]
        agreements: dict[str, Agreement] = {}
        for place, group in enumerate(groups):
            looking = self.halves(rows, count, alone=True)
            before, whole = place * len(batches), len(groups) * len(batches)
            for step in _counted(self._sums(group, batches, looking), before, whole):
                yield replace(step, phase="trust")
            agreements |= finish(looking.agreements())
        return agreements

    def _agreement_by_passes(self, rows: Sequence[int], count: int) -> Steps[dict[str, Agreement]]:
        """Where no sum is held: a batch of each half."""
        middle = len(rows) // 2
        yield Progress("trust", 0, 2)
        top = top_of_half(count, self.spec.seed)
        first = finish(self.triplets(rows[:middle], count, top))
        yield Progress("trust", 1, 2)
        second = finish(self.triplets(rows[middle:], count, top))
        return {name: agreement(first[name], second[name]) for name in first}

    @contextmanager
    def _blocks(self) -> Iterator[None]:
        """Blocks are recomputed, or not, as the spec says; dropout is drawn from the spec's seed.

        Otherwise its noise would depend on whatever the process has drawn before.
        """
        gradient, device = self.spec.gradient, self.device
        with ExitStack() as stack:
            if gradient.checkpointing:
                stack.enter_context(checkpointed(self.loaded.model))
            if gradient.dropout:
                devices = [] if device.type == "cpu" else [device]
                stack.enter_context(torch.random.fork_rng(devices=devices))
                torch.manual_seed(generator(self.spec.seed, "gradient dropout").initial_seed())
            yield


def _counted(steps: Steps[T], before: int, whole: int) -> Steps[T]:
    """The steps of one pass as some of all passes' steps."""
    while True:
        try:
            step = next(steps)
        except StopIteration as end:
            value: T = end.value
            return value
        yield replace(step, done=before + step.done, total=whole)
