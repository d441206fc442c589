"""What is measured of a layer: spectra, principal angles, captured energy, the step-0 report."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import torch
from torch import Tensor

from loraone.decompose import Decomposition
from loraone.events import Alignment, Float32Array, Spectra
from loraone.models import TargetLayer
from loraone.trainee import Trainee


def spectra(layer: str, quantity: str, values: Tensor, r: int) -> Spectra:
    """An event with all singular values and their scalars (see :func:`scalars`)."""
    array = values.detach().cpu().numpy().astype(np.float32)
    return Spectra(layer, quantity, array, scalars(array, r))


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


def orthonormal(factor: Tensor) -> Tensor:
    """An orthonormal basis (m, k) of the factor's column span, k its numerical rank.

    A zero or rank-deficient factor has fewer directions than columns.
    """
    factor = factor.double()
    U: Tensor
    U, S, _ = torch.linalg.svd(factor, full_matrices=False)
    if S.numel() == 0 or S[0] == 0:
        return U[:, :0]
    # The factors come from float32 training: below its resolution a direction is noise.
    floor = S[0] * torch.finfo(torch.float32).eps * max(factor.shape)
    return U[:, : int((floor < S).sum())]


def principal_angles(basis: Tensor, reference: Tensor) -> Tensor:
    """Principal angles, ascending, in radians, between two orthonormal bases (m, k) and (m, r).

    From cosines where they are small and from sines where they are near 1, so that angles of
    1e-8 are still told from zero (Björck & Golub 1973; Knyazev & Argentati 2002). Directions of
    ``reference`` that ``basis`` has too few columns for count as orthogonal (π/2).
    """
    basis, reference = basis.double(), reference.double()
    r = reference.shape[1]
    angles = torch.full((r,), torch.pi / 2, dtype=torch.float64)
    k = min(basis.shape[1], r)
    if k == 0:
        return angles
    cosines = torch.linalg.svdvals(basis.T @ reference).clamp(max=1)[:k]
    # Sines of the angles from the larger space to the smaller one's directions.
    if basis.shape[1] >= r:
        residual = reference - basis @ (basis.T @ reference)
    else:
        residual = basis - reference @ (reference.T @ basis)
    sines = torch.linalg.svdvals(residual).clamp(max=1).flip(0)[:k]
    angles[:k] = torch.where(cosines**2 > 0.5, torch.arcsin(sines), torch.arccos(cosines))
    return angles


def align(
    step: int,
    trainee: Trainee,
    layers: Sequence[TargetLayer],
    gradients: Mapping[str, Tensor],
    decompositions: Mapping[str, Decomposition],
    r: int,
) -> Alignment:
    """Principal angles and captured energy of every layer at one step.

    Left compares span(B) with U_r of G, right span(Aᵀ) with V_r. Without an adapter the top-r
    subspaces of the weight change stand for the factors. Where rank(G) < r only the directions
    that G has are compared; the rest of the row is NaN.

    captured energy = ‖Q_B Q_Bᵀ G Q_A Q_Aᵀ‖_F² / ‖G_r‖_F².
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
        if Q_B.shape[1] and Q_A.shape[1] and rank:
            inner = Q_B.float().T @ gradients[layer.name] @ Q_A.float()
            energy[i] = float((inner.double() ** 2).sum()) / found.truncated_energy(r)
    return Alignment(step, left, right, energy)


def init_columns(
    trainee: Trainee, layers: Sequence[TargetLayer], pretrained: Mapping[str, Tensor]
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
        moved = torch.linalg.norm(layer.weight.float().cpu() - before)
        columns["base_change"].append(float(moved) / size)
    return {name: np.array(values, np.float32) for name, values in columns.items()}
