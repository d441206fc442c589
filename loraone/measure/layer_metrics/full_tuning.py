"""How a run's total change lies to that of full fine-tuning with the same seed.

The two are different runs, so these are computed when they are read, from the directions that
every run keeps of its change; see :mod:`loraone.linalg.directions`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from loraone.catalog.quantity_rows import LayerMetric

if TYPE_CHECKING:
    from loraone.linalg.directions import Directions

ROWS = (
    LayerMetric(
        "full_left",
        "Change and full fine-tuning's, out side (mean cos²)",
        "",
        "none",
        "Top-r left subspace of the total change beside that of full fine-tuning, same seed",
        when="update",
        axis="share",
        chance="left",
        produce=f"{__name__}:left",
        computed="read",
        place=14,
    ),
    LayerMetric(
        "full_right",
        "Change and full fine-tuning's, in side (mean cos²)",
        "",
        "none",
        "Top-r right subspace of the total change beside that of full fine-tuning, same seed",
        when="update",
        axis="share",
        chance="right",
        produce=f"{__name__}:right",
        computed="read",
        place=15,
    ),
)


def left(own: Mapping[str, Directions], full: Mapping[str, Directions], layer: str) -> float:
    """Mean cos² between the two changes' left subspaces; NaN where they share no direction."""
    from loraone.linalg import directions

    return directions.agreement(own, full, layer)[0]


def right(own: Mapping[str, Directions], full: Mapping[str, Directions], layer: str) -> float:
    """Mean cos² between the two changes' right subspaces; NaN where they share no direction."""
    from loraone.linalg import directions

    return directions.agreement(own, full, layer)[1]
