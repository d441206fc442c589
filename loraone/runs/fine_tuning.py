"""A run on a pretrained model, from its gradient to its exported adapter."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import numpy as np
import torch

from loraone import catalog
from loraone.adapters import Adapted, FullyTuned
from loraone.adapters.interfaces import Trainable
from loraone.errors import SpecError, TrainingError
from loraone.events import Event, Float32Array, InitReport, Layers, Metric, Note, Progress, Started
from loraone.gradient.memory_plan import MemoryPlan
from loraone.measure import alignment, intruders, reports, spectra
from loraone.measure.curvature import largest_eigenvalue
from loraone.methods.base import Factors, Initialisation, InitProblem
from loraone.models.loading import check_method
from loraone.models.paths import preflight
from loraone.runs.artifacts import write_adapter, write_directions
from loraone.runs.environment import describe, memory_bytes
from loraone.runs.evaluator import Evaluator
from loraone.runs.workspace import Workspace
from loraone.spec.experiment import RunSpec
from loraone.training import loop


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
    workspace = workspace or Workspace()
    for error in preflight(spec, roots):
        raise error
    yield from workspace.prepare(spec)
    ready = workspace.prepared
    layers = ready.loaded.layers
    plan = workspace.plan(spec)
    yield Started(describe(spec, ready.loaded, ready.texts, workspace.device, plan))
    row = catalog.METHODS[spec.method.name]
    check_method(layers, row, spec.rank)
    _check_plan(row, plan)
    if spec.gradient.way == "auto" and plan.way != "accumulate":
        yield Note(f"gradients were taken by the way {plan.way}: {plan.reason}")
    yield Layers(
        tuple(layer.name for layer in layers),
        tuple(layer.shape[0] for layer in layers),
        tuple(layer.shape[1] for layer in layers),
    )
    yield from workspace.take_gradient(spec)
    yield from workspace.decompose(spec, spec.rank)
    if row.triplets > 1:
        yield from workspace.decompose(spec, spec.rank * row.triplets)
    if spec.measure.gradient_trust:
        yield from workspace.measure_trust(spec)
    for quantity in ("gradient", "weight"):
        whole = quantity == "weight" or workspace.start.knows_whole_spectra
        for layer in layers:
            values = workspace.start.spectra[quantity, layer.name]
            yield spectra.spectra(layer.name, quantity, values, spec.rank, whole=whole)
    yield Progress("init", 0, 3)
    look = Evaluator(spec, workspace)
    before = look.untouched(ready.loaded.model)
    original = look.logits(ready.loaded.model)
    yield Progress("init", 1, 3)
    trainable: Trainable
    if spec.trains_adapter:
        trainable = Adapted(ready.loaded, spec, ready.pretrained, workspace.calibration)
    else:
        trainable = FullyTuned(ready.loaded, ready.pretrained)
    try:
        yield from _initialise(spec, workspace, trainable, look, before, original)
        yield from _train(spec, workspace, trainable, look)
        final = look.logits(trainable.model)
        if output is not None:
            yield write_directions(spec, workspace, trainable, output)
        plain = trainable.export() if output is not None and spec.measure.save_adapter else None
    finally:
        trainable.remove()
    workspace.restore()
    if plain is not None and output is not None:
        yield Progress("export", 0, 1)
        yield write_adapter(spec, workspace, plain, output, final, look)
    yield look.finished()


def _initialise(
    spec: RunSpec,
    workspace: Workspace,
    trainable: Trainable,
    look: Evaluator,
    before: dict[str, float],
    original: torch.Tensor,
) -> Iterator[Event]:
    """Install the method's factors and report what that did to the model."""
    ready = workspace.prepared
    chosen: dict[str, float] = {}
    row = catalog.METHODS[spec.method.name]
    if row.initialise is not None and isinstance(trainable, Adapted):
        adapted = trainable

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
        _check_finite(row, found)
        adapted.install(found)
        chosen = found.chosen
        for note in found.notes:
            yield Note(note)
    for layer in ready.loaded.layers:
        initial = trainable.initial(layer.name)
        if initial is not None:
            yield spectra.spectra(layer.name, "init", initial.singular_values(), spec.rank)
    yield Progress("init", 2, 3)
    after = look.losses(trainable.model)
    with trainable.switched_off():
        off = look.logits(trainable.model)
    scalars = {f"{name}_before": value for name, value in before.items()}
    scalars |= {f"{name}_after": value for name, value in after.items()}
    scalars["logit_change"] = float((look.logits(trainable.model) - original).abs().max())
    scalars["logit_change_off"] = float((off - original).abs().max())
    columns = reports.init_columns(trainable, ready.loaded.layers, ready.pretrained)
    columns |= _gradient_columns(workspace, spec)
    if spec.measure.hessian:
        yield Progress("hessian", 0, 1)
        if spec.adapter.dora and spec.trains_adapter:
            yield Note("no Hessian eigenvalue: DoRA's gradient leaves a term out and has none")
        else:
            scalars |= _curvature(spec, workspace, trainable)
    yield InitReport(columns, scalars, chosen)
    yield alignment.overlaps(
        0, trainable, ready.loaded.layers, workspace.start.decompositions[spec.rank], spec.rank
    )
    look.summary |= {
        "held_out_loss_before": before["held_out_loss"],
        "held_out_loss_after": after["held_out_loss"],
        "gamma": chosen.get("gamma"),
        "trained_parameters": sum(p.numel() for p in trainable.parameters()),
    }


def _check_finite(row: catalog.Method, found: Initialisation) -> None:
    for name, factors in found.factors.items():
        if not (factors.A.isfinite().all() and factors.B.isfinite().all()):
            raise TrainingError(
                f"{row.label} gave layer {name} factors that are not finite",
                field="methods",
                value=row.name,
                hint="change the method's parameters, or its code if it is one of your own",
            )


def _gradient_columns(workspace: Workspace, spec: RunSpec) -> dict[str, Float32Array]:
    """How good the decomposition is, how well defined its subspace, and how far to trust it."""
    start = workspace.start
    columns = reports.decomposition_columns(start.decompositions[spec.rank])
    if spec.measure.gradient_trust and spec.rank in start.trusts:
        trusts = [start.trusts[spec.rank][name] for name in start.decompositions[spec.rank]]
        columns["trust_left"] = np.array([trust.left for trust in trusts], np.float32)
        columns["trust_right"] = np.array([trust.right for trust in trusts], np.float32)
    return columns


def _curvature(spec: RunSpec, workspace: Workspace, trainable: Trainable) -> dict[str, float]:
    rows = workspace.start.gradient_rows[: spec.measure.hessian_samples]
    batch = workspace.prepared.train.batch(rows, workspace.device)
    found = largest_eigenvalue(trainable.model, batch, trainable.tuned(), seed=spec.seed)
    return {"hessian_max": found.value, "hessian_residual": found.residual}


def _check_plan(row: catalog.Method, plan: MemoryPlan) -> None:
    if row.whole_gradient and plan.way != "accumulate":
        raise SpecError(
            f"{row.label} reads the sign of every entry of G, and {plan.reason}",
            field="gradient.way",
            value=plan.way,
            allowed="accumulate",
            hint="set gradient.way to accumulate, or choose fewer target layers",
        )


def _train(
    spec: RunSpec, workspace: Workspace, trainable: Trainable, look: Evaluator
) -> Iterator[Event]:
    """Train, with alignment along the way and the spectra of what changed at the end."""
    ready, start = workspace.prepared, workspace.start
    layers = ready.loaded.layers
    steps = spec.training.steps
    metric: Metric | None = None
    for metric in loop.train(trainable, ready.train, ready.evaluation, spec, workspace.device):
        yield metric
        if metric.step % spec.measure.alignment_every == 0 or metric.step == steps:
            found = start.decompositions[spec.rank]
            yield alignment.align(metric.step, trainable, layers, start.gradients, found, spec.rank)
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
    yield from _measure_update(spec, workspace, trainable)


def _measure_update(spec: RunSpec, workspace: Workspace, trainable: Trainable) -> Iterator[Event]:
    """Spectra of what changed, how it lies to the gradient, and what in it is new."""
    ready, start = workspace.prepared, workspace.start
    layers, found = ready.loaded.layers, start.decompositions[spec.rank]
    new = []
    for done, layer in enumerate(layers):
        yield Progress("measure", done, len(layers), layer.name)
        update, change = trainable.update(layer.name), trainable.change(layer.name)
        for quantity, moved in (("update", update), ("change", change)):
            yield spectra.spectra(layer.name, quantity, moved.singular_values(), spec.rank)
        if spec.measure.intruders:
            weight, vectors = ready.pretrained[layer.name], workspace.left_vectors(layer.name)
            new.append(intruders.intruders(weight, vectors, change.dense(), spec.measure))
    yield alignment.overlaps(spec.training.steps, trainable, layers, found, spec.rank)
    report = reports.update_report(trainable, layers, start.gradients, found, spec.rank)
    if new:
        report.layers["intruders"] = np.array(new, np.float32)
    yield report
