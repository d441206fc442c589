"""The strategy by which the one-step gradient is computed, from what each would hold in memory."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import psutil

from loraone.gradient.sketch import SKETCH_OVERSAMPLING
from loraone.inputs.models.targets import TargetLayer
from loraone.spec.experiment import RunSpec

# Share of the free host memory that sums of gradients may take.
SHARE = 0.5
FLOAT32 = 4


@dataclass(frozen=True)
class GradientStrategy:
    """The strategy that was chosen, what each would hold, and why it is this one.

    ``held`` are the bytes that gradients take at the peak, by strategy, with
    activations left out; ``available`` are those of free host memory. Stored with every run.
    """

    name: str
    held: dict[str, int]
    available: int
    reason: str

    def as_dict(self) -> dict[str, Any]:
        """As it is stored with a run."""
        return asdict(self)


def choose_strategy(
    spec: RunSpec, layers: Sequence[TargetLayer], available: int | None = None
) -> GradientStrategy:
    """The strategy that the spec names, or with ``auto`` the first of these that can be afforded.

    accumulate Σ 4mn bytes, layerwise max 4mn (where the batch is one micro-batch), sketch
    Σ 4(m+n)(r+16). ``available`` are the bytes of free host memory, where sums are kept.
    """
    if available is None:
        available = free_memory()
    sizes = [m * n for m, n in (layer.shape for layer in layers)]
    widths = [min(spec.rank + SKETCH_OVERSAMPLING, *layer.shape) for layer in layers]
    held = {
        "accumulate": FLOAT32 * sum(sizes),
        "layerwise": FLOAT32 * max(sizes),
        "sketch": FLOAT32
        * sum(sum(layer.shape) * k for layer, k in zip(layers, widths, strict=True)),
    }
    asked = spec.gradient.strategy
    if asked != "auto":
        return GradientStrategy(asked, held, available, "named in the spec")
    budget = int(available * SHARE)
    if held["accumulate"] <= budget:
        return GradientStrategy("accumulate", held, available, "all gradients fit into host memory")
    short = f"all gradients take {_gb(held['accumulate'])} and {_gb(budget)} may be used"
    if spec.gradient.samples <= spec.gradient.micro_batch:
        reason = f"{short}; one batch, so one at a time"
        return GradientStrategy("layerwise", held, available, reason)
    return GradientStrategy(
        "sketch", held, available, f"{short}; several batches, so none is formed"
    )


def free_memory() -> int:
    """Bytes of host memory that are free now."""
    return int(psutil.virtual_memory().available)


def _gb(count: int) -> str:
    return f"{count / 1e9:.3g} GB"
