"""The common start of runs, computed: rows, head, gradient, triplets.

Nothing here sees a run's own spec: see :mod:`loraone.spec.start`.
"""

from __future__ import annotations

import torch
from torch import Tensor

from loraone.errors import SpecError
from loraone.events import Progress
from loraone.gradient.computation import GradientComputation
from loraone.gradient.finite import check_gradient
from loraone.gradient.starting_point import StartingPoint
from loraone.gradient.strategy import GradientStrategy
from loraone.gradient.triplets import TopTriplets
from loraone.inputs.data import batches
from loraone.inputs.models import loading
from loraone.linalg.spectra import singular_values
from loraone.linalg.svd import truncated_svd
from loraone.progress import Steps, known
from loraone.runs.prepared import Prepared
from loraone.spec.start import StartSpec
from loraone.training.head_warmup import warm_head


def compute_start(
    spec: StartSpec,
    prepared: Prepared,
    strategy: GradientStrategy,
    device: torch.device,
    *,
    halves: int = 0,
) -> Steps[StartingPoint]:
    """Draw rows and head, warm the head up, take the gradient, decompose what is held of it.

    With ``halves`` the pass looks at the top so many triplets of the batch's halves, too.
    """
    loaded = prepared.loaded
    gradient_rows, held_out_rows = _draw_rows(spec, len(prepared.train))
    loading.reset_head(loaded, spec.seed)
    if loaded.heads and spec.gradient.head_warmup_steps:
        yield from warm_head(loaded.model, loaded.heads, prepared.train, spec, device)
    start = StartingPoint(
        strategy,
        loading.head_states(loaded),
        prepared.weights_hash(),
        gradient_rows,
        held_out_rows,
    )
    if strategy.name == "accumulate":
        yield Progress("gradient", 0, 1)
        computation = GradientComputation(spec, loaded, prepared.train, device, strategy.name)
        looking = computation.halves(gradient_rows, halves) if halves else None
        start.gradients, loss = yield from computation.gradients(gradient_rows, looking)
        start.loss = None if spec.gradient.dropout else loss
        if looking is not None:
            start.halves[halves] = looking.agreements()
    for done, (name, gradient) in enumerate(start.gradients.items()):
        yield Progress("spectra", done, len(start.gradients), name)
        check_gradient(name, gradient, spec.model.dtype)
        start.spectra[name] = singular_values(gradient).cpu()
    return start


def compute_triplets(
    spec: StartSpec,
    count: int,
    start: StartingPoint,
    computation: GradientComputation,
    *,
    halves: bool = False,
) -> Steps[TopTriplets]:
    """The top ``count`` triplets of every layer's gradient: of those held, or without holding.

    With ``halves`` a way that has several passes leaves in ``start`` how far the halves agree.
    """
    names = [layer.name for layer in computation.loaded.layers]
    spectra = dict(start.spectra)
    triplets = {}
    if start.gradients:
        for done, name in enumerate(names):
            yield Progress("svd", done, len(names), name)
            triplets[name] = truncated_svd(start.gradients[name], count, seed=spec.seed)
        return TopTriplets(triplets, spectra)

    def inspect(name: str, gradient: Tensor) -> None:
        check_gradient(name, gradient, spec.model.dtype)
        if name not in spectra:
            spectra[name] = singular_values(gradient).cpu()

    rows = start.gradient_rows
    if halves and computation.goes_by_groups(rows):
        by_layer, agreements = yield from computation.triplets_by_groups(
            rows, count, inspect, halves=True
        )
        start.halves[count] = known(agreements)
    else:
        by_layer = yield from computation.triplets(rows, count, inspect)
    triplets = {name: by_layer[name] for name in names}
    if not start.knows_whole_spectra:
        for name, top in triplets.items():
            check_gradient(name, top.S, spec.model.dtype)
    return TopTriplets(triplets, spectra)


def _draw_rows(spec: StartSpec, count: int) -> tuple[list[int], list[int]]:
    """Disjoint rows of the training split: the gradient batch, and the held-out batch."""
    samples, held_out = spec.gradient.samples, spec.measure.held_out_samples
    if samples + held_out > count:
        raise SpecError(
            f"gradient batch {samples} + held-out batch {held_out} are more than the {count} "
            "training texts",
            field="gradient.samples",
            value=samples,
            allowed=f"1 to {max(1, count - held_out)}",
            hint="lower gradient.samples or measure.held_out_samples, or give more texts",
        )
    order = batches.shuffled(count, spec.seed, "gradient batch")
    return order[:samples], order[samples : samples + held_out]
