"""Singular values and the scalars that sum them up."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from torch import Tensor

from loraone.catalog import SCALARS
from loraone.events import Float32Array, Spectra
from loraone.linalg.spectra import Spectrum


def spectra(layer: str, quantity: str, values: Tensor, r: int, *, whole: bool = True) -> Spectra:
    """An event with singular values and their scalars (see :func:`scalars`).

    Where only the top values are known (``whole=False``) the scalars that need all are None.
    """
    array = values.detach().cpu().numpy().astype(np.float32)
    known = scalars(array, r)
    if not whole:
        known = {name: value if SCALARS[name].of_top else None for name, value in known.items()}
    return Spectra(layer, quantity, array, known)


def known(
    layer: str, quantity: str, spectrum: Spectrum, r: int, *, gap: float | None = None
) -> Spectra:
    """An event with a whole spectrum, or with an estimate and how sure it is.

    Of an estimate the effective rank has a standard error; σ₁, ‖·‖_F and the stable rank are exact,
    the energy in the top r where the top r are known. ``gap`` is σ_{r+1}/σ_r where only r are.
    """
    event = spectra(layer, quantity, spectrum.values, r)
    if spectrum.is_whole:
        return event
    found = event.scalars
    if spectrum.known < r:
        found = found | {"energy_top_r": None}
    if spectrum.known <= r:
        found = found | {"gap": gap}
    error = None
    if found["effective_rank"] is not None:
        error = spectrum.standard_error(_effective_rank)
    return replace(event, scalars=found, known=spectrum.known, effective_rank_error=error)


def _effective_rank(values: Tensor) -> float:
    found = scalars(values.numpy(), 1)["effective_rank"]
    assert found is not None  # p estimates of a matrix have its energy, and that is not zero
    return found


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
    known: dict[str, float | None] = {
        "sigma1": float(sigma[0]) if len(sigma) else 0.0,
        "frobenius": total**0.5,
        "stable_rank": None,
        "effective_rank": None,
        "energy_top_r": None,
        "gap": None,
    }
    if total > 0:
        share = energy[energy > 0] / total
        known["stable_rank"] = total / float(energy[0])
        known["effective_rank"] = float(np.exp(-(share * np.log(share)).sum()))
        known["energy_top_r"] = float(energy[:r].sum()) / total
        if len(sigma) > r and sigma[r - 1] > 0:
            known["gap"] = float(sigma[r] / sigma[r - 1])
    return known
