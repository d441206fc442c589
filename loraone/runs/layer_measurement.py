"""What is measured of the layers of a run on a pretrained model, from its gradient to its end."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from loraone.adapters.interfaces import Measurable, Trainable
from loraone.events import Alignment, Event, Float32Array, Overlap, Progress, Spectra
from loraone.linalg.svd import Decomposition
from loraone.measure import alignment, intruders, reports, spectra
from loraone.measure.curvature import largest_eigenvalue
from loraone.models.targets import TargetLayer
from loraone.runs.workspace import Workspace
from loraone.spec.experiment import RunSpec


class LayerMeasurement:
    """Measures a model against the pretrained weights and the gradient that are in a workspace."""

    def __init__(self, spec: RunSpec, workspace: Workspace) -> None:
        self._spec = spec
        self._workspace = workspace

    def start_spectra(self) -> Iterator[Spectra]:
        """Singular values of the gradient and of the pretrained weight, by layer."""
        start = self._workspace.start
        for quantity in ("gradient", "weight"):
            whole = quantity == "weight" or start.knows_whole_spectra
            for layer in self._layers:
                values = start.spectra[quantity, layer.name]
                yield spectra.spectra(layer.name, quantity, values, self._spec.rank, whole=whole)

    def initial_spectra(self, trainable: Measurable) -> Iterator[Spectra]:
        """Singular values of s·B₀A₀, where a layer has factors."""
        for layer in self._layers:
            initial = trainable.initial(layer.name)
            if initial is not None:
                values = initial.singular_values()
                yield spectra.spectra(layer.name, "init", values, self._spec.rank)

    def init_columns(self, trainable: Measurable) -> dict[str, Float32Array]:
        """What the initialisation did to each layer, and how well the gradient is known there.

        That is how good its decomposition is, how well defined its subspace, and how far those of
        the batch's two halves agree.
        """
        columns = reports.init_columns(trainable, self._layers, self._workspace.prepared.pretrained)
        columns |= reports.decomposition_columns(self._triplets)
        agreements = self._workspace.start.agreements.get(self._spec.rank)
        if self._spec.measure.gradient_trust and agreements is not None:
            by_layer = [agreements[name] for name in self._triplets]
            columns["trust_left"] = np.array([both.left for both in by_layer], np.float32)
            columns["trust_right"] = np.array([both.right for both in by_layer], np.float32)
        return columns

    def curvature(self, trainable: Trainable) -> dict[str, float]:
        """The largest eigenvalue of the loss's Hessian on texts of the gradient batch."""
        rows = self._workspace.start.gradient_rows[: self._spec.measure.hessian_samples]
        batch = self._workspace.prepared.train.batch(rows, self._workspace.device)
        largest = largest_eigenvalue(
            trainable.model, batch, trainable.tuned(), seed=self._spec.seed
        )
        return {"hessian_max": largest.value, "hessian_residual": largest.residual}

    def alignment(self, step: int, trainable: Measurable) -> Alignment:
        """How the adapter's subspaces lie to the gradient's at a step."""
        gradients, rank = self._workspace.start.gradients, self._spec.rank
        return alignment.align(step, trainable, self._layers, gradients, self._triplets, rank)

    def overlaps(self, step: int, trainable: Measurable) -> Overlap:
        """How single directions lie to the gradient's at a step."""
        return alignment.overlaps(step, trainable, self._layers, self._triplets, self._spec.rank)

    def update(self, trainable: Measurable) -> Iterator[Event]:
        """Spectra of what changed, how it lies to the gradient, and what in it is new."""
        spec, workspace, layers = self._spec, self._workspace, self._layers
        new_directions = []
        for done, layer in enumerate(layers):
            yield Progress("measure", done, len(layers), layer.name)
            update, change = trainable.update(layer.name), trainable.change(layer.name)
            for quantity, moved in (("update", update), ("change", change)):
                yield spectra.spectra(layer.name, quantity, moved.singular_values(), spec.rank)
            if spec.measure.intruders:
                weight = workspace.prepared.pretrained[layer.name]
                vectors = workspace.left_vectors(layer.name)
                new_directions.append(
                    intruders.intruders(weight, vectors, change.dense(), spec.measure)
                )
        yield self.overlaps(spec.training.steps, trainable)
        report = reports.update_report(
            trainable, layers, workspace.start.gradients, self._triplets, spec.rank
        )
        if new_directions:
            report.layers["intruders"] = np.array(new_directions, np.float32)
        yield report

    @property
    def _layers(self) -> tuple[TargetLayer, ...]:
        return self._workspace.prepared.loaded.layers

    @property
    def _triplets(self) -> dict[str, Decomposition]:
        """The top-r singular triplets of every layer's gradient."""
        return self._workspace.start.decompositions[self._spec.rank]
