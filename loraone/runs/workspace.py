"""What stays warm between the runs of an experiment: model, data, and the one-step gradient.

A run may change weights; :meth:`Workspace.restore` puts the pretrained ones back and checks by hash
that the model is again what it was, so that no run sees what another left behind.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from loraone.errors import LoraOneError
from loraone.gradient.computation import GradientComputation
from loraone.gradient.sharing import SharedParts
from loraone.gradient.starting_point import StartingPoint, pack_agreements, unpack_agreements
from loraone.gradient.strategy import GradientStrategy, choose_strategy, free_memory
from loraone.gradient.triplets import TopTriplets
from loraone.inputs.data.batches import Batch
from loraone.inputs.models import loading, stamps
from loraone.inputs.models.digests import combined, weight_digests
from loraone.linalg.subspaces import Agreement
from loraone.measure.evaluator import Evaluator, Untouched
from loraone.progress import Steps
from loraone.runs.environment import arithmetic
from loraone.runs.integrity import KeptTensors
from loraone.runs.prepared import Prepared, load
from loraone.runs.start import compute_start, compute_triplets
from loraone.runs.weight_spectra import measure_weights
from loraone.spec.experiment import RunSpec
from loraone.spec.start import StartSpec
from loraone.training.scores import scored


class Workspace:
    """Holds the last model and the last starting point on one device.

    A run's spec is narrowed here to what the things that are kept may depend on
    (:mod:`loraone.spec.start`): they are computed from that part alone, and kept under it.
    """

    def __init__(self, device: str | None = None) -> None:
        self.device = torch.device(device or ("cuda" if torch.cuda.is_available() else "cpu"))
        self._folder: Path | None = None
        self.forget()

    def share(self, folder: Path | None) -> None:
        """Share starting points with other workers through ``folder``."""
        self._folder = folder

    def forget(self) -> None:
        """Drop everything, after a run that may have left the model in an unknown state."""
        self._loaded: tuple[Any, ...] = ()
        self._prepared: Prepared | None = None
        self._forget_start()

    def _forget_start(self) -> None:
        self._start_spec: StartSpec | None = None
        self._start: StartingPoint | None = None
        self._shared_key = ""
        self._memory: tuple[StartSpec, int] | None = None
        self._untouched: tuple[Evaluator, Untouched] | None = None
        self._kept = KeptTensors()

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
        """Load model and data, unless the last run had the same and nothing has changed since."""
        inputs = spec.inputs
        before = inputs, stamps.local(inputs), arithmetic(self.device)
        if (*before, stamps.hub(inputs)) == self._loaded:
            return
        self.forget()
        self._prepared = yield from load(inputs, self.device)
        # Files as they were before they were read; the hub's as they were fetched.
        self._loaded = (*before, stamps.hub(inputs))

    def strategy(self, spec: RunSpec) -> GradientStrategy:
        """How the gradient is computed, for what memory was free when its start was first asked
        for: the same for all runs of it."""
        if self._memory is None or self._memory[0] != spec.start:
            self._memory = spec.start, free_memory()
        return choose_strategy(spec, self.prepared.loaded.layers, self._memory[1])

    def take_gradient(self, spec: RunSpec) -> Steps[None]:
        """Draw the head, warm it up, take the one-step gradient, unless the last run had it, or
        another worker has it."""
        wanted = spec.start
        if wanted == self._start_spec:
            return
        strategy, memory = self.strategy(spec), self._memory
        self._forget_start()
        self._memory = memory
        self._shared_key = self._key(wanted, strategy.name)
        self._start = yield from self._shared.get_or_compute(
            "start",
            "gradient",
            lambda: compute_start(
                wanted,
                self.prepared,
                strategy,
                self.device,
                halves=self._halves(spec),
            ),
            StartingPoint.packed,
            self._adopt,
        )
        self._start_spec = wanted
        self._kept.remember(self._tensors())

    def measure_weights(self, spec: RunSpec) -> Steps[None]:
        """The singular values of the pretrained weights, unless known, or not asked for."""
        yield from measure_weights(self.prepared, self._folder, spec.measure.spectra)
        self._kept.remember(self._tensors())

    def decompose(self, spec: RunSpec, count: int) -> Steps[None]:
        """The top ``count`` singular triplets of every layer's gradient, kept for the next run."""
        start, computation = self.start, self._computation(spec)
        if count in start.decompositions:
            return
        top = yield from self._shared.get_or_compute(
            f"top{count}",
            "svd",
            lambda: compute_triplets(
                count,
                start,
                computation,
                self.prepared.calls,
                halves=count == self._halves(spec),
            ),
            TopTriplets.packed,
            TopTriplets.unpacked,
        )
        start.keep(count, top)
        self._kept.remember(self._tensors())

    def measure_split_half_agreement(self, spec: RunSpec) -> Steps[None]:
        """How far the two halves of the gradient batch agree, kept for the next run."""
        start, count, computation = self.start, spec.rank, self._computation(spec)
        if count in start.agreements or len(start.gradient_rows) < 2:
            return

        def compare() -> Steps[dict[str, Agreement]]:
            left = start.halves.pop(count, None)
            return left or computation.split_half_agreement(start.gradient_rows, count)

        start.agreements[count] = yield from self._shared.get_or_compute(
            f"trust{count}", "trust", compare, pack_agreements, unpack_agreements
        )
        start.halves.pop(count, None)  # where another worker was first

    def untouched(self, evaluator: Evaluator) -> Untouched:
        """What is measured of the model before any initialisation; kept for runs that ask alike."""
        if self._untouched is None or self._untouched[0] != evaluator:
            model, task = self.prepared.loaded.model, self._started.task
            held_out, known = evaluator.held_out(model), self.start.loss
            values = {
                "gradient_batch_loss": (
                    evaluator.gradient_batch_loss(model) if known is None else known
                ),
                "held_out_loss": held_out.loss,
            }
            values |= scored(evaluator.evaluation(model), task)
            self._untouched = evaluator, Untouched(values, held_out.logits)
        return self._untouched[1]

    def calibration(self, size: int) -> Iterator[Batch]:
        """The gradient batch, ``size`` texts at a time, for methods that look at the data."""
        return self.prepared.train.batches(self.start.gradient_rows, size, self.device)

    def left_vectors(self, name: str) -> Tensor:
        """All left singular vectors of a layer's pretrained weight, kept for the next run."""
        known = self.prepared.left_vectors
        if name not in known:
            weight = self.prepared.pretrained[name]
            known[name] = torch.linalg.svd(weight, full_matrices=False)[0]
            self._kept.remember(self._tensors())
        return known[name]

    @torch.no_grad()
    def restore(self) -> None:
        """Put the pretrained weights and the common head back, and check the whole model by hash.

        Raises LoraOneError where it is not the model it was, or where what is kept beside it was
        written to; the workspace is then forgotten.
        """
        changed = self._kept.changed(self._tensors())
        if changed:
            self.forget()
            raise LoraOneError(
                f"the run has changed the {changed[0]}, which other runs are given too",
                field="method.name",
                value=len(changed),
                hint="a method or metric of your own must copy what it writes to",
            )
        model = self.prepared.loaded.model
        model.requires_grad_(False)
        model.zero_grad(set_to_none=True)
        self._put_head_on(self.start)
        digests = weight_digests(model)
        if self.prepared.pretrained.restore(digests):
            digests = weight_digests(model)
        if combined(digests) != self.start.weights_hash:
            self.forget()
            raise LoraOneError("the weights could not be restored after the run; it is not kept")

    @property
    def _started(self) -> StartSpec:
        """What the start is the start of."""
        assert self._start_spec is not None
        return self._start_spec

    def _tensors(self) -> dict[str, Tensor]:
        """All tensors that the next run is given as they are, by what they are."""
        ready, start = self.prepared, self.start
        kept = {f"gradient of layer {name}": G for name, G in start.gradients.items()}
        for count, layers in start.decompositions.items():
            for name, top in layers.items():
                for part, tensor in (("U", top.U), ("S", top.S), ("V", top.V)):
                    kept[f"top {count} triplets ({part}) of layer {name}'s gradient"] = tensor
        for of, spectra in (
            ("gradient", start.spectra),
            *((f"{count} triplets' gradient", found) for count, found in start.estimates.items()),
            ("weight", ready.weight_spectra),
        ):
            for name, spectrum in spectra.items():
                kept[f"{of} spectrum of layer {name}"] = spectrum.values
        for name, vectors in ready.left_vectors.items():
            kept[f"left singular vectors of layer {name}'s weight"] = vectors
        return kept

    def _computation(self, spec: RunSpec) -> GradientComputation:
        """Of the start's gradient; only a run of that very start may ask for it."""
        started, ready = self._started, self.prepared
        assert spec.start == started, "take_gradient comes first"
        strategy = self.start.strategy
        return GradientComputation(
            started, ready.loaded, ready.train, self.device, strategy.name, strategy.budget
        )

    def _halves(self, spec: RunSpec) -> int:
        """How many triplets of the batch's halves are to be compared; 0 where none are."""
        comparable = spec.measure.split_half_agreement and spec.gradient.samples > 1
        return spec.rank if comparable else 0

    @property
    def _shared(self) -> SharedParts:
        return SharedParts(self._folder, self._shared_key)

    def _key(self, spec: StartSpec, strategy: str) -> str:
        """Of all that the start depends on: what was asked, loaded, chosen, and computed with."""
        parts = [spec.key, self.prepared.fingerprint, strategy, arithmetic(self.device)]
        return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()[:32]

    def go_on_from(self, spec: RunSpec, start: StartingPoint) -> None:
        """Have the start that an earlier attempt at ``spec`` had, unless the last run had it.

        Raises ValueError where it began from other weights.
        """
        if spec.start != self._start_spec:
            self._forget_start()
            if not self._fits(start):
                raise ValueError("it began from other weights")
            self._memory = spec.start, start.strategy.available
            self._shared_key = self._key(spec.start, start.strategy.name)
            self._start_spec, self._start = spec.start, start
        self.start.take_over(start)
        self._kept.remember(self._tensors())

    def _adopt(
        self, tensors: Mapping[str, Tensor], beside: Mapping[str, Any]
    ) -> StartingPoint | None:
        """Go to the start that another worker left; None where it began from other weights."""
        start = StartingPoint.unpacked(tensors, beside)
        return start if self._fits(start) else None

    def _fits(self, start: StartingPoint) -> bool:
        """Go to this start; whether it began from the weights that are loaded."""
        self._put_head_on(start)
        return self.prepared.weights_hash() == start.weights_hash

    def _put_head_on(self, start: StartingPoint) -> None:
        """Give the model the head that it had at the start."""
        loading.set_heads(self.prepared.loaded, start.heads)
        self.prepared.loaded.model.eval()
