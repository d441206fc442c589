"""The one-step gradient of rows of the training split, by the strategy that was chosen."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass

import torch
from torch import Tensor

from loraone.events import Progress
from loraone.gradient.exact import gradient_steps, one_step_gradient
from loraone.gradient.layerwise import layerwise
from loraone.gradient.sketch import sketch
from loraone.gradient.taps import checkpointed
from loraone.inputs.data.batches import Encoded, generator
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

    def gradients(self, rows: Sequence[int]) -> Steps[dict[str, Tensor]]:
        """G of every layer, (out, in); a micro-batch a step."""
        micro_batches = self.train.batches(rows, self.spec.gradient.micro_batch, self.device)
        with self._blocks():
            gradients, _ = yield from gradient_steps(
                self.loaded.model,
                self.loaded.layers,
                micro_batches,
                dropout=self.spec.gradient.dropout,
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

    def split_half_agreement(self, rows: Sequence[int], count: int) -> Steps[dict[str, Agreement]]:
        """How far the top-``count`` subspaces of two halves of the rows agree, by layer."""
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
