"""Some of what takes long to try: CI always takes the same, ``make whole`` all of it.

``LORAONE_SAMPLE_SEED`` is another choice; ``LORAONE_WHOLE=1`` is everything.
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from random import Random
from typing import TypeVar

T = TypeVar("T")

SEED = int(os.environ.get("LORAONE_SAMPLE_SEED", "20261130"))
WHOLE = os.environ.get("LORAONE_WHOLE") == "1"


def sample(of: Iterable[T], most: int) -> list[T]:
    """So many of them in their order, or all."""
    every = list(of)
    if WHOLE or len(every) <= most:
        return every
    chosen = sorted(Random(SEED).sample(range(len(every)), most))
    print(f"{most} of {len(every)}: LORAONE_SAMPLE_SEED={SEED}")
    return [every[i] for i in chosen]
