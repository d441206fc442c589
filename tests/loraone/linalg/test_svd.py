"""Decompositions against numpy in float64."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from loraone.linalg.matrices import Dense, LowRank
from loraone.linalg.spectra import singular_values
from loraone.linalg.svd import TOLERANCE, Decomposition, truncated_svd

SHAPES = st.tuples(st.integers(1, 30), st.integers(1, 30))


def drawn(shape: tuple[int, int], seed: int) -> torch.Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed))


@given(shape=SHAPES, q=st.integers(1, 40), seed=st.integers(0, 99))
def test_top_triplets_are_numpys_and_orthonormal(shape: tuple[int, int], q: int, seed: int) -> None:
    matrix = drawn(shape, seed)
    found = truncated_svd(matrix, q)
    expected = np.linalg.svd(matrix.double().numpy(), compute_uv=False)
    kept = min(q, *shape)
    assert found.U.shape == (shape[0], kept)
    assert found.V.shape == (shape[1], kept)
    np.testing.assert_allclose(found.S, expected[:kept], rtol=1e-4, atol=1e-5 * expected[0])
    torch.testing.assert_close(found.U.T @ found.U, torch.eye(kept), atol=1e-5, rtol=0)
    left_out = np.sqrt((expected[kept:] ** 2).sum() / (expected**2).sum())
    assert found.residual() == pytest.approx(left_out, abs=2e-3)


def test_signs_are_fixed_whatever_the_matrix_sign_of_the_vectors() -> None:
    found = truncated_svd(drawn((20, 12), 0), 5)
    largest = found.U.abs().argmax(dim=0)
    assert (found.U[largest, torch.arange(5)] > 0).all()
    torch.testing.assert_close(
        found.U * found.S @ found.V.T, truncated_svd(drawn((20, 12), 0), 5).U * found.S @ found.V.T
    )


def error_of(matrix: torch.Tensor, found: Decomposition) -> float:
    """``‖M − M̂_r‖_F / ‖M − M_r‖_F − 1`` by numpy in float64."""
    exact = matrix.double().numpy()
    r = len(found.S)
    singular = np.linalg.svd(exact, compute_uv=False)
    best = np.sqrt((singular[r:] ** 2).sum())
    left = exact - (found.U * found.S @ found.V.T).double().numpy()
    return float(np.linalg.norm(left) / best - 1)


SPECTRA = {
    "flat": lambda n: torch.ones(n),
    "slow": lambda n: 1 / torch.arange(1, n + 1) ** 0.5,
    "power": lambda n: 1 / torch.arange(1, n + 1.0),
    "steep": lambda n: 0.8 ** torch.arange(float(n)),
    "cliff": lambda n: torch.where(torch.arange(n) < 4, 1.0, 0.01),
}


@pytest.mark.parametrize("shape", [(300, 140), (140, 300)], ids=str)
@pytest.mark.parametrize("spectrum", SPECTRA)
@pytest.mark.parametrize("seed", [0, 1, 2])
def test_krylov_is_as_good_as_the_best_to_the_tolerance_for_every_kind_of_spectrum(
    shape: tuple[int, int], spectrum: str, seed: int
) -> None:
    n = min(shape)
    left = torch.linalg.qr(drawn((shape[0], n), seed))[0]
    right = torch.linalg.qr(drawn((shape[1], n), seed + 9))[0]
    matrix = left * SPECTRA[spectrum](n) @ right.T
    found = truncated_svd(matrix, 4, seed=seed)
    true = error_of(matrix, found)
    assert true <= TOLERANCE
    assert found.error <= TOLERANCE
    # The estimate is an upper one, but for rounding.
    assert true <= found.error + 1e-4


def test_the_same_seed_gives_the_same_decomposition_bit_for_bit() -> None:
    matrix = drawn((200, 160), 3) * torch.linspace(1, 0.05, 160)
    one, two = truncated_svd(matrix, 4, seed=5), truncated_svd(matrix, 4, seed=5)
    assert torch.equal(one.U, two.U)
    assert torch.equal(one.S, two.S)
    other = truncated_svd(matrix, 4, seed=6)
    torch.testing.assert_close(one.S, other.S, rtol=1e-2, atol=0)


def test_what_does_not_converge_is_decomposed_exactly(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("loraone.linalg.svd.MAX_DEPTH", 4)
    matrix = drawn((200, 160), 0)
    found = truncated_svd(matrix, 4, tolerance=0.0)
    assert found.error == 0.0
    assert error_of(matrix, found) < 1e-6


@pytest.mark.parametrize("rank", [0, 2])
def test_a_large_matrix_of_low_rank_keeps_its_rank_and_is_reproduced(rank: int) -> None:
    matrix = drawn((200, rank), 0) @ drawn((rank, 160), 1)
    found = truncated_svd(matrix, 6)
    assert found.rank() == rank
    scale = max(float(matrix.norm()), 1.0)
    assert float((found.U * found.S @ found.V.T - matrix).norm()) < 1e-5 * scale
    torch.testing.assert_close(found.U.T @ found.U, torch.eye(6), atol=1e-4, rtol=0)


def test_the_gap_is_the_ratio_of_neighbouring_values() -> None:
    values = SPECTRA["steep"](140)
    left = torch.linalg.qr(drawn((300, 140), 0))[0]
    right = torch.linalg.qr(drawn((140, 140), 1))[0]
    assert truncated_svd(left * values @ right.T, 4).gap == pytest.approx(0.8, rel=1e-3)
    assert truncated_svd(drawn((5, 3), 0), 3).gap is None


@given(rank=st.integers(0, 4))
def test_rank_counts_what_is_above_rounding(rank: int) -> None:
    matrix = drawn((20, rank), 0) @ drawn((rank, 15), 1)
    assert truncated_svd(matrix, 8).rank() == rank


@given(shape=SHAPES, seed=st.integers(0, 99))
def test_full_spectra_agree_with_numpy(shape: tuple[int, int], seed: int) -> None:
    matrix = drawn(shape, seed)
    expected = np.linalg.svd(matrix.double().numpy(), compute_uv=False)
    np.testing.assert_allclose(singular_values(matrix), expected, atol=1e-6 * expected[0] + 1e-7)


@settings(deadline=None)
@given(m=st.integers(1, 25), n=st.integers(1, 25), k=st.integers(1, 12), seed=st.integers(0, 99))
def test_a_factored_matrix_has_the_spectrum_of_its_product(
    m: int, n: int, k: int, seed: int
) -> None:
    left, right = drawn((m, k), seed), drawn((k, n), seed + 1)
    product = (left.double() @ right.double()).numpy()
    expected = np.linalg.svd(product, compute_uv=False)
    found = LowRank(left, right)
    values = found.singular_values().numpy()
    np.testing.assert_allclose(values, expected[: len(values)], rtol=1e-4, atol=1e-5)
    top, dense = found.top(2), Dense(left @ right).top(2)
    torch.testing.assert_close(
        top.U * top.S @ top.V.T, dense.U * dense.S @ dense.V.T, atol=2e-3, rtol=1e-3
    )
