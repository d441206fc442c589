"""A run on a pretrained model, from its gradient to its exported adapter."""

from __future__ import annotations

import math
from collections.abc import Generator, Iterator, Sequence
from pathlib import Path

from torch import Tensor

from loraone import catalog
from loraone.adapters.adapted import Adapted
from loraone.adapters.beginning import Beginning
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
    Resumed,
    Started,
)
from loraone.gradient.finite import check_untouched
from loraone.gradient.starting_point import StartingPoint
from loraone.inputs.models.paths import preflight
from loraone.inputs.models.targets import TargetLayer
from loraone.linalg.packed import Packed, joined, part
from loraone.measure.evaluator import Evaluator, Untouched
from loraone.runs.artifacts import Trained, write_adapter, write_directions
from loraone.runs.begun import Begun
from loraone.runs.checkpoints import Checkpoint
from loraone.runs.environment import describe, memory_bytes
from loraone.runs.initialisation import install
from loraone.runs.interruption import Interruption
from loraone.runs.keeper import UNFIT, Keeper
from loraone.runs.layer_measurement import LayerMeasurement
from loraone.runs.step_0 import report_step_0
from loraone.runs.workspace import Workspace
from loraone.spec import applicability
from loraone.spec.experiment import RunSpec
from loraone.training import loop
from loraone.training.course import Course
from loraone.training.evaluation import evaluation_batch


def run(
    spec: RunSpec,
    *,
    workspace: Workspace | None = None,
    output: Path | None = None,
    roots: Sequence[Path] | None = None,
    checkpoints: Path | None = None,
    interruption: Interruption | None = None,
) -> Iterator[Event]:
    """Compute the initialisation that ``spec`` asks for, train briefly, measure.

    Errors, and what they leave of the workspace, are :func:`loraone.runs.run.run`'s to handle.
    """
    for error in preflight(spec, roots):
        raise error
    keeper = Keeper(spec, checkpoints, interruption)
    yield from FineTuning(spec, workspace or Workspace(), output, keeper).events()


class FineTuning:
    """One run; :meth:`events` tells it from beginning to end.

    What is warm between runs is the workspace's; the run itself holds its spec and where it writes
    to, and hands on what each part of it comes to.
    """

    def __init__(
        self, spec: RunSpec, workspace: Workspace, output: Path | None, keeper: Keeper
    ) -> None:
        self.spec, self.workspace = spec, workspace
        self.output, self.keeper = output, keeper
        self.method = catalog.METHODS[spec.method.name]
        self.measurement = LayerMeasurement(spec, workspace)

    def events(self) -> Iterator[Event]:
        """Everything that happens, in the order of :mod:`loraone.events`."""
        kept = yield from self._prepare()
        begun = None if kept is None else (yield from self._go_on(kept))
        if begun is None:
            begun = yield from self.keeper.noted(self._begin())
        trainable, evaluator = begun.trainable, self._evaluator()
        try:
            with self.keeper.listening():
                last = yield from self.keeper.noted(self._train(begun))
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
        yield Finished(begun.summary(last, memory) | exported)
        self.keeper.remove()

    def _begin(self) -> Generator[Event, None, Begun]:
        """Everything before the first step."""
        yield from self._take_gradient()
        yield from self.measurement.start_spectra()
        yield Progress("init", 0, 3)
        evaluator = self._evaluator()
        untouched = self._measure_untouched(evaluator)
        yield Progress("init", 1, 3)
        trainable = self._trainable()
        try:
            chosen = yield from install(self.spec, self.workspace, trainable, evaluator, untouched)
            yield from self.measurement.initial_spectra(trainable)
            yield Progress("init", 2, 3)
            moved = self.workspace.prepared.pretrained.may_have_changed
            report = yield from report_step_0(
                self.spec,
                self.measurement,
                trainable,
                evaluator,
                untouched,
                chosen,
                base_moved=moved,
            )
        except BaseException:
            trainable.remove()
            raise
        return Begun(trainable, _count(trainable), report)

    def _go_on(self, kept: Checkpoint) -> Generator[Event, None, Begun | None]:
        """Stand where an earlier attempt stood, and say again what it said. Where that is not
        possible it goes on from the checkpoint before; None without one: the run begins anew."""
        spec, workspace = self.spec, self.workspace
        try:
            trainable = self._trainable(part("beginning", kept.begin))
            parameters = _count(trainable)
            course = Course(trainable, workspace.prepared.train, spec, workspace.device)
            course.unpack(kept.course)
            report = next(e for e in kept.events if isinstance(e, InitReport))
            last = next(e for e in kept.events[::-1] if isinstance(e, Metric))
        except UNFIT as error:
            yield Note(self.keeper.refuse(kept, error))
            workspace.forget()  # something of it may be in the model
            yield from workspace.prepare(spec)
            before, refused = self._find()
            yield from map(Note, refused)
            return None if before is None else (yield from self._go_on(before))
        yield Resumed(course.step, len(kept.events))
        yield from kept.events
        yield Progress("train", course.step, spec.training.steps)
        return Begun(trainable, parameters, report, course, last)

    def _prepare(self) -> Generator[Event, None, Checkpoint | None]:
        """Load model and data; say what the run is made on, and refuse what cannot be.

        What an earlier attempt at the run has left is handed on.
        """
        spec, workspace = self.spec, self.workspace
        yield from workspace.prepare(spec)
        ready = workspace.prepared
        kept, refused = self._find()
        strategy = workspace.strategy(spec)
        yield Started(describe(spec, ready.loaded, ready.texts, workspace.device, strategy))
        for note in (*ready.notes, *refused):
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
        return kept

    def _find(self) -> tuple[Checkpoint | None, list[str]]:
        """What an earlier attempt has left, at whose start the workspace then is; why what is there
        cannot be used."""
        workspace = self.workspace
        inputs, notes = workspace.prepared.fingerprint, list[str]()
        while True:
            kept, refused = self.keeper.find(inputs, workspace.device)
            notes += refused
            if kept is None:
                return None, notes
            try:
                start = StartingPoint.unpacked_whole(part("start", kept.begin), self.spec.rank)
                workspace.go_on_from(self.spec, start)
                return kept, notes
            except UNFIT as error:
                notes.append(self.keeper.refuse(kept, error))

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

    def _trainable(self, beginning: Packed | None = None) -> Trainable:
        """The model to be trained, as it is before its first step where its ``beginning`` is
        known."""
        ready = self.workspace.prepared
        if self._changes_base:
            ready.pretrained.may_change()
        if not self.spec.trains_adapter:
            return FullyTuned(ready.loaded, ready.pretrained)
        known = None if beginning is None else Beginning.unpacked(*beginning)
        data = self.workspace.calibration
        return Adapted(ready.loaded, self.spec, ready.pretrained, data, known)

    def _train(self, begun: Begun) -> Generator[Event, None, Metric]:
        """Train, with alignment along the way; the last step's metric is handed on."""
        trainable, beginning = begun.trainable, begun.trainable.beginning()
        spec, ready, device = self.spec, self.workspace.prepared, self.workspace.device
        steps, every = spec.training.steps, spec.measure.alignment_every
        start, metric = self.workspace.start, begun.last

        def begin() -> Packed:
            where = ({}, None) if beginning is None else beginning.packed()
            return joined(start=start.packed_whole(spec.rank), beginning=where)

        between = self.keeper.between(begin)
        inputs = trainable, ready.train, ready.evaluation, spec, device
        for event in loop.train(*inputs, between=between, course=begun.course):
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


def _count(trainable: Trainable) -> int:
    return sum(parameter.numel() for parameter in trainable.parameters())
