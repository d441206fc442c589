"""What stays warm between the runs of an experiment: model, data, and the one-step gradient.

A run changes weights; :meth:`Workspace.restore` puts the pretrained ones back and checks by hash
that the model is again what it was, so that no run sees what another left behind.
"""

from __future__ import annotations

import hashlib
from collections.abc import Generator, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any, TypeVar

import torch
from torch import Tensor

from loraone import __version__
from loraone.data import batches
from loraone.data.batches import Batch
from loraone.errors import LoraOneError, SpecError, TrainingError
from loraone.events import Progress
from loraone.gradient.memory_plan import MemoryPlan, gradient_plan
from loraone.gradient.sharing import Share
from loraone.gradient.starting_point import GradientTaker, StartingPoint
from loraone.linalg.spectra import singular_values
from loraone.linalg.subspaces import Agreement
from loraone.linalg.svd import truncated_svd
from loraone.models import loading
from loraone.runs.environment import machine
from loraone.runs.prepared import Prepared, load
from loraone.spec.experiment import RunSpec
from loraone.training import loop

_T = TypeVar("_T")


class Workspace:
    """Holds the last model and the last starting point on one device."""

    def __init__(self, device: str | None = None) -> None:
        chosen = device or ("cuda" if torch.cuda.is_available() else "cpu")
        self.device = torch.device(chosen)
        self._model_key = ""
        self._start_key = ""
        self._prepared: Prepared | None = None
        self._plan: tuple[str, MemoryPlan] | None = None
        self._start: StartingPoint | None = None
        self._shared: Path | None = None
        self._share = Share(None, "")

    def forget(self) -> None:
        """Drop everything, after a run that may have left the model in an unknown state."""
        self._model_key = self._start_key = ""
        self._prepared = self._start = None

    def prepare(self, spec: RunSpec) -> Iterator[Progress]:
        """Load model and data, unless the last run had the same."""
        key = repr((spec.task, spec.model, spec.data))
        if key == self._model_key:
            return
        self.forget()
        self._prepared = yield from load(spec, self.device)
        self._model_key = key

    @property
    def prepared(self) -> Prepared:
        """The model and data of the last :meth:`prepare`."""
        assert self._prepared is not None
        return self._prepared

    def left_vectors(self, name: str) -> Tensor:
        """All left singular vectors of a layer's pretrained weight, kept for the next run."""
        known = self.prepared.left_vectors
        if name not in known:
            known[name] = torch.linalg.svd(self.prepared.pretrained[name], full_matrices=False)[0]
        return known[name]

    @property
    def start(self) -> StartingPoint:
        """The starting point of the last :meth:`take_gradient`."""
        assert self._start is not None
        return self._start

    def take_gradient(self, spec: RunSpec) -> Iterator[Progress]:
        """Draw the head, warm it up, take the one-step gradient, unless the last run had it, or
        another worker has it."""
        if spec.gradient_key() == self._start_key:
            return
        self._start, self._start_key = None, ""
        self._share = Share(self._shared, self._shared_key(spec))
        yield from self._share.turn("gradient")
        try:
            start = self._adopted(self._share.read("start"))
            if start is None:
                start = yield from self._compute_start(spec)
                self._share.write("start", *start.packed())
        finally:
            self._share.done()
        self._start = start
        self._start_key = spec.gradient_key()

    def share(self, folder: Path | None) -> None:
        """Share starting points with other workers through ``folder``."""
        self._shared = folder

    def _shared_key(self, spec: RunSpec) -> str:
        """Of all that the start depends on; the model's weights are checked when it is read."""
        here = machine(self.device)
        parts = (
            spec.gradient_key(),
            self.prepared.texts.fingerprint,
            self.plan(spec).way,
            here["packages"],
            here["device"],
            __version__,
        )
        return hashlib.sha256(repr(parts).encode()).hexdigest()[:32]

    def _adopted(self, found: tuple[dict[str, Tensor], Any] | None) -> StartingPoint | None:
        """A start that another worker left, if it began from the very weights that are here."""
        if found is None:
            return None
        start = StartingPoint.unpacked(*found)
        return start if self._stands_at(start) else None

    def _stands_at(self, start: StartingPoint) -> bool:
        """Put the start's head on, and say whether the whole model is what it was taken at."""
        model = self.prepared.loaded.model
        for name, state in start.heads.items():
            getattr(model, name).load_state_dict(state)
        model.eval()
        return loading.weights_hash(model) == start.weights_hash

    def _compute_start(self, spec: RunSpec) -> Generator[Progress, None, StartingPoint]:
        ready = self.prepared
        model = ready.loaded.model
        gradient_rows, held_out_rows = _rows(spec, len(ready.train))
        loading.reset_head(ready.loaded, spec.seed)
        steps = spec.gradient.head_warmup_steps if ready.loaded.heads else 0
        if steps:
            yield Progress("head", 0, steps)
            for done in loop.warm_head(model, ready.loaded.heads, ready.train, spec, self.device):
                yield Progress("head", done, steps)
        heads = {
            name: {
                key: tensor.detach().clone()
                for key, tensor in getattr(model, name).state_dict().items()
            }
            for name in ready.loaded.heads
        }
        start = StartingPoint(
            self.plan(spec), heads, loading.weights_hash(model), gradient_rows, held_out_rows
        )
        if start.plan.way == "accumulate":
            yield Progress("gradient", 0, 1)
            taking = self._taker(spec, start).sums(gradient_rows)
            start.gradients = yield from _told("gradient", taking)
        for done, layer in enumerate(ready.loaded.layers):
            yield Progress("spectra", done, len(ready.loaded.layers), layer.name)
            start.spectra["weight", layer.name] = singular_values(ready.pretrained[layer.name])
            if layer.name in start.gradients:
                _spectrum(start, layer.name, start.gradients[layer.name], spec)
        return start

    def plan(self, spec: RunSpec) -> MemoryPlan:
        """The way the gradient is taken; the same for all runs that share it."""
        if self._start is not None and spec.gradient_key() == self._start_key:
            return self._start.plan
        if self._plan is None or self._plan[0] != spec.gradient_key():
            self._plan = (spec.gradient_key(), gradient_plan(spec, self.prepared.loaded.layers))
        return self._plan[1]

    def _taker(self, spec: RunSpec, start: StartingPoint) -> GradientTaker:
        ready = self.prepared
        return GradientTaker(spec, ready.loaded, ready.train, self.device, start.plan.way)

    def calibration(self, size: int) -> Iterator[Batch]:
        """The gradient batch, ``size`` texts at a time, for methods that look at the data."""
        return self.prepared.train.batches(self.start.gradient_rows, size, self.device)

    def decompose(self, spec: RunSpec, count: int) -> Iterator[Progress]:
        """The top ``count`` singular triplets of every layer's gradient, kept for the next run."""
        start = self.start
        if count in start.decompositions:
            return
        part = f"top{count}"
        yield from self._share.turn("svd")
        try:
            found = self._share.read(part)
            if found is not None:
                start.take_triplets(count, *found)
                return
            yield from self._compute_triplets(spec, count)
            self._share.write(part, *start.packed_triplets(count))
        finally:
            self._share.done()

    def _compute_triplets(self, spec: RunSpec, count: int) -> Iterator[Progress]:
        start = self.start
        names = [layer.name for layer in self.prepared.loaded.layers]
        if start.gradients:
            found = {}
            for done, name in enumerate(names):
                yield Progress("svd", done, len(names), name)
                found[name] = truncated_svd(start.gradients[name], count, seed=spec.seed)
        else:
            yield Progress("gradient", 0, 1)
            taker = self._taker(spec, start)
            found = taker.triplets(
                start.gradient_rows, count, lambda name, G: _spectrum(start, name, G, spec)
            )
            found = {name: found[name] for name in names}
            if not start.knows_whole_spectra:
                for name, top in found.items():
                    _check_finite(name, top.S, spec)
                    start.spectra["gradient", name] = top.S
        start.decompositions[count] = found

    def measure_trust(self, spec: RunSpec) -> Iterator[Progress]:
        """How far the two halves of the gradient batch agree, kept for the next run."""
        start = self.start
        if spec.rank in start.trusts or len(start.gradient_rows) < 2:
            return
        part = f"trust{spec.rank}"
        yield from self._share.turn("trust")
        try:
            found = self._share.read(part)
            if found is None:
                yield Progress("trust", 0, 2)
                taking = self._taker(spec, start).trust(start.gradient_rows, spec.rank)
                start.trusts[spec.rank] = yield from _told("trust", taking)
                both = {name: [x.left, x.right] for name, x in start.trusts[spec.rank].items()}
                self._share.write(part, {}, both)
            else:
                start.trusts[spec.rank] = {name: Agreement(*x) for name, x in found[1].items()}
        finally:
            self._share.done()

    @torch.no_grad()
    def restore(self) -> None:
        """Put the pretrained weights and the common head back, and check the whole model by hash.

        Raises LoraOneError where it is not the model it was; the workspace is then forgotten.
        """
        for layer in self.prepared.loaded.layers:
            layer.parameter.copy_(self.prepared.snapshot[layer.name])
            layer.parameter.grad = None
        if not self._stands_at(self.start):
            self.forget()
            raise LoraOneError("the weights could not be restored after the run; it is not kept")


def _told(
    phase: str, taking: Generator[tuple[int, int], None, _T]
) -> Generator[Progress, None, _T]:
    """The same with every (done, total) as progress of a phase."""
    with closing(taking):
        while True:
            try:
                done, total = next(taking)
            except StopIteration as end:
                found: _T = end.value
                return found
            yield Progress(phase, done, total)


def _rows(spec: RunSpec, count: int) -> tuple[list[int], list[int]]:
    """Disjoint rows of the training split: the gradient batch, and the held-out batch."""
    wanted, held = spec.gradient.samples, spec.measure.held_out_samples
    if wanted + held > count:
        raise SpecError(
            f"gradient batch {wanted} + held-out batch {held} are more than the {count} training "
            "texts",
            field="gradient.samples",
            value=wanted,
            allowed=f"1 to {max(1, count - held)}",
            hint="lower gradient.samples or measure.held_out_samples, or give more texts",
        )
    order = batches.shuffled(count, spec.seed, "gradient batch")
    return order[:wanted], order[wanted : wanted + held]


def _spectrum(start: StartingPoint, name: str, gradient: Tensor, spec: RunSpec) -> None:
    _check_finite(name, gradient, spec)
    if ("gradient", name) not in start.spectra:
        start.spectra["gradient", name] = singular_values(gradient).cpu()


def _check_finite(name: str, gradient: Tensor, spec: RunSpec) -> None:
    if not gradient.isfinite().all():
        raise TrainingError(
            f"the one-step gradient of layer {name} is not finite",
            field="model.dtype",
            value=spec.model.dtype,
            hint="use bfloat16 or float32 instead of float16, and check the weights",
        )
