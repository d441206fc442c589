"""What is measured of the layers of a run on a pretrained model, from its gradient to its end."""

from __future__ import annotations

from collections.abc import Iterator

from loraone.adapters.interfaces import Measurable, Trainable
from loraone.events import Alignment, Event, Float32Array, Note, Overlap, Spectra
from loraone.inputs.models.experts import expert_of
from loraone.inputs.models.targets import TargetLayer
from loraone.linalg.svd import Decomposition
from loraone.measure import alignment, reports, spectra
from loraone.measure.curvature import largest_eigenvalue
from loraone.measure.model import MeasuredModel
from loraone.runs.workspace import Workspace
from loraone.spec.experiment import RunSpec


class LayerMeasurement:
    """Measures a model against the pretrained weights and the gradient that are in a workspace."""

    def __init__(self, spec: RunSpec, workspace: Workspace) -> None:
        self._spec = spec
        self._workspace = workspace

    def start_spectra(self) -> Iterator[Spectra]:
        """Singular values of the gradient and of the pretrained weight, by layer."""
        start, rank = self._workspace.start, self._spec.rank
        for layer in self._layers:
            top, found = self._triplets[layer.name], start.gradient_spectrum(layer.name, rank)
            if found is None:
                yield spectra.spectra(layer.name, "gradient", top.S, rank, whole=False)
            else:
                yield spectra.known(layer.name, "gradient", found, rank, gap=top.gap)
        if self._spec.measure.spectra == "top":
            return
        for layer in self._layers:
            weight = self._workspace.prepared.weight_spectra[layer.name]
            yield spectra.known(layer.name, "weight", weight, rank)

    def unused_experts(self) -> Iterator[Note]:
        """How many experts the gradient knows nothing of, as no token that counts for the loss
        went through them."""
        seen: dict[tuple[str, int], bool] = {}
        for layer in self._layers:
            if layer.expert is not None:
                expert, values = expert_of(layer.name), self._triplets[layer.name].S
                seen[expert] = seen.get(expert, False) or bool(values.any())
        unused = len(seen) - sum(seen.values())
        if unused:
            yield Note(
                f"{unused} of {len(seen)} experts got no token of the gradient batch: what a "
                "method would read of their gradient is zero, and they start as in LoRA; more "
                "gradient.samples reach more of them"
            )

    def initial_spectra(self, trainable: Measurable) -> Iterator[Spectra]:
        """Singular values of s·B₀A₀, where a layer has factors."""
        for layer in self._layers:
            initial = trainable.initial(layer.name)
            if initial is not None:
                values = initial.singular_values()
                yield spectra.spectra(layer.name, "init", values, self._spec.rank)

    def adds_nothing(self, trainable: Measurable) -> bool:
        """Whether ``s·B₀A₀`` is exactly zero in every layer, as in LoRA."""
        products = (trainable.initial(layer.name) for layer in self._layers)
        return all(product is None or product.is_zero() for product in products)

    def init_columns(self, trainable: Measurable) -> dict[str, Float32Array]:
        """The metrics of the initialisation's report, a value per layer."""
        return reports.init_columns(self._model(trainable))

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
        return reports.update_events(self._model(trainable), self._spec.training.steps)

    def _model(self, trainable: Measurable) -> MeasuredModel:
        """The model as the metrics of its layers see it."""
        ready, start = self._workspace.prepared, self._workspace.start
        return MeasuredModel(
            trainable,
            self._layers,
            ready.pretrained,
            self._triplets,
            start.gradients,
            self._spec.rank,
            self._spec.measure,
            start.agreements.get(self._spec.rank, {}),
            self._workspace.left_vectors,
        )

    @property
    def _layers(self) -> tuple[TargetLayer, ...]:
        return self._workspace.prepared.loaded.layers

    @property
    def _triplets(self) -> dict[str, Decomposition]:
        """The top-r singular triplets of every layer's gradient."""
        return self._workspace.start.decompositions[self._spec.rank]
