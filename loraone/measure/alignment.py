"""How the adapter's subspaces lie to the gradient's: angles, captured energy, overlaps."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np
from torch import Tensor

from loraone.events import Alignment, Overlap
from loraone.linalg.subspaces import orthonormal, overlap, principal_angles
from loraone.linalg.svd import Decomposition

if TYPE_CHECKING:  # a teacher–student problem is measured without PEFT
    from loraone.adapters.interfaces import Layer, Measurable

# Directions that are kept of an overlap: its matrices grow with the square.
MOST_DIRECTIONS = 64


def align(
    step: int,
    trainable: Measurable,
    layers: Sequence[Layer],
    gradients: Mapping[str, Tensor],
    decompositions: Mapping[str, Decomposition],
    r: int,
) -> Alignment:
    """Principal angles and captured energy of every layer at one step.

    Left compares span(B) with U_r of G, right span(Aᵀ) with V_r. Without an adapter the top-r
    subspaces of the weight change stand for the factors. Where rank(G) < r only the directions
    that G has are compared; the rest of the row is NaN.

    captured energy = ‖Q_B Q_Bᵀ G Q_A Q_Aᵀ‖_F² / ‖G_r‖_F², NaN where G itself was not kept.
    """
    shape = (len(layers), r)
    left, right = np.full(shape, np.nan, np.float32), np.full(shape, np.nan, np.float32)
    energy = np.full(len(layers), np.nan, np.float32)
    for i, layer in enumerate(layers):
        gradient = decompositions[layer.name]
        rank = min(r, gradient.rank())
        pair = trainable.factors(layer.name)
        if pair is not None:
            Q_B, Q_A = orthonormal(pair.B), orthonormal(pair.A.T)
        else:
            top = trainable.change(layer.name).top(r)
            known = top.rank()
            Q_B, Q_A = top.U[:, :known].double(), top.V[:, :known].double()
        if Q_B.shape[1]:
            left[i, :rank] = principal_angles(Q_B, gradient.U[:, :rank]).numpy()
        if Q_A.shape[1]:
            right[i, :rank] = principal_angles(Q_A, gradient.V[:, :rank]).numpy()
        if Q_B.shape[1] and Q_A.shape[1] and rank and layer.name in gradients:
            G = gradients[layer.name]
            inner = Q_B.to(G).T @ G @ Q_A.to(G)
            energy[i] = float((inner.double() ** 2).sum()) / gradient.truncated_energy(r)
    return Alignment(step, left, right, energy)


def overlaps(
    step: int,
    trainable: Measurable,
    layers: Sequence[Layer],
    decompositions: Mapping[str, Decomposition],
    r: int,
) -> Overlap:
    """Direction by direction, how s·B·A (or the weight change) lies to the gradient's top r."""
    size = min(r, MOST_DIRECTIONS)
    shape = (len(layers), size, size)
    left, right = np.full(shape, np.nan, np.float32), np.full(shape, np.nan, np.float32)
    for i, layer in enumerate(layers):
        gradient = decompositions[layer.name]
        own = trainable.product(layer.name).top(size)
        known, rank = own.rank(), min(size, gradient.rank())
        left[i] = overlap(own.U[:, :known], gradient.U[:, :rank], size).numpy()
        right[i] = overlap(own.V[:, :known], gradient.V[:, :rank], size).numpy()
    return Overlap(step, left, right)
