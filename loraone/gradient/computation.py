"""The one-step gradient of rows of the training split, by the strategy that was chosen."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from loraone.events import Progress
from loraone.gradient.exact import gradient_steps, one_step_gradient
from loraone.gradient.layerwise import layerwise
from loraone.gradient.sketch import sketch
from loraone.gradient.taps import checkpointed
from loraone.inputs.data.batches import Batch, Encoded, generator
from loraone.inputs.models.loading import LoadedModel
from loraone.linalg.subspaces import Agreement, agreement
from loraone.linalg.svd import Decomposition, truncated_svd
from loraone.progress import Steps
from loraone.spec.start import StartSpec


@dataclass(frozen=True)
class GradientComputation:
    """Computes the gradient of rows of ``train``; ``strategy`` is one of the spec's."""

    spec: StartSpec
    loaded: LoadedModel
    train: Encoded
    device: torch.device
    strategy: str

    def gradients(
        self, rows: Sequence[int], *, first_half: bool = False
    ) -> Steps[tuple[dict[str, Tensor], dict[str, Tensor]]]:
        """G of every layer, (out, in), and what the first half of the rows adds to it; a
        micro-batch a step.

        No micro-batch has rows of both halves, so that one pass knows both. Without ``first_half``
        nothing more is held than G, which is the same to the last bit.
        """
        kept: dict[str, Tensor] = {}
        first, second = self._halves(rows)

        def so_far(done: int, sums: Mapping[str, Tensor]) -> None:
            if first_half and done == len(first):
                kept.update({name: total.clone() for name, total in sums.items()})

        gradients = yield from self._sums([*first, *second], so_far)
        return gradients, kept

    def first_half(self, rows: Sequence[int]) -> Steps[dict[str, Tensor]]:
        """What the first half of the rows adds to G, to the last bit as :meth:`gradients` has it:
        in half a pass."""
        kept: dict[str, Tensor] = {}
        first, second = self._halves(rows)

        def so_far(done: int, sums: Mapping[str, Tensor]) -> None:
            if done == len(first):
                kept.update(sums)

        # Each batch's share is that of the whole, though the second half is not gone through.
        with closing(self._sums([*first, *second], so_far)) as steps:
            while not kept:
                yield replace(next(steps), phase="trust")
        return kept

    def _halves(self, rows: Sequence[int]) -> tuple[list[Batch], list[Batch]]:
        size, middle = self.spec.gradient.micro_batch, len(rows) // 2
        first = list(self.train.batches(rows[:middle], size, self.device)) if middle else []
        return first, list(self.train.batches(rows[middle:], size, self.device))

    def _sums(
        self, batches: Sequence[Batch], so_far: Callable[[int, Mapping[str, Tensor]], None]
    ) -> Steps[dict[str, Tensor]]:
        model, layers, dropout = self.loaded.model, self.loaded.layers, self.spec.gradient.dropout
        with self._blocks():
            gradients, _ = yield from gradient_steps(
                model, layers, batches, dropout=dropout, so_far=so_far
            )
        return gradients

    def triplets(
        self,
        rows: Sequence[int],
        count: int,
        inspect: Callable[[str, Tensor], None] | None = None,
    ) -> dict[str, Decomposition]:
        """The top ``count`` triplets of every layer's G.

        ``inspect(name, G)`` is called with each G that is formed, before it is let go.
        """
        model, layers, seed = self.loaded.model, self.loaded.layers, self.spec.seed
        if self.strategy == "layerwise":
            batch = self.train.batch(rows, self.device)
            with self._blocks():
                return layerwise(model, layers, batch, count, seed=seed, inspect=inspect)
        gradient = self.spec.gradient
        micro_batches = list(self.train.batches(rows, gradient.micro_batch, self.device))
        if self.strategy == "sketch":
            with self._blocks():
                return sketch(model, layers, micro_batches, count, seed=seed)
        triplets = {}
        with self._blocks():
            gradients, _ = one_step_gradient(model, layers, micro_batches, dropout=gradient.dropout)
        for name, G in gradients.items():
            if inspect is not None:
                inspect(name, G)
            triplets[name] = truncated_svd(G, count, seed=seed)
        return triplets

    def split_half_agreement(
        self,
        rows: Sequence[int],
        count: int,
        gradients: Mapping[str, Tensor],
        first: Mapping[str, Tensor],
    ) -> Steps[dict[str, Agreement]]:
        """How far the top-``count`` subspaces of two halves of the rows agree, by layer.

        Where G is held, in ``gradients``, its halves are ``first`` and what is left without it, and
        half a pass gives a ``first`` that is not at hand. Each half is weighted by its loss tokens,
        which is no matter to its subspaces.
        """
        if not gradients:
            return (yield from self._agreement_by_passes(rows, count))
        if not first:
            first = yield from self.first_half(rows)
        found = {}
        for done, (name, half) in enumerate(first.items()):
            yield Progress("trust", done, len(first), name)
            one, other = half, gradients[name] - half
            found[name] = agreement(
                *(truncated_svd(each, count, seed=self.spec.seed) for each in (one, other))
            )
        return found

    def _agreement_by_passes(self, rows: Sequence[int], count: int) -> Steps[dict[str, Agreement]]:
        """Where no sum is held: a batch of each half."""
        middle = len(rows) // 2
        yield Progress("trust", 0, 2)
        first = self.triplets(rows[:middle], count)
        yield Progress("trust", 1, 2)
        second = self.triplets(rows[middle:], count)
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
