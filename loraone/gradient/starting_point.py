"""Where all runs with one gradient key begin: rows, head, the one-step gradient, its triplets."""

from __future__ import annotations

from collections.abc import Callable, Generator, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor

from loraone.data.batches import Encoded
from loraone.gradient.exact import one_step_gradient, take_gradient
from loraone.gradient.layerwise import immediate
from loraone.gradient.memory_plan import MemoryPlan
from loraone.gradient.sketch import sketch
from loraone.gradient.taps import checkpointed
from loraone.linalg.subspaces import Agreement, agreement
from loraone.linalg.svd import Decomposition, truncated_svd
from loraone.models.loading import LoadedModel
from loraone.spec.experiment import RunSpec


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

    def packed(self) -> tuple[dict[str, Tensor], dict[str, Any]]:
        """What is known before any decomposition, as tensors by name and JSON-able data."""
        tensors = {
            f"head/{name}/{key}": tensor
            for name, state in self.heads.items()
            for key, tensor in state.items()
        }
        tensors |= {f"gradient/{name}": tensor for name, tensor in self.gradients.items()}
        tensors |= {f"spectrum/{q}/{name}": tensor for (q, name), tensor in self.spectra.items()}
        beside = {
            "plan": self.plan.as_dict(),
            "weights_hash": self.weights_hash,
            "gradient_rows": self.gradient_rows,
            "held_out_rows": self.held_out_rows,
        }
        return tensors, beside

    @classmethod
    def unpacked(cls, tensors: Mapping[str, Tensor], beside: Mapping[str, Any]) -> StartingPoint:
        """What :meth:`packed` gave, bit for bit."""
        rest = {**beside, "plan": MemoryPlan(**beside["plan"])}
        found = cls(heads={}, **rest)
        for path, tensor in tensors.items():
            kind, _, name = path.partition("/")
            if kind == "gradient":
                found.gradients[name] = tensor
            else:
                first, _, second = name.partition("/")
                if kind == "head":
                    found.heads.setdefault(first, {})[second] = tensor
                else:
                    found.spectra[first, second] = tensor
        return found

    def packed_triplets(self, count: int) -> tuple[dict[str, Tensor], dict[str, Any]]:
        """The top ``count`` triplets of all layers, and what is known of the gradient's spectra."""
        top = self.decompositions[count]
        tensors = {f"{part}/{name}": getattr(d, part) for name, d in top.items() for part in "USV"}
        spectra = {key: value for key, value in self.spectra.items() if key[0] == "gradient"}
        tensors |= {f"spectrum/{name}": tensor for (_, name), tensor in spectra.items()}
        return tensors, {name: [d.frobenius, d.error, d.gap] for name, d in top.items()}

    def take_triplets(
        self, count: int, tensors: Mapping[str, Tensor], beside: Mapping[str, Any]
    ) -> None:
        """Take in what :meth:`packed_triplets` gave."""
        for name, (frobenius, error, gap) in beside.items():
            U, S, V = (tensors[f"{part}/{name}"] for part in "USV")
            top = self.decompositions.setdefault(count, {})
            top[name] = Decomposition(U, S, V, frobenius, error, gap)
        for path, tensor in tensors.items():
            kind, _, name = path.partition("/")
            if kind == "spectrum":
                self.spectra["gradient", name] = tensor

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

    def sums(self, rows: Sequence[int]) -> Generator[tuple[int, int], None, dict[str, Tensor]]:
        """G of every layer; says after each micro-batch which of how many it was."""
        micro = self.train.batches(rows, self.spec.gradient.micro_batch, self.device)
        with self._blocks():
            found = yield from take_gradient(
                self.loaded.model,
                self.loaded.layers,
                micro,
                dropout=self.spec.gradient.dropout,
            )
        return found[0]

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
            with self._blocks():
                return immediate(model, layers, batch, count, seed=seed, look=look)
        micro = list(self.train.batches(rows, self.spec.gradient.micro_batch, self.device))
        if self.way == "sketch":
            with self._blocks():
                return sketch(model, layers, micro, count, seed=seed)
        found = {}
        with self._blocks():
            gradients, _ = one_step_gradient(
                model, layers, micro, dropout=self.spec.gradient.dropout
            )
        for name, gradient in gradients.items():
            if look is not None:
                look(name, gradient)
            found[name] = truncated_svd(gradient, count, seed=seed)
        return found

    def trust(
        self, rows: Sequence[int], count: int
    ) -> Generator[tuple[int, int], None, dict[str, Agreement]]:
        """How far the top-``count`` subspaces of two halves of the rows agree, by layer.

        Says after the first half that it is done.
        """
        middle = len(rows) // 2
        first = self.triplets(rows[:middle], count)
        yield 1, 2
        second = self.triplets(rows[middle:], count)
        return {name: agreement(first[name], second[name]) for name in first}

    def _blocks(self) -> AbstractContextManager[None]:
        """Blocks are recomputed, or not, as the spec says."""
        wanted = self.spec.gradient.checkpointing
        return checkpointed(self.loaded.model) if wanted else nullcontext()
