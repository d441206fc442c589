"""Matrices of any scale, entries that are no numbers, and devices without float64."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch

from loraone.linalg.precision import frobenius
from loraone.linalg.spectra import singular_values
from loraone.linalg.svd import truncated_svd
from tests.loraone.linalg.examples import SPECTRA, WAYS, drawn, sine, take, with_values


@WAYS
@pytest.mark.parametrize("scale", [2.0**-135, 2.0**-66, 2.0**66, 2.0**120], ids=str)
def test_a_matrix_of_any_scale_has_the_same_vectors_and_error(
    scale: float, way: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    take(way, monkeypatch)
    matrix = with_values((130, 100), SPECTRA["slow"](100), 0)
    coarse = (matrix * 2**10).round() / 2**10  # no digit is lost among subnormal numbers
    one, other = truncated_svd(coarse, 3), truncated_svd(coarse * scale, 3)
    assert torch.equal(one.U, other.U)
    assert torch.equal(one.V, other.V)
    torch.testing.assert_close(other.S.double() / scale, one.S.double(), rtol=1e-4, atol=0)
    assert (other.error, other.gap, other.rank()) == (one.error, one.gap, one.rank())
    assert other.frobenius / scale == pytest.approx(one.frobenius, rel=1e-12)
    assert other.residual() == pytest.approx(one.residual(), abs=1e-4)
    torch.testing.assert_close(
        singular_values(coarse * scale).double() / scale,
        singular_values(coarse).double(),
        rtol=1e-3,
        atol=1e-7,
    )


@pytest.mark.parametrize("entry", [float("nan"), float("inf")])
@pytest.mark.parametrize("decompose", [lambda M: truncated_svd(M, 2), singular_values])
def test_what_is_not_finite_is_refused_with_the_entry(entry: float, decompose: Any) -> None:
    matrix = drawn((12, 9), 0)
    matrix[3, 4] = entry
    with pytest.raises(ValueError, match=rf"\(12, 9\).*{entry}.*allowed: finite"):
        decompose(matrix)


def test_singular_values_that_float32_cannot_hold_are_refused() -> None:
    with pytest.raises(ValueError, match=r"σ₁ = 3e\+39; allowed: up to 3\.4e\+38"):
        truncated_svd(torch.full((10, 10), 3e38), 2)


@WAYS
def test_a_device_without_float64_still_gives_what_float32_can_tell(
    way: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    take(way, monkeypatch)
    monkeypatch.setattr("loraone.linalg.precision.widest", lambda device: torch.float32)
    matrix = with_values((300, 200), SPECTRA["power"](200), 0)
    found = truncated_svd(matrix * 2.0**100, 4)
    exact = torch.linalg.svd(matrix.double())[0][:, :4]
    assert sine(found.U, exact) < 1e-4
    assert found.angle is not None
    assert found.angle < 1e-4
    exact_values = np.linalg.svd(matrix.double().numpy(), compute_uv=False)
    np.testing.assert_allclose(
        singular_values(matrix * 2.0**100) / 2.0**100, exact_values, atol=3e-6
    )


@pytest.mark.parametrize("shape", [(2048, 5632), (5632, 2048), (8, 400_000), (0, 3)], ids=str)
def test_the_norm_of_a_large_matrix_is_right_where_a_float32_sum_is_not(
    shape: tuple[int, int],
) -> None:
    matrix = torch.randn(shape, generator=torch.Generator().manual_seed(0))
    exact = float(torch.linalg.vector_norm(matrix.double()))
    assert frobenius(matrix) == pytest.approx(exact, rel=5e-7)
    assert frobenius(matrix.T) == pytest.approx(exact, rel=5e-7)
    assert frobenius(matrix.T[1:]) == pytest.approx(
        float(torch.linalg.vector_norm(matrix.T[1:].double())), rel=5e-7
    )


def test_what_little_is_outside_the_top_values_of_a_large_matrix_is_seen() -> None:
    """A thousandth of its energy: as a difference of norms that are sums of float32 it was gone."""
    draw = torch.Generator().manual_seed(1)
    left, right = torch.randn(2048, 6, generator=draw), torch.randn(6, 2048, generator=draw)
    noise = torch.randn(2048, 2048, generator=draw)
    top = left @ right
    matrix = top + noise * (top.norm() / noise.norm() * 0.001**0.5)
    found = truncated_svd(matrix, 8)
    values = torch.linalg.svdvals(matrix.double())
    exact = float((values[8:] ** 2).sum() / (values**2).sum())
    assert found.residual() ** 2 == pytest.approx(exact, rel=1e-2)
