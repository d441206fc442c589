"""Decompositions against numpy in float64."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from loraone.decompose import Dense, LowRank, singular_values, truncated_svd

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


def test_the_large_path_is_deterministic_and_nearly_best(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("loraone.decompose.EXACT_BELOW", 10)
    matrix = drawn((200, 120), 3) * torch.linspace(1, 0.05, 120)
    one, two = truncated_svd(matrix, 4, seed=5), truncated_svd(matrix, 4, seed=5)
    assert torch.equal(one.U, two.U)
    full = np.linalg.svd(matrix.double().numpy(), compute_uv=False)
    best = np.sqrt((full[4:] ** 2).sum())
    error = torch.linalg.norm(matrix - one.U * one.S @ one.V.T)
    assert float(error) / best - 1 < 1e-3


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
