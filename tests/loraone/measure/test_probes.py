"""Principal angles against scipy, spectra's scalars against their definitions."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from scipy.linalg import subspace_angles

from loraone.linalg.subspaces import orthonormal, principal_angles
from loraone.measure.spectra import scalars


def basis(m: int, k: int, seed: int) -> torch.Tensor:
    draw = torch.Generator().manual_seed(seed)
    matrix = torch.randn(m, k, generator=draw, dtype=torch.float64)
    return torch.linalg.qr(matrix)[0]


@given(m=st.integers(4, 20), r=st.integers(1, 4), k=st.integers(1, 4), seed=st.integers(0, 99))
def test_angles_are_scipys(m: int, r: int, k: int, seed: int) -> None:
    one, two = basis(m, k, seed), basis(m, r, seed + 1000)
    found = principal_angles(one, two).numpy()
    shared = min(k, r)
    expected = np.sort(subspace_angles(one.numpy(), two.numpy()))
    np.testing.assert_allclose(found[:shared], expected, atol=1e-7)
    np.testing.assert_allclose(found[shared:], np.pi / 2)


@pytest.mark.parametrize("angle", [0.0, 1e-8, 1e-5, 0.1, 1.0, np.pi / 2])
def test_small_angles_are_told_from_zero(angle: float) -> None:
    one = torch.zeros(6, 1, dtype=torch.float64)
    one[0] = 1
    two = torch.zeros(6, 1, dtype=torch.float64)
    two[0], two[1] = np.cos(angle), np.sin(angle)
    assert float(principal_angles(one, two)[0]) == pytest.approx(angle, abs=1e-15, rel=1e-9)


@given(k=st.integers(0, 5))
def test_a_basis_has_as_many_directions_as_the_factor_has_rank(k: int) -> None:
    draw = torch.Generator().manual_seed(0)
    factor = torch.randn(12, k, generator=draw) @ torch.randn(k, 6, generator=draw)
    found = orthonormal(factor)
    assert found.shape == (12, k)
    torch.testing.assert_close(found.T @ found, torch.eye(k, dtype=torch.float64))


SPECTRA = arrays.arrays(
    np.float32, st.integers(2, 30), elements=st.floats(0.0078125, 128, width=32)
).map(lambda values: np.sort(values)[::-1].copy())


@given(values=SPECTRA, r=st.integers(1, 8))
def test_scalars_stay_within_their_bounds(values: np.ndarray, r: int) -> None:
    found = scalars(values, r)
    n = len(values)
    assert found["stable_rank"] is not None
    assert found["effective_rank"] is not None
    assert 1 - 1e-9 <= found["stable_rank"] <= n + 1e-9
    assert found["stable_rank"] - 1e-6 <= n
    assert 1 - 1e-9 <= found["effective_rank"] <= n + 1e-6
    assert 0 < (found["energy_top_r"] or 0) <= 1 + 1e-9
    assert (found["gap"] is None) == (n <= r)
    if found["gap"] is not None:
        assert 0 < found["gap"] <= 1


def test_a_flat_spectrum_has_full_stable_and_effective_rank() -> None:
    found = scalars(np.ones(10, np.float32), 4)
    assert found["stable_rank"] == pytest.approx(10)
    assert found["effective_rank"] == pytest.approx(10)
    assert found["energy_top_r"] == pytest.approx(0.4)
    assert found["gap"] == 1


def test_a_zero_matrix_has_no_ratios() -> None:
    found = scalars(np.zeros(5, np.float32), 2)
    assert found["sigma1"] == 0
    assert found["stable_rank"] is None
    assert found["gap"] is None
