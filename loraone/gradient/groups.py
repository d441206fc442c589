"""Layers in groups whose gradients are held together, where those of all layers cannot be.

Each group has a pass over the gradient batch of its own, with taps at its layers alone: exact, and
for one group after the other in the time of as many passes, or less: the backward pass ends at the
first layer of the group.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeVar

from loraone.inputs.models.targets import TargetLayer

# Of every layer two sums are held, that of the whole batch and that of its first half.
BYTES = 2 * 4

Layer = TypeVar("Layer", bound=TargetLayer)


def groups_of(layers: Sequence[Layer], budget: int) -> list[list[Layer]]:
    """The layers in model order, as many together as ``budget`` bytes hold two sums of, or one.

    The sums are float32, so that a layer (m, n) takes 8mn bytes.
    """
    groups: list[list[Layer]] = []
    free = 0
    for layer in layers:
        m, n = layer.shape
        if not groups or free < BYTES * m * n:
            groups.append([])
            free = budget
        groups[-1].append(layer)
        free -= BYTES * m * n
    return groups
