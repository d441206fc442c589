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
from loraone.decompose import Decomposition, singular_values, truncated_svd
from loraone.errors import LoraOneError, SpecError, TrainingError
from loraone.events import Progress
from loraone.gradients import one_step_gradient
from loraone.models import LoadedModel
from loraone.specs import RunSpec


@dataclass(frozen=True)
class Prepared:
    """A loaded model with its data; ``pretrained`` are copies of the target weights, (out, in)."""

    loaded: LoadedModel
    texts: TextData
    train: Encoded
    evaluation: Encoded
    snapshot: dict[str, Tensor]
    pretrained: dict[str, Tensor]


@dataclass
class Start:
    """The common starting point of all runs with one gradient key."""

    heads: dict[str, dict[str, Tensor]]
    weights_hash: str
    gradient_rows: list[int]
    held_out_rows: list[int]
    gradients: dict[str, Tensor]
    spectra: dict[tuple[str, str], Tensor]
    decompositions: dict[int, dict[str, Decomposition]] = field(default_factory=dict)


class Workspace:
    """Holds the last model and the last starting point on one device."""

    def __init__(self, device: str | None = None) -> None:
        chosen = device or ("cuda" if torch.cuda.is_available() else "cpu")
        self.device = torch.device(chosen)
        self._model_key = ""
        self._start_key = ""
        self._prepared: Prepared | None = None
        self._start: Start | None = None

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

    @property
    def start(self) -> Start:
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
        yield Progress("gradient", 0, 1)
        size = spec.gradient.micro_batch
        gradients, _ = one_step_gradient(
            model,
            ready.loaded.layers,
            ready.train.batches(gradient_rows, size, self.device),
            dropout=spec.gradient.dropout,
        )
        spectra = {}
        for done, (name, gradient) in enumerate(gradients.items()):
            yield Progress("spectra", done, len(gradients), name)
            if not gradient.isfinite().all():
                raise TrainingError(
                    f"the one-step gradient of layer {name} is not finite",
                    field="model.dtype",
                    value=spec.model.dtype,
                    hint="use bfloat16 or float32 instead of float16, and check the weights",
                )
            spectra["gradient", name] = singular_values(gradient)
            spectra["weight", name] = singular_values(ready.pretrained[name])
        heads = {
            name: {
                key: tensor.detach().clone()
                for key, tensor in getattr(model, name).state_dict().items()
            }
            for name in ready.loaded.heads
        }
        self._start = Start(
            heads, models.weights_hash(model), gradient_rows, held_out_rows, gradients, spectra
        )
        self._start_key = spec.gradient_key()

    def calibration(self, size: int) -> Iterator[Batch]:
        """The gradient batch, ``size`` texts at a time, for methods that look at the data."""
        return self.prepared.train.batches(self.start.gradient_rows, size, self.device)

    def decompose(self, spec: RunSpec, count: int) -> Iterator[Progress]:
        """The top ``count`` singular triplets of every layer's gradient, kept for the next run."""
        start = self.start
        if count in start.decompositions:
            return
        found = {}
        for done, (name, gradient) in enumerate(start.gradients.items()):
            yield Progress("svd", done, len(start.gradients), name)
            found[name] = truncated_svd(gradient, count, seed=spec.seed)
        start.decompositions[count] = found

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
