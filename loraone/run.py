"""``run(spec)`` yields everything that happens in one run: the only place that composes."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch

from loraone import adapters, catalog, probes, training
from loraone.adapters import Adapted, FullyTuned
from loraone.environment import describe, memory_bytes
from loraone.errors import ExportError, LoraOneError, TrainingError
from loraone.events import (
    Artifact,
    Event,
    Failed,
    Finished,
    InitReport,
    Layers,
    Metric,
    Note,
    Progress,
    Started,
)
from loraone.methods.base import Factors, Initialisation, InitProblem
from loraone.models import check_method
from loraone.paths import preflight
from loraone.specs import RunSpec
from loraone.trainee import Trainee
from loraone.workspace import Workspace

# Logits of an exported adapter must agree to this much with the trained model's.
EXPORT_TOLERANCE = 1e-4
CHECKED_TEXTS = 8

log = logging.getLogger(__name__)


def run(
    spec: RunSpec,
    *,
    workspace: Workspace | None = None,
    output: Path | None = None,
    roots: Sequence[Path] | None = None,
) -> Iterator[Event]:
    """Compute the initialisation that ``spec`` asks for, train briefly, measure.

    Args:
        spec: one run; see :func:`loraone.specs.expand`.
        workspace: keeps model, data and gradient warm between runs.
        output: folder for the adapter; without it none is written.
        roots: folders that local models and data may lie under; None allows any.

    Every error that a user can cause ends the stream with :class:`Failed`; so does an unforeseen
    one, after its traceback went to the log.
    """
    workspace = workspace or Workspace()
    try:
        yield from _run(spec, workspace, output, roots)
    except LoraOneError as error:
        workspace.forget()
        yield Failed(**error.as_dict())  # type: ignore[arg-type]
    except (torch.OutOfMemoryError, MemoryError) as error:
        workspace.forget()
        yield Failed(**_out_of_memory(error, spec).as_dict())  # type: ignore[arg-type]
    except Exception as error:
        workspace.forget()
        log.exception("run failed")
        yield Failed("internal", f"{type(error).__name__}: {error}")
    except GeneratorExit:
        workspace.forget()  # stopped half-way: the model is in an unknown state
        raise


def _out_of_memory(error: BaseException, spec: RunSpec) -> TrainingError:
    detail = next(iter(str(error).splitlines()), "no detail")
    return TrainingError(
        f"the device ran out of memory: {detail}",
        field="training.batch_size",
        value=spec.training.batch_size,
        hint="lower training.batch_size, gradient.micro_batch or data.max_length, or use bfloat16",
    )


def _run(
    spec: RunSpec, workspace: Workspace, output: Path | None, roots: Sequence[Path] | None
) -> Iterator[Event]:
    for error in preflight(spec, roots):
        raise error
    yield from workspace.prepare(spec)
    ready = workspace.prepared
    layers = ready.loaded.layers
    yield Started(describe(spec, ready.loaded, ready.texts, workspace.device))
    row = catalog.METHODS[spec.method.name]
    check_method(layers, row, spec.rank)
    yield Layers(
        tuple(layer.name for layer in layers),
        tuple(layer.shape[0] for layer in layers),
        tuple(layer.shape[1] for layer in layers),
    )
    yield from workspace.take_gradient(spec)
    yield from workspace.decompose(spec, spec.rank)
    if row.triplets > 1:
        yield from workspace.decompose(spec, spec.rank * row.triplets)
    for (quantity, name), values in workspace.start.spectra.items():
        yield probes.spectra(name, quantity, values, spec.rank)
    yield Progress("init", 0, 1)
    look = Looker(spec, workspace)
    before = look.losses(ready.loaded.model)
    original = look.logits(ready.loaded.model)
    trainee: Trainee
    if spec.trains_adapter:
        trainee = Adapted(ready.loaded, spec, ready.pretrained, workspace.calibration)
    else:
        trainee = FullyTuned(ready.loaded, ready.pretrained)
    try:
        yield from _initialise(spec, workspace, trainee, look, before, original)
        yield from _train(spec, workspace, trainee, look)
        final = look.logits(trainee.model)
        plain = trainee.export() if output is not None and spec.measure.save_adapter else None
    finally:
        trainee.remove()
    workspace.restore()
    if plain is not None and output is not None:
        yield Progress("export", 0, 1)
        yield _export(spec, workspace, plain, output, final, look)
    yield look.finished()


class Looker:
    """Measures one run's model on its fixed rows, and remembers the last values for the summary."""

    def __init__(self, spec: RunSpec, workspace: Workspace) -> None:
        self._spec = spec
        self._workspace = workspace
        self.summary: dict[str, float | None] = {}

    def losses(self, model: Any) -> dict[str, float]:
        """The mean loss on the gradient batch and on the held-out batch."""
        start = self._workspace.start
        return {
            "gradient_batch_loss": self._loss(model, start.gradient_rows),
            "held_out_loss": self._loss(model, start.held_out_rows),
        }

    def held_out_loss(self, model: Any) -> float:
        """The mean loss on the held-out batch alone."""
        return self._loss(model, self._workspace.start.held_out_rows)

    def _loss(self, model: Any, rows: list[int]) -> float:
        train, device = self._workspace.prepared.train, self._workspace.device
        return training.evaluate(model, train, rows, self._spec, device)["eval_loss"]

    def logits(self, model: Any) -> torch.Tensor:
        """Logits of the first few held-out texts."""
        rows = self._workspace.start.held_out_rows[:CHECKED_TEXTS]
        ready = self._workspace.prepared
        return training.logits(model, ready.train, rows, self._workspace.device)

    def finished(self) -> Finished:
        """The event that ends the run."""
        return Finished(self.summary)


def _initialise(
    spec: RunSpec,
    workspace: Workspace,
    trainee: Trainee,
    look: Looker,
    before: dict[str, float],
    original: torch.Tensor,
) -> Iterator[Event]:
    """Install the method's factors and report what that did to the model."""
    ready = workspace.prepared
    chosen: dict[str, float] = {}
    row = catalog.METHODS[spec.method.name]
    if row.initialise is not None and isinstance(trainee, Adapted):
        adapted = trainee

        def held_out_loss(factors: Mapping[str, Factors] | None) -> float:
            if factors is None:
                return before["held_out_loss"]
            adapted.install(Initialisation(factors))
            return look.held_out_loss(adapted.model)

        problem = InitProblem(
            gradients=workspace.start.decompositions[spec.rank * row.triplets],
            rank=spec.rank,
            scaling=adapted.scaling,
            generator=torch.Generator().manual_seed(spec.seed),
            held_out_loss=held_out_loss,
            matrices=workspace.start.gradients,
            weights=ready.pretrained,
            learning_rate=spec.learning_rate,
        )
        params = row.params.model_validate(spec.method.params)
        found = catalog.resolve(row.initialise)(problem, params)
        adapted.install(found)
        chosen = found.chosen
        for note in found.notes:
            yield Note(note)
    for layer in ready.loaded.layers:
        initial = trainee.initial(layer.name)
        if initial is not None:
            yield probes.spectra(layer.name, "init", initial.singular_values(), spec.rank)
    after = look.losses(trainee.model)
    with trainee.switched_off():
        off = look.logits(trainee.model)
    scalars = {f"{name}_before": value for name, value in before.items()}
    scalars |= {f"{name}_after": value for name, value in after.items()}
    scalars["logit_change"] = float((look.logits(trainee.model) - original).abs().max())
    scalars["logit_change_off"] = float((off - original).abs().max())
    columns = probes.init_columns(trainee, ready.loaded.layers, ready.pretrained)
    columns["svd_error"] = np.array(
        [found.error for found in workspace.start.decompositions[spec.rank].values()], np.float32
    )
    yield InitReport(columns, scalars, chosen)
    look.summary |= {
        "held_out_loss_before": before["held_out_loss"],
        "held_out_loss_after": after["held_out_loss"],
        "gamma": chosen.get("gamma"),
        "trained_parameters": sum(p.numel() for p in trainee.parameters()),
    }


def _train(spec: RunSpec, workspace: Workspace, trainee: Trainee, look: Looker) -> Iterator[Event]:
    """Train, with alignment along the way and the spectra of what changed at the end."""
    ready, start = workspace.prepared, workspace.start
    layers = ready.loaded.layers
    steps = spec.training.steps
    metric: Metric | None = None
    for metric in training.train(trainee, ready.train, ready.evaluation, spec, workspace.device):
        yield metric
        if metric.step % spec.measure.alignment_every == 0 or metric.step == steps:
            found = start.decompositions[spec.rank]
            yield probes.align(metric.step, trainee, layers, start.gradients, found, spec.rank)
        yield Progress("train", metric.step, steps)
    assert metric is not None
    look.summary |= {
        name: value for name, value in metric.values.items() if name != "learning_rate"
    }
    look.summary |= {
        "train_seconds": metric.seconds,
        "tokens": float(metric.tokens),
        "memory_bytes": memory_bytes(workspace.device),
    }
    for done, layer in enumerate(layers):
        yield Progress("measure", done, len(layers), layer.name)
        for quantity, change in (
            ("update", trainee.update(layer.name)),
            ("change", trainee.change(layer.name)),
        ):
            yield probes.spectra(layer.name, quantity, change.singular_values(), spec.rank)


def _export(
    spec: RunSpec,
    workspace: Workspace,
    plain: Any,
    output: Path,
    final: torch.Tensor,
    look: Looker,
) -> Artifact:
    """Write the adapter, read it back with plain PEFT on the restored base, compare logits."""
    loaded = workspace.prepared.loaded
    folder = output / "adapter"
    adapters.write(plain, loaded, spec, folder)
    heads = {name: getattr(loaded.model, name) for name in loaded.heads}
    again = adapters.reload(loaded, folder)
    try:
        error = float((look.logits(again) - final).abs().max())
    finally:
        again.unload()
        for name, module in heads.items():
            setattr(loaded.model, name, module)
    workspace.restore()
    size = sum(file.stat().st_size for file in folder.iterdir())
    if not error <= EXPORT_TOLERANCE * max(1.0, float(final.abs().max())):
        raise ExportError(
            f"the adapter reads back with logits that differ by {error:.3g}; "
            f"allowed: {EXPORT_TOLERANCE:g} of the largest logit",
            value=error,
        )
    return Artifact("adapter", str(folder), size, error, True)
