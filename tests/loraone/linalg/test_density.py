"""Estimated singular values against all of them."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from loraone.inputs.models import loading
from loraone.linalg.density import estimated_spectrum
from loraone.linalg.spectra import Spectrum, singular_values
from loraone.linalg.svd import truncated_svd
from loraone.measure.spectra import scalars
from loraone.spec.model import ModelSpec
from tests.loraone.linalg.examples import SPECTRA, drawn, like_a_gradient, with_values

R = 8


def effective_rank(values: torch.Tensor) -> float:
    found = scalars(values.numpy(), R)["effective_rank"]
    assert found is not None
    return found


def estimate(matrix: torch.Tensor, r: int = R, seed: int = 0) -> Spectrum:
    return estimated_spectrum(matrix, truncated_svd(matrix, r), seed=seed)


def deviations(matrix: torch.Tensor, seeds: int) -> list[float]:
    """The effective rank's error in standard errors, of several estimates."""
    exact, errors = effective_rank(singular_values(matrix)), []
    for seed in range(seeds):
        found = estimate(matrix, seed=seed)
        allowed = found.standard_error(effective_rank) + 1e-5 * exact
        errors.append((effective_rank(found.values) - exact) / allowed)
    return errors


KINDS = SPECTRA | {
    "as a gradient's": like_a_gradient,
    "low rank and noise": lambda n: torch.cat([torch.full((20,), 3.0), torch.rand(n - 20)]),
}


@pytest.mark.parametrize("shape", [(600, 400), (400, 400)], ids=str)
@pytest.mark.parametrize("kind", KINDS)
def test_the_effective_rank_lies_within_three_standard_errors_but_in_one_of_many(
    kind: str, shape: tuple[int, int]
) -> None:
    torch.manual_seed(0)
    values = KINDS[kind](400).sort(descending=True)[0]
    found = np.abs(deviations(with_values(shape, values, 1), seeds=16))
    assert (found > 3).sum() <= 1
    assert np.median(found) < 1.5


def test_it_does_for_minilms_weights_and_the_errors_are_of_the_size_that_is_said() -> None:
    loaded = loading.load(ModelSpec(), "sequence-classification", 2, torch.device("cpu"))
    weights = [layer.parameter.detach() for layer in loaded.layers[:12]]
    found = np.array([deviations(weight, seeds=3) for weight in weights])
    assert np.abs(found).max() <= 3
    assert 0.6 < np.sqrt((found**2).mean()) < 1.5


@settings(deadline=None, max_examples=60)
@given(
    m=st.integers(1, 40),
    n=st.integers(1, 40),
    r=st.integers(0, 12),
    rank=st.integers(0, 40),
    scale=st.sampled_from([2.0**-80, 1.0, 2.0**60]),
    seed=st.integers(0, 99),
)
def test_estimates_descend_have_the_matrixs_energy_and_scale_and_transpose_with_it(
    m: int, n: int, r: int, rank: int, scale: float, seed: int
) -> None:
    matrix = drawn((m, rank), seed) @ drawn((rank, n), seed + 1)
    top = truncated_svd(matrix, r)
    found = estimated_spectrum(matrix, top, seed=seed)
    assert found.values.shape == (min(m, n),)
    assert (found.values.diff() <= 0).all()
    assert torch.equal(found.values[: found.known], top.S)
    for values in (found.values, *found.without):
        energy = float((values.double() ** 2).sum())
        assert energy == pytest.approx(top.frobenius**2, rel=1e-5)
    larger = estimated_spectrum(matrix * scale, truncated_svd(matrix * scale, r), seed=seed)
    torch.testing.assert_close(larger.values / scale, found.values)
    if m != n:
        swapped = replace(top, U=top.V, V=top.U)
        turned = estimated_spectrum(matrix.T, swapped, seed=seed)
        near = 2e-3 * float(found.values.max()) if len(found.values) else 0.0
        torch.testing.assert_close(turned.values, found.values, atol=near, rtol=1e-3)


def test_what_is_cut_at_the_last_known_value_is_given_to_those_below_it() -> None:
    """Where one of four values is left, a probe may see it above those that are known."""
    for seed in range(20):
        matrix = drawn((14, 4), seed) @ drawn((4, 20), seed + 100)
        top = truncated_svd(matrix, 3)
        values = estimated_spectrum(matrix, top, seed=seed).values
        assert values[3] <= top.S[-1]
        assert float((values.double() ** 2).sum()) == pytest.approx(top.frobenius**2, rel=1e-5)


@pytest.mark.parametrize("rank", [40, 8])
def test_of_a_matrix_of_known_rank_no_more_values_are_estimated_than_it_has(rank: int) -> None:
    matrix = drawn((500, rank), 0) @ drawn((rank, 400), 1)
    found = estimated_spectrum(matrix, truncated_svd(matrix, R), rank=rank)
    exact = singular_values(matrix)
    assert found.values.shape == exact.shape
    assert (found.values[rank:] <= 1e-5 * found.values[0]).all()
    assert float((found.values**2).sum()) == pytest.approx(float((exact**2).sum()), rel=1e-5)
    ends = found.values[rank - 1], exact[rank - 1]
    assert ends[0] == pytest.approx(float(ends[1]), rel=0.5)


def test_what_rests_on_exact_values_alone_has_no_standard_error() -> None:
    matrix = with_values((300, 200), SPECTRA["power"](200), 0)
    found, exact = estimate(matrix), singular_values(matrix)
    for name in ("sigma1", "stable_rank", "energy_top_r"):

        def scalar(values: torch.Tensor, name: str = name) -> float:
            known = scalars(values.numpy(), R)[name]
            assert known is not None
            return known

        assert scalar(found.values) == pytest.approx(scalar(exact), rel=1e-5)
        assert found.standard_error(scalar) < 1e-6 * scalar(exact)


def test_a_sketchs_triplets_do_whose_frobenius_norm_nobody_knows() -> None:
    matrix = with_values((300, 200), SPECTRA["slow"](200), 0)
    top = truncated_svd(matrix, R)
    found = estimated_spectrum(matrix, replace(top, frobenius=float("nan")))
    torch.testing.assert_close(
        found.values, estimated_spectrum(matrix, top).values, atol=1e-4, rtol=1e-3
    )


def test_what_cannot_be_estimated_is_refused_with_what_can() -> None:
    matrix = drawn((12, 9), 0)
    top = truncated_svd(matrix, 2)
    with pytest.raises(ValueError, match="probes = 1; allowed: 2 or more"):
        estimated_spectrum(matrix, top, probes=1)
    with pytest.raises(ValueError, match="steps = 0; allowed: 1 or more"):
        estimated_spectrum(matrix, top, steps=0)
    with pytest.raises(ValueError, match=r"shape \(12, 9\); allowed: \(9, 12\)"):
        estimated_spectrum(matrix.T, top)
    matrix[0, 0] = torch.nan
    with pytest.raises(ValueError, match="entry nan"):
        estimated_spectrum(matrix, top)
