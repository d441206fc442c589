"""The singular values of a layer's gradient, as many of them as cost less than the gradient."""

from __future__ import annotations

from torch import Tensor

from loraone.linalg.decomposition import Decomposition
from loraone.linalg.density import estimated_spectrum
from loraone.linalg.spectra import Spectrum, singular_values
from loraone.spec.measure import SpectraKnown, whole_gradient


def gradient_spectrum(
    gradient: Tensor,
    top: Decomposition,
    tokens: int,
    known: SpectraKnown,
    *,
    seed: int,
    rank: int | None = None,
) -> Spectrum | None:
    """Of G, a sum over so many tokens, whose top triplets are known; None with ``top``. Its
    ``rank`` is at most the number of rows that any layer was given, padding included."""
    if known == "top":
        return None
    if whole_gradient(known, min(gradient.shape), tokens):
        return Spectrum.whole(singular_values(gradient).cpu())
    return estimated_spectrum(gradient, top, seed=seed, rank=rank)
