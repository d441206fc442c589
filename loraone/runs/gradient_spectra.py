"""The singular values of a layer's gradient, as many of them as cost less than the gradient."""

from __future__ import annotations

from torch import Tensor

from loraone.linalg.decomposition import Decomposition
from loraone.linalg.density import estimated_spectrum
from loraone.linalg.spectra import Spectrum, singular_values
from loraone.spec.measure import SpectraKnown

# Below it all values take less time than an estimate (measured: 5 and 15 ms at 256 × 2048).
WHOLE_BELOW = 512


def gradient_spectrum(
    gradient: Tensor, top: Decomposition, tokens: int, known: SpectraKnown, *, seed: int
) -> Spectrum | None:
    """Of G (m, n), a sum over so many tokens, whose top triplets are known; None with ``top``.

    All values take about ``mnk`` operations with ``k = min(m, n)``, in float64 and in the
    eigenvalues of a (k, k) matrix twice that, and the gradient ``6mn`` for each token. On two cores
    they cost the same at ``k = 0.8`` to ``1.0 × tokens`` (896 × 4864 and 2048 × 5632): so all are
    computed where k is no larger than their number, and otherwise estimated.
    """
    if known == "top":
        return None
    if known == "whole" or min(gradient.shape) <= max(WHOLE_BELOW, tokens):
        return Spectrum.whole(singular_values(gradient).cpu())
    return estimated_spectrum(gradient, top, seed=seed)
