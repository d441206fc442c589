"""What is measured of a layer: spectra, principal angles, captured energy, the step-0 report."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import torch
from torch import Tensor

from loraone.decompose import Decomposition, truncated_svd
from loraone.events import Alignment, Float32Array, Overlap, Spectra, UpdateReport
from loraone.specs import MeasureSpec
from loraone.subspaces import agreement, orthonormal, overlap, principal_angles
from loraone.trainee import Layer, Measured

# Directions that are kept of an overlap: its matrices grow with the square.
MOST_DIRECTIONS = 64


def spectra(layer: str, quantity: str, values: Tensor, r: int, *, whole: bool = True) -> Spectra:
    """An event with singular values and their scalars (see :func:`scalars`).

    Where only the top values are known (``whole=False``) the scalars that need all are None.
    """
    array = values.detach().cpu().numpy().astype(np.float32)
    found = scalars(array, r)
    if not whole:
        found = {name: value if name == "sigma1" else None for name, value in found.items()}
    return Spectra(layer, quantity, array, found)


def scalars(values: Float32Array, r: int) -> dict[str, float | None]:
    """σ₁, Frobenius norm, stable and effective rank, energy in the top r, gap σ_{r+1}/σ_r.

    Args:
        values: singular values, descending.
        r: the adapter's rank.

    Ratios are None for a zero matrix; the gap is None where there is no value r+1.
    """
    sigma = values.astype(np.float64)
    energy = sigma**2
    total = float(energy.sum())
    found: dict[str, float | None] = {
        "sigma1": float(sigma[0]) if len(sigma) else 0.0,
        "frobenius": total**0.5,
        "stable_rank": None,
        "effective_rank": None,
        "energy_top_r": None,
        "gap": None,
    }
    if total > 0:
        share = energy[energy > 0] / total
        found["stable_rank"] = total / float(energy[0])
        found["effective_rank"] = float(np.exp(-(share * np.log(share)).sum()))
        found["energy_top_r"] = float(energy[:r].sum()) / total
        if len(sigma) > r and sigma[r - 1] > 0:
            found["gap"] = float(sigma[r] / sigma[r - 1])
    return found


def align(
    step: int,
    trainee: Measured,
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
        found = decompositions[layer.name]
        rank = min(r, found.rank())
        pair = trainee.factors(layer.name)
        if pair is not None:
            Q_B, Q_A = orthonormal(pair.B), orthonormal(pair.A.T)
        else:
            top = trainee.change(layer.name).top(r)
            known = top.rank()
            Q_B, Q_A = top.U[:, :known].double(), top.V[:, :known].double()
        if Q_B.shape[1]:
            left[i, :rank] = principal_angles(Q_B, found.U[:, :rank]).numpy()
        if Q_A.shape[1]:
            right[i, :rank] = principal_angles(Q_A, found.V[:, :rank]).numpy()
        if Q_B.shape[1] and Q_A.shape[1] and rank and layer.name in gradients:
            G = gradients[layer.name]
            inner = Q_B.to(G).T @ G @ Q_A.to(G)
            energy[i] = float((inner.double() ** 2).sum()) / found.truncated_energy(r)
    return Alignment(step, left, right, energy)


def init_columns(
    trainee: Measured, layers: Sequence[Layer], pretrained: Mapping[str, Tensor]
) -> dict[str, Float32Array]:
    """Per layer ‖s·BA‖₂, ‖s·BA‖_F/‖W‖_F and ‖W_base − W₀‖_F/‖W₀‖_F at step 0."""
    columns: dict[str, list[float]] = {"norm": [], "relative": [], "base_change": []}
    for layer in layers:
        before = pretrained[layer.name]
        size = float(torch.linalg.norm(before))
        initial = trainee.initial(layer.name)
        values = initial.singular_values() if initial is not None else torch.zeros(1)
        columns["norm"].append(float(values[0]))
        columns["relative"].append(float(torch.linalg.norm(values)) / size)
        moved = torch.linalg.norm(layer.weight.cpu().to(before) - before)
        columns["base_change"].append(float(moved) / size)
    return {name: np.array(values, np.float32) for name, values in columns.items()}


def decomposition_columns(found: Mapping[str, Decomposition]) -> dict[str, Float32Array]:
    """Per layer the error estimate of G's SVD, and the gap σ_{r+1}/σ_r (NaN: there is none)."""
    gaps = [one.gap if one.gap is not None else np.nan for one in found.values()]
    errors = [one.error for one in found.values()]
    return {"svd_error": np.array(errors, np.float32), "gap": np.array(gaps, np.float32)}


def overlaps(
    step: int,
    trainee: Measured,
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
        own = trainee.product(layer.name).top(size)
        known, rank = own.rank(), min(size, gradient.rank())
        left[i] = overlap(own.U[:, :known], gradient.U[:, :rank], size).numpy()
        right[i] = overlap(own.V[:, :known], gradient.V[:, :rank], size).numpy()
    return Overlap(step, left, right)


def update_report(
    trainee: Measured,
    layers: Sequence[Layer],
    gradients: Mapping[str, Tensor],
    decompositions: Mapping[str, Decomposition],
    r: int,
) -> UpdateReport:
    """Per layer, how what training added lies to −G.

    ``update_left`` and ``update_right`` are the mean cos² between the top-r subspaces of the update
    ΔW and of G; ``update_cosine`` is ⟨ΔW, −G⟩ / (‖ΔW‖_F ‖G‖_F), NaN where G was not kept.
    """
    columns: dict[str, list[float]] = {"update_left": [], "update_right": [], "update_cosine": []}
    for layer in layers:
        update = trainee.update(layer.name)
        top = update.top(r)
        found = agreement(top, decompositions[layer.name])
        columns["update_left"].append(found.left)
        columns["update_right"].append(found.right)
        cosine = float("nan")
        if layer.name in gradients:
            gradient = gradients[layer.name]
            sizes = top.frobenius * float(gradient.norm())
            cosine = -update.inner(gradient) / sizes if sizes > 0 else float("nan")
        columns["update_cosine"].append(cosine)
    return UpdateReport({name: np.array(v, np.float32) for name, v in columns.items()})


def intruders(pretrained: Tensor, left_vectors: Tensor, change: Tensor, plan: MeasureSpec) -> float:
    """How many of the tuned weight's top left singular vectors are like none of the pretrained's.

    Those whose largest |cos| to all pretrained left singular vectors is below ε, among the
    ``intruder_top`` with the largest singular values. Source: arXiv 2410.21228, section 3.
    """
    tuned = truncated_svd(pretrained + change, plan.intruder_top)
    nearest = (left_vectors.T @ tuned.U).abs().amax(dim=0)
    return float((nearest < plan.intruder_epsilon).sum())
