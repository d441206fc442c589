"""What stays warm between the runs of an experiment: model, data, and the one-step gradient.

A run changes weights; :meth:`Workspace.restore` puts the pretrained ones back and checks by hash
that the model is again what it was, so that no run sees what another left behind.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from loraone import __version__
from loraone.errors import LoraOneError
from loraone.gradient.computation import GradientComputation
from loraone.gradient.sharing import Packed, SharedParts
from loraone.gradient.starting_point import StartingPoint
from loraone.gradient.strategy import GradientStrategy, choose_strategy
from loraone.gradient.triplets import TopTriplets
from loraone.inputs.data.batches import Batch
from loraone.inputs.models import loading
from loraone.linalg.subspaces import Agreement
from loraone.progress import Steps
from loraone.runs.environment import machine
from loraone.runs.prepared import Prepared, load
from loraone.runs.start import compute_start, compute_triplets
from loraone.spec.experiment import RunSpec


class Workspace:
    """Holds the last model and the last starting point on one device."""

    def __init__(self, device: str | None = None) -> None:
        self.device = torch.device(device or ("cuda" if torch.cuda.is_available() else "cpu"))
        self._folder: Path | None = None
        self._shared = SharedParts(None, "")
        self._model_key = ""
        self._start_key = ""
        self._prepared: Prepared | None = None
        self._start: StartingPoint | None = None
        self._strategy: tuple[str, GradientStrategy] | None = None

    def share(self, folder: Path | None) -> None:
        """Share starting points with other workers through ``folder``."""
        self._folder = folder

    def forget(self) -> None:
        """Drop everything, after a run that may have left the model in an unknown state."""
        self._model_key = self._start_key = ""
        self._prepared = self._start = None

    @property
    def prepared(self) -> Prepared:
        """The model and data of the last :meth:`prepare`."""
        assert self._prepared is not None
        return self._prepared

    @property
    def start(self) -> StartingPoint:
        """The starting point of the last :meth:`take_gradient`."""
        assert self._start is not None
        return self._start

    def prepare(self, spec: RunSpec) -> Steps[None]:
        """Load model and data, unless the last run had the same."""
        key = repr((spec.task, spec.model, spec.data))
        if key == self._model_key:
            return
        self.forget()
        self._prepared = yield from load(spec, self.device)
        self._model_key = key

    def strategy(self, spec: RunSpec) -> GradientStrategy:
        """How the gradient is computed; the same for all runs that share it."""
        key = spec.gradient_key()
        if self._start is not None and key == self._start_key:
            return self._start.strategy
        if self._strategy is None or self._strategy[0] != key:
            self._strategy = key, choose_strategy(spec, self.prepared.loaded.layers)
        return self._strategy[1]

    def take_gradient(self, spec: RunSpec) -> Steps[None]:
        """Draw the head, warm it up, take the one-step gradient, unless the last run had it, or
        another worker has it."""
        if spec.gradient_key() == self._start_key:
            return
        self._start, self._start_key = None, ""
        self._shared = SharedParts(self._folder, self._shared_key(spec))
        self._start = yield from self._shared.get_or_compute(
            "start",
            "gradient",
            lambda: compute_start(spec, self.prepared, self.strategy(spec), self.device),
            StartingPoint.packed,
            self._adopt,
        )
        self._start_key = spec.gradient_key()

    def decompose(self, spec: RunSpec, count: int) -> Steps[None]:
        """The top ``count`` singular triplets of every layer's gradient, kept for the next run."""
        start = self.start
        if count in start.decompositions:
            return
        top = yield from self._shared.get_or_compute(
            f"top{count}",
            "svd",
            lambda: compute_triplets(spec, count, start, self._computation(spec)),
            TopTriplets.packed,
            TopTriplets.unpacked,
        )
        start.keep(count, top)

    def measure_split_half_agreement(self, spec: RunSpec) -> Steps[None]:
        """How far the two halves of the gradient batch agree, kept for the next run."""
        start, count = self.start, spec.rank
        if count in start.agreements or len(start.gradient_rows) < 2:
            return
        start.agreements[count] = yield from self._shared.get_or_compute(
            f"trust{count}",
            "trust",
            lambda: self._computation(spec).split_half_agreement(start.gradient_rows, count),
            _pack_agreement,
            _unpack_agreement,
        )

    def calibration(self, size: int) -> Iterator[Batch]:
        """The gradient batch, ``size`` texts at a time, for methods that look at the data."""
        return self.prepared.train.batches(self.start.gradient_rows, size, self.device)

    def left_vectors(self, name: str) -> Tensor:
        """All left singular vectors of a layer's pretrained weight, kept for the next run."""
        known = self.prepared.left_vectors
        if name not in known:
            known[name] = torch.linalg.svd(self.prepared.pretrained[name], full_matrices=False)[0]
        return known[name]

    @torch.no_grad()
    def restore(self) -> None:
        """Put the pretrained weights and the common head back, and check the whole model by hash.

        Raises LoraOneError where it is not the model it was; the workspace is then forgotten.
        """
        for layer in self.prepared.loaded.layers:
            layer.parameter.copy_(self.prepared.snapshot[layer.name])
            layer.parameter.grad = None
        self._put_head_on(self.start)
        if not self._stands_at(self.start):
            self.forget()
            raise LoraOneError("the weights could not be restored after the run; it is not kept")

    def _computation(self, spec: RunSpec) -> GradientComputation:
        ready = self.prepared
        return GradientComputation(
            spec, ready.loaded, ready.train, self.device, self.start.strategy.name
        )

    def _shared_key(self, spec: RunSpec) -> str:
        """Of all that the start depends on; the model's weights are checked when it is read."""
        environment = machine(self.device)
        parts = (
            spec.gradient_key(),
            self.prepared.texts.fingerprint,
            self.strategy(spec).name,
            environment["packages"],
            environment["device"],
            __version__,
        )
        return hashlib.sha256(repr(parts).encode()).hexdigest()[:32]

    def _adopt(
        self, tensors: Mapping[str, Tensor], beside: Mapping[str, Any]
    ) -> StartingPoint | None:
        """Go to the start that another worker left; None where it began from other weights."""
        start = StartingPoint.unpacked(tensors, beside)
        self._put_head_on(start)
        return start if self._stands_at(start) else None

    def _put_head_on(self, start: StartingPoint) -> None:
        """Give the model the head that it had at the start."""
        loading.set_heads(self.prepared.loaded, start.heads)
        self.prepared.loaded.model.eval()

    def _stands_at(self, start: StartingPoint) -> bool:
        """Whether the whole model, with its head, is what the start was taken at."""
        return loading.weights_hash(self.prepared.loaded.model) == start.weights_hash


def _pack_agreement(agreements: Mapping[str, Agreement]) -> Packed:
    return {}, {name: [both.left, both.right] for name, both in agreements.items()}


def _unpack_agreement(_: Mapping[str, Tensor], beside: Any) -> dict[str, Agreement]:
    return {name: Agreement(*both) for name, both in beside.items()}
