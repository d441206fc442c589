"""The strategy by which the one-step gradient is computed, from what each would hold in memory."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import psutil

from loraone.gradient.groups import BYTES, groups_of
from loraone.gradient.sketch import SKETCH_OVERSAMPLING
from loraone.inputs.models.targets import TargetLayer
from loraone.linalg.sizes import SKETCH_PASSES
from loraone.spec.experiment import RunSpec

# Share of the free host memory that sums of gradients may take.
SHARE = 0.5
FLOAT32 = 4


@dataclass(frozen=True)
class GradientStrategy:
    """The strategy that was chosen, what each would hold, and why it is this one.

    ``held`` are the bytes that gradients take at the peak, by strategy, with activations left out;
    ``available`` are those of free host memory. ``passes`` are those over the gradient batch, each
    with a backward pass. Stored with every run.
    """

    name: str
    held: dict[str, int]
    available: int
    reason: str
    passes: int = 1

    @property
    def budget(self) -> int:
        """Bytes that sums of gradients may take."""
        return int(self.available * SHARE)

    def as_dict(self) -> dict[str, Any]:
        """As it is stored with a run."""
        return asdict(self)


def choose_strategy(
    spec: RunSpec, layers: Sequence[TargetLayer], available: int | None = None
) -> GradientStrategy:
    """The strategy that the spec names, or with ``auto`` the first of these that can be afforded.

    accumulate Σ 4mn bytes, twice where the batch's halves are looked at; layerwise max 4mn where
    the batch is one micro-batch, otherwise two sums of as many layers as fit, a pass for each such
    group; sketch Σ 4(m+n)(r+16). ``available`` are the bytes of free host memory, where sums are
    kept. An exact way is taken rather than the sketch as long as it needs no more passes; with
    dropout, which a sketch cannot have, always.
    """
    if available is None:
        available = free_memory()
    sizes = [m * n for m, n in (layer.shape for layer in layers)]
    widths = [min(spec.rank + SKETCH_OVERSAMPLING, *layer.shape) for layer in layers]
    halves = spec.measure.split_half_agreement and spec.gradient.samples > 1
    held = {
        "accumulate": (2 if halves else 1) * FLOAT32 * sum(sizes),
        "layerwise": FLOAT32 * max(sizes),
        "sketch": FLOAT32
        * sum(sum(layer.shape) * k for layer, k in zip(layers, widths, strict=True)),
    }
    asked, budget = spec.gradient.strategy, int(available * SHARE)
    # With dropout a layer's noise has to be that of the other layers, also of a single batch.
    several = spec.gradient.samples > spec.gradient.micro_batch or spec.gradient.dropout
    groups = len(groups_of(layers, budget)) if several else 1
    if several:
        held["layerwise"] = max(min(budget, BYTES * sum(sizes)), BYTES * max(sizes))
    passes = {"layerwise": groups, "sketch": SKETCH_PASSES}
    if asked != "auto":
        return GradientStrategy(asked, held, available, "named in the spec", passes.get(asked, 1))
    if held["accumulate"] <= budget:
        return GradientStrategy("accumulate", held, available, "all gradients fit into host memory")
    short = f"all gradients take {_gb(held['accumulate'])} and {_gb(budget)} may be used"
    if not several:
        reason = f"{short}; one batch, so one at a time"
        return GradientStrategy("layerwise", held, available, reason)
    if groups <= SKETCH_PASSES or spec.gradient.dropout:
        reason = f"{short}; so those of {groups} groups of layers, a pass for each"
        return GradientStrategy("layerwise", held, available, reason, groups)
    reason = f"{short}, {groups} groups of layers would take a pass each; so none is formed"
    return GradientStrategy("sketch", held, available, reason, SKETCH_PASSES)


def free_memory() -> int:
    """Bytes of host memory that are free now."""
    return int(psutil.virtual_memory().available)


def _gb(count: int) -> str:
    return f"{count / 1e9:.3g} GB"
