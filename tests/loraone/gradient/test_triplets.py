"""Triplets as workers share them: what is unpacked is what was packed."""

from __future__ import annotations

import json

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from loraone.gradient.triplets import TopTriplets
from loraone.linalg.density import estimated_spectrum
from loraone.linalg.spectra import Spectrum, singular_values
from loraone.linalg.svd import truncated_svd


@pytest.mark.parametrize("r", [2, 9])
@given(seed=st.integers(0, 99))
def test_unpacked_triplets_are_the_packed_ones_and_know_their_errors(r: int, seed: int) -> None:
    drawn = torch.randn(12, 9, generator=torch.Generator().manual_seed(seed))
    layers = {"a": truncated_svd(drawn, r), "b": truncated_svd(torch.zeros(5, 4), r)}
    spectra = {
        "a": estimated_spectrum(drawn, layers["a"]),
        "b": Spectrum.whole(singular_values(torch.zeros(5, 4))),
    }
    tensors, beside = TopTriplets(layers, spectra).packed()
    found = TopTriplets.unpacked(tensors, json.loads(json.dumps(beside)))
    assert list(found.layers) == ["a", "b"]
    for name, spectrum in spectra.items():
        assert torch.equal(found.spectra[name].values, spectrum.values)
        assert torch.equal(found.spectra[name].without, spectrum.without)
        assert found.spectra[name].known == spectrum.known
    for name, top in layers.items():
        other = found.layers[name]
        assert all(torch.equal(getattr(other, part), getattr(top, part)) for part in "USV")
        assert (other.frobenius, other.error, other.gap) == (top.frobenius, top.error, top.gap)
        assert (other.angle, other.angles) == (top.angle, top.angles)
