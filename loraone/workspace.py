"""What stays warm between the runs of an experiment: model, data, and the one-step gradient.

A run changes weights; :meth:`Workspace.restore` puts the pretrained ones back and checks by hash
that the model is again what it was, so that no run sees what another left behind.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

import torch
from torch import Tensor

from loraone import batches, models, training
from loraone.batches import Batch, Encoded
from loraone.catalog import TASKS
from loraone.data.texts import TextData
from loraone.data.texts import load as load_texts
from loraone.decompose import singular_values, truncated_svd
from loraone.errors import LoraOneError, SpecError, TrainingError
from loraone.events import Progress
from loraone.memory_plan import MemoryPlan, gradient_plan
from loraone.models import LoadedModel
from loraone.specs import RunSpec
from loraone.starting_point import GradientTaker, StartingPoint


@dataclass(frozen=True)
class Prepared:
    """A loaded model with its data; ``pretrained`` are copies of the target weights, (out, in)."""

    loaded: LoadedModel
    texts: TextData
    train: Encoded
    evaluation: Encoded
    snapshot: dict[str, Tensor]
    pretrained: dict[str, Tensor]
    left_vectors: dict[str, Tensor] = field(default_factory=dict)


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
        causal = spec.task == "causal-lm"
        yield Progress("load", 0, 2, "data")
        texts = load_texts(spec.data, labelled=TASKS[spec.task].labelled)
        yield Progress("load", 1, 2, "model")
        loaded = models.load(spec.model, spec.task, len(texts.label_names), self.device)
        length = spec.data.max_length
        tokenizer = loaded.tokenizer
        targets = texts.label_names if spec.task == "seq2seq-lm" else None
        sides = [
            batches.encode(tokenizer, lines, labels, length, causal, targets)
            for lines, labels in (
                (texts.train_texts, texts.train_labels),
                (texts.eval_texts, texts.eval_labels),
            )
        ]
        snapshot = {x.name: x.parameter.detach().cpu().clone() for x in loaded.layers}
        pretrained = {
            x.name: (snapshot[x.name].T if x.transposed else snapshot[x.name]).float()
            for x in loaded.layers
        }
        self._prepared = Prepared(loaded, texts, sides[0], sides[1], snapshot, pretrained)
        self._model_key = key
        yield Progress("load", 2, 2)

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
        """Draw the head, warm it up, take the one-step gradient, unless the last run had it."""
        if spec.gradient_key() == self._start_key:
            return
        self._start, self._start_key = None, ""
        ready = self.prepared
        model = ready.loaded.model
        gradient_rows, held_out_rows = _rows(spec, len(ready.train))
        models.reset_head(ready.loaded, spec.seed)
        steps = spec.gradient.head_warmup_steps if ready.loaded.heads else 0
        if steps:
            yield Progress("head", 0, steps)
            for done in training.warm_head(
                model, ready.loaded.heads, ready.train, spec, self.device
            ):
                yield Progress("head", done, steps)
        heads = {
            name: {
                key: tensor.detach().clone()
                for key, tensor in getattr(model, name).state_dict().items()
            }
            for name in ready.loaded.heads
        }
        start = StartingPoint(
            self.plan(spec), heads, models.weights_hash(model), gradient_rows, held_out_rows
        )
        if start.plan.way == "accumulate":
            yield Progress("gradient", 0, 1)
            start.gradients = self._taker(spec, start).sums(gradient_rows)
        for done, layer in enumerate(ready.loaded.layers):
            yield Progress("spectra", done, len(ready.loaded.layers), layer.name)
            start.spectra["weight", layer.name] = singular_values(ready.pretrained[layer.name])
            if layer.name in start.gradients:
                _spectrum(start, layer.name, start.gradients[layer.name], spec)
        self._start = start
        self._start_key = spec.gradient_key()

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
        if spec.rank not in start.trusts and len(start.gradient_rows) > 1:
            yield Progress("trust", 0, 1)
            taker = self._taker(spec, start)
            start.trusts[spec.rank] = taker.trust(start.gradient_rows, spec.rank)

    @torch.no_grad()
    def restore(self) -> None:
        """Put the pretrained weights and the common head back, and check the whole model by hash.

        Raises LoraOneError where it is not the model it was; the workspace is then forgotten.
        """
        loaded, start = self.prepared.loaded, self.start
        for layer in loaded.layers:
            layer.parameter.copy_(self.prepared.snapshot[layer.name])
            layer.parameter.grad = None
        for name, state in start.heads.items():
            getattr(loaded.model, name).load_state_dict(state)
        loaded.model.eval()
        if models.weights_hash(loaded.model) != start.weights_hash:
            self.forget()
            raise LoraOneError("the weights could not be restored after the run; it is not kept")


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
