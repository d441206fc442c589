"""A run on a pretrained model, from its gradient to its exported adapter."""

from __future__ import annotations

import math
from collections.abc import Generator, Iterator, Sequence
from pathlib import Path

from torch import Tensor

from loraone import catalog
from loraone.adapters.adapted import Adapted
from loraone.adapters.fully_tuned import FullyTuned
from loraone.adapters.interfaces import Trainable
from loraone.adapters.verification import responses
from loraone.events import (
    Event,
    Finished,
    InitReport,
    Layers,
    Metric,
    Note,
    Number,
    Progress,
    Started,
)
from loraone.gradient.finite import check_untouched
from loraone.inputs.models.originals import OriginalWeights
from loraone.inputs.models.paths import preflight
from loraone.inputs.models.targets import TargetLayer
from loraone.measure.evaluator import Evaluator, Untouched
from loraone.runs.artifacts import Trained, write_adapter, write_directions
from loraone.runs.environment import describe, memory_bytes
from loraone.runs.initialisation import initialise
from loraone.runs.layer_measurement import LayerMeasurement
from loraone.runs.workspace import Workspace
from loraone.spec import applicability
from loraone.spec.experiment import RunSpec
from loraone.training import loop
from loraone.training.evaluation import evaluation_batch


def run(
    spec: RunSpec,
    *,
    workspace: Workspace | None = None,
    output: Path | None = None,
    roots: Sequence[Path] | None = None,
) -> Iterator[Event]:
    """Compute the initialisation that ``spec`` asks for, train briefly, measure.

    Errors, and what they leave of the workspace, are :func:`loraone.runs.run.run`'s to handle.
    """
    for error in preflight(spec, roots):
        raise error
    yield from FineTuning(spec, workspace or Workspace(), output).events()


class FineTuning:
    """One run; :meth:`events` tells it from beginning to end.

    What is warm between runs is the workspace's; the run itself holds its spec and where it writes
    to, and hands on what each part of it comes to.
    """

    def __init__(self, spec: RunSpec, workspace: Workspace, output: Path | None) -> None:
        self.spec = spec
        self.workspace = workspace
        self.output = output
        self.method = catalog.METHODS[spec.method.name]
        self.measurement = LayerMeasurement(spec, workspace)

    def events(self) -> Iterator[Event]:
        """Everything that happens, in the order of :mod:`loraone.events`."""
        yield from self._prepare()
        yield from self._take_gradient()
        yield from self.measurement.start_spectra()
        yield Progress("init", 0, 3)
        evaluator = self._evaluator()
        untouched = self._measure_untouched(evaluator)
        yield Progress("init", 1, 3)
        trainable = self._trainable()
        try:
            chosen = yield from self._initialise(trainable, evaluator, untouched)
            report = yield from self._report_step_0(trainable, evaluator, untouched, chosen)
            parameters = sum(p.numel() for p in trainable.parameters())
            last = yield from self._train(trainable)
            memory = memory_bytes(self.workspace.device)
            yield from self.measurement.update(trainable)
            final = evaluator.logits(trainable.model)
            if self.output is not None:
                yield write_directions(trainable, self._layers, self.spec.rank, self.output)
            trained = self._trained(trainable, final)
        finally:
            trainable.remove()
        self.workspace.restore()
        exported = yield from self._export(trained, evaluator)
        yield Finished(_summary(report, parameters, last, memory) | exported)

    def _prepare(self) -> Iterator[Event]:
        """Load model and data; say what the run is made on, and refuse what cannot be."""
        spec, workspace = self.spec, self.workspace
        yield from workspace.prepare(spec)
        ready = workspace.prepared
        strategy = workspace.strategy(spec)
        yield Started(describe(spec, ready.loaded, ready.texts, workspace.device, strategy))
        for note in ready.notes:
            yield Note(note)
        applicability.check_layers(self._layers, self.method, spec.rank, spec.method.params)
        applicability.check_strategy(self.method, strategy.name, strategy.reason)
        if spec.gradient.strategy == "auto" and strategy.name != "accumulate":
            yield Note(f"the gradient strategy is {strategy.name}: {strategy.reason}")
        yield Layers(
            tuple(layer.name for layer in self._layers),
            tuple(layer.shape[0] for layer in self._layers),
            tuple(layer.shape[1] for layer in self._layers),
        )

    def _take_gradient(self) -> Iterator[Event]:
        """The one-step gradient, as many of its triplets as are needed, and how sure they are."""
        spec, workspace = self.spec, self.workspace
        yield from workspace.take_gradient(spec)
        yield from workspace.measure_weights(spec)
        yield from workspace.decompose(spec, spec.rank)
        if self.method.triplets > 1:
            yield from workspace.decompose(spec, spec.rank * self.method.triplets)
        if spec.measure.split_half_agreement:
            yield from workspace.measure_split_half_agreement(spec)
        yield from self.measurement.unused_experts()

    def _evaluator(self) -> Evaluator:
        ready, start = self.workspace.prepared, self.workspace.start
        return Evaluator(
            ready.train,
            ready.evaluation,
            start.gradient_rows,
            start.held_out_rows,
            evaluation_batch(self.spec.training),
            self.workspace.device,
        )

    def _measure_untouched(self, evaluator: Evaluator) -> Untouched:
        """The pretrained model; its values are kept for the next run."""
        untouched = self.workspace.untouched(evaluator)
        said = {name.replace("_", " "): value for name, value in untouched.values.items()}
        check_untouched(said, self.spec.model.dtype)
        return untouched

    def _trainable(self) -> Trainable:
        ready = self.workspace.prepared
        if self._changes_base:
            ready.pretrained.may_change()
        if self.spec.trains_adapter:
            return Adapted(ready.loaded, self.spec, ready.pretrained, self.workspace.calibration)
        return FullyTuned(ready.loaded, ready.pretrained)

    def _initialise(
        self, trainable: Trainable, evaluator: Evaluator, untouched: Untouched
    ) -> Generator[Event, None, dict[str, Number]]:
        """Install the method's factors; what it chose itself is handed on."""
        chosen: dict[str, Number] = {}
        if self.method.initialise is not None and isinstance(trainable, Adapted):
            initialisation = initialise(
                self.spec,
                trainable,
                self.workspace.start,
                self.workspace.prepared.pretrained,
                OriginalWeights(self.workspace.prepared.loaded, self.spec.model),
                evaluator,
                untouched.values["held_out_loss"],
            )
            if initialisation.offset_base or initialisation.bases:
                self.workspace.prepared.pretrained.may_change()
            trainable.install(initialisation)
            chosen |= initialisation.chosen
            for note in initialisation.notes:
                yield Note(note)
        yield from self.measurement.initial_spectra(trainable)
        yield Progress("init", 2, 3)
        return chosen

    def _report_step_0(
        self,
        trainable: Trainable,
        evaluator: Evaluator,
        untouched: Untouched,
        chosen: dict[str, Number],
    ) -> Generator[Event, None, InitReport]:
        """What the initialisation did to the model and its layers."""
        scalars: dict[str, Number] = {}
        scalars |= {f"{name}_before": value for name, value in untouched.values.items()}
        scalars |= self._after(trainable, evaluator, untouched)
        columns = self.measurement.init_columns(trainable)
        if self.spec.measure.hessian:
            yield Progress("hessian", 0, 1)
            if self.spec.adapter.dora and self.spec.trains_adapter:
                yield Note("no Hessian eigenvalue: DoRA's gradient leaves a term out and has none")
            elif self.spec.model.attn_implementation == "flash_attention_2":
                yield Note("no Hessian eigenvalue: flash_attention_2 has no second derivative")
            else:
                curvature = self.measurement.curvature(trainable)
                if all(map(math.isfinite, curvature.values())):
                    scalars |= curvature
                else:
                    yield Note(
                        f"no Hessian eigenvalue: it is not finite in {self.spec.model.dtype}"
                    )
        report = InitReport(columns, scalars, chosen)
        yield report
        yield self.measurement.overlaps(0, trainable)
        return report

    def _after(
        self, trainable: Trainable, evaluator: Evaluator, untouched: Untouched
    ) -> dict[str, Number]:
        """Losses and logits of the model as it begins to train, in as few passes as they need."""
        model, before = trainable.model, untouched.values["gradient_batch_loss"]
        held_out = evaluator.held_out(model)
        change = _largest(held_out.logits - untouched.logits)
        # Where nothing was added and nothing is seen, it is the model that was measured.
        same = change == 0 and self.measurement.adds_nothing(trainable)
        off = untouched.logits
        if self.spec.trains_adapter and self.workspace.prepared.pretrained.may_have_changed:
            with trainable.switched_off():
                off = evaluator.logits(model)
        return {
            "gradient_batch_loss_after": before if same else evaluator.gradient_batch_loss(model),
            "held_out_loss_after": held_out.loss,
            "logit_change": change,
            "logit_change_off": _largest(off - untouched.logits),
        }

    def _train(self, trainable: Trainable) -> Generator[Event, None, Metric]:
        """Train, with alignment along the way; the last step's metric is handed on."""
        spec, ready, device = self.spec, self.workspace.prepared, self.workspace.device
        steps, every = spec.training.steps, spec.measure.alignment_every
        metric: Metric | None = None
        for event in loop.train(trainable, ready.train, ready.evaluation, spec, device):
            yield event
            if isinstance(event, Note):
                continue
            metric = event
            if metric.step % every == 0 or metric.step == steps:
                yield self.measurement.alignment(metric.step, trainable)
            yield Progress("train", metric.step, steps)
        assert metric is not None
        return metric

    def _trained(self, trainable: Trainable, logits: Tensor) -> Trained | None:
        """What is written, where it is to be, and what is compared with it."""
        if self.output is None or not self.spec.measure.save_adapter:
            return None
        return Trained(trainable.export(), logits, responses(trainable, self._layers))

    def _export(
        self, trained: Trained | None, evaluator: Evaluator
    ) -> Generator[Event, None, dict[str, Number | None]]:
        """Write the adapter and read it back on the restored base."""
        if trained is None or self.output is None:
            return {}
        yield Progress("export", 0, 1)
        loaded = self.workspace.prepared.loaded
        exported = yield from write_adapter(self.spec, loaded, trained, self.output, evaluator)
        self.workspace.restore()
        # What is not finite has no word in JSON: the warning has told of it.
        return {k: v if math.isfinite(v) else None for k, v in exported.items()}

    @property
    def _changes_base(self) -> bool:
        """Whether the layers' own weights become others: trained, or moved by the method."""
        moved = self.method.flag("changes_base", self.spec.method.params)
        kept = self.workspace.prepared.loaded.quantised
        return not self.spec.trains_adapter or (moved and not kept)

    @property
    def _layers(self) -> tuple[TargetLayer, ...]:
        return self.workspace.prepared.loaded.layers


def _largest(change: Tensor) -> float:
    return float(change.abs().max())


def _summary(
    report: InitReport, parameters: int, last: Metric, memory: float
) -> dict[str, Number | None]:
    """The run's final numbers, as they are compared with those of other runs."""
    return {
        "held_out_loss_before": report.scalars["held_out_loss_before"],
        "held_out_loss_after": report.scalars["held_out_loss_after"],
        "gamma": report.chosen.get("gamma"),
        "trained_parameters": parameters,
        **{name: value for name, value in last.values.items() if name != "learning_rate"},
        "train_seconds": last.seconds,
        "tokens": float(last.tokens),
        "memory_bytes": memory,
    }
