"""The directions of a run's weight change, as :mod:`loraone.runs.artifacts` wrote them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from safetensors.numpy import load_file

from loraone.events import Float32Array


@dataclass(frozen=True)
class Directions:
    """Top singular triplets of one layer's change: ``U`` (m, r), ``S`` (r,), ``V`` (n, r)."""

    U: Float32Array
    S: Float32Array
    V: Float32Array

    def rank(self) -> int:
        """How many of the kept singular values are above rounding noise."""
        if not len(self.S) or self.S[0] <= 0:
            return 0
        floor = self.S[0] * np.finfo(np.float32).eps * max(len(self.U), len(self.V))
        return int((floor < self.S).sum())


def read(file: Path) -> dict[str, Directions]:
    """The directions of every layer, in no particular order."""
    tensors = load_file(file)
    names = [name.removesuffix(".S") for name in tensors if name.endswith(".S")]
    return {name: Directions(*(tensors[f"{name}.{part}"] for part in "USV")) for name in names}


def agreement(
    first: Mapping[str, Directions], second: Mapping[str, Directions], layer: str
) -> tuple[float, float]:
    """Mean cos² between the changes' left and right subspaces, ‖U₁ᵀU₂‖_F²/k and ‖V₁ᵀV₂‖_F²/k.

    k is the number of directions that both have; NaN where that is none.
    """
    if layer not in first or layer not in second:
        return float("nan"), float("nan")
    change, other = first[layer], second[layer]
    k = min(change.rank(), other.rank())
    if k == 0:
        return float("nan"), float("nan")

    def mean_cos2(a: Float32Array, b: Float32Array) -> float:
        inner = a[:, :k].astype(np.float64).T @ b[:, :k].astype(np.float64)
        return float((inner**2).sum()) / k

    return mean_cos2(change.U, other.U), mean_cos2(change.V, other.V)
