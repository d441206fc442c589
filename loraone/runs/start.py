"""The common start of runs, computed: rows, head, gradient, triplets.

Nothing here sees a run's own spec: see :mod:`loraone.spec.start`.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

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
from loraone.inputs.data.batches import Encoded
from loraone.inputs.models import experts, loading
from loraone.inputs.models.loading import LoadedModel
from loraone.linalg.svd import Decomposition, truncated_svd
from loraone.progress import Steps, known
from loraone.runs.gradient_spectra import gradient_spectrum
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
    for name, gradient in start.gradients.items():
        check_gradient(name, gradient, spec.model.dtype)
    return start


def compute_triplets(
    count: int,
    start: StartingPoint,
    computation: GradientComputation,
    calls: Mapping[str, int],
    *,
    halves: bool = False,
) -> Steps[TopTriplets]:
    """The top ``count`` triplets of every layer's gradient: of those held, or without holding; and
    the other singular values as far as the spec asks for them and they are not known.

    ``calls`` are those of each layer in a forward pass. With ``halves`` a way that has several
    passes leaves in ``start`` how far the halves agree.
    """
    spec = computation.spec
    names = [layer.name for layer in computation.loaded.layers]
    spectra = dict(start.spectra)
    rows = start.gradient_rows
    tokens = _tokens(computation.train, rows)
    seen = _tokens_seen(computation.loaded, tokens)
    given = len(rows) * _longest(computation.train, rows)  # rows of each call

    def decompose(name: str, gradient: Tensor) -> Decomposition:
        check_gradient(name, gradient, spec.model.dtype)
        top = truncated_svd(gradient, count, seed=spec.seed)
        if name not in spectra:
            rank = given * calls[name] if calls.get(name) else None
            found = gradient_spectrum(
                gradient, top, seen[name], spec.measure.spectra, seed=spec.seed, rank=rank
            )
            if found is not None:
                spectra[name] = found
        return top

    if start.gradients:
        by_layer = {}
        for done, name in enumerate(names):
            yield Progress("svd", done, len(names), name)
            by_layer[name] = decompose(name, start.gradients[name])
    elif halves and computation.goes_by_groups(rows):
        by_layer, agreements = yield from computation.triplets_by_groups(
            rows, decompose, halves=count
        )
        start.halves[count] = known(agreements)
    else:
        by_layer = yield from computation.triplets(rows, count, decompose)
    triplets = {name: by_layer[name] for name in names}
    for name, top in triplets.items():
        check_gradient(name, top.S, spec.model.dtype)
    return TopTriplets(triplets, spectra)


def _tokens(texts: Encoded, rows: Sequence[int]) -> int:
    return sum(len(texts.ids[row]) for row in rows)


def _tokens_seen(loaded: LoadedModel, tokens: int) -> dict[str, int]:
    """How many tokens come to each layer: to an expert its share of them."""
    chosen = [layer.name for layer in loaded.layers if layer.expert is not None]
    share = experts.active_share(chosen, loaded.model.config.to_dict())
    few = math.ceil(tokens * share)
    return {layer.name: tokens if layer.expert is None else few for layer in loaded.layers}


def _longest(texts: Encoded, rows: Sequence[int]) -> int:
    """Tokens that a layer sees of a padded text at most: of a decoder those that it is to write,
    after the one that it starts with."""
    written = [len(label) + 1 for label in texts.labels if isinstance(label, tuple)]
    return max([len(texts.ids[row]) for row in rows] + written)


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
