"""Decompositions against numpy in float64."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from loraone.linalg.krylov import block_krylov
from loraone.linalg.matrices import Dense, LowRank
from loraone.linalg.spectra import singular_values
from loraone.linalg.svd import TOLERANCE, truncated_svd, truncated_svds
from tests.loraone.linalg.examples import (
    SPECTRA,
    WAYS,
    drawn,
    error_of,
    like_a_gradient,
    sine,
    take,
    with_values,
)

SHAPES = st.tuples(st.integers(1, 30), st.integers(1, 30))


@given(shape=SHAPES, q=st.integers(1, 40), seed=st.integers(0, 99))
def test_top_triplets_are_numpys_and_orthonormal(shape: tuple[int, int], q: int, seed: int) -> None:
    matrix = drawn(shape, seed)
    found = truncated_svd(matrix, q)
    expected = np.linalg.svd(matrix.double().numpy(), compute_uv=False)
    kept = min(q, *shape)
    assert found.U.shape == (shape[0], kept)
    assert found.V.shape == (shape[1], kept)
    np.testing.assert_allclose(found.S, expected[:kept], rtol=1e-6, atol=1e-7 * expected[0])
    torch.testing.assert_close(found.U.T @ found.U, torch.eye(kept), atol=1e-5, rtol=0)
    left_out = np.sqrt((expected[kept:] ** 2).sum() / (expected**2).sum())
    assert found.residual() == pytest.approx(left_out, abs=1e-3)


def test_signs_are_fixed_whatever_the_matrix_sign_of_the_vectors() -> None:
    found = truncated_svd(drawn((20, 12), 0), 5)
    largest = found.U.abs().argmax(dim=0)
    assert (found.U[largest, torch.arange(5)] > 0).all()
    torch.testing.assert_close(
        found.U * found.S @ found.V.T, truncated_svd(drawn((20, 12), 0), 5).U * found.S @ found.V.T
    )


@WAYS
@pytest.mark.parametrize("shape", [(300, 140), (140, 300)], ids=str)
@pytest.mark.parametrize("spectrum", SPECTRA)
@pytest.mark.parametrize("seed", [0, 1, 2])
def test_the_part_is_as_good_as_the_best_for_every_kind_of_spectrum(
    shape: tuple[int, int], spectrum: str, seed: int, way: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    take(way, monkeypatch)
    matrix = with_values(shape, SPECTRA[spectrum](min(shape)), seed)
    found = truncated_svd(matrix, 4, seed=seed)
    assert error_of(matrix, found) <= 1e-6
    assert found.error <= 1e-6


@WAYS
@pytest.mark.parametrize("shape", [(384, 384), (1536, 384), (384, 1536)], ids=str)
def test_vectors_are_the_exact_ones_to_1e_5_and_their_bounds_hold(
    shape: tuple[int, int], way: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    take(way, monkeypatch)
    matrix, r = with_values(shape, like_a_gradient(384), 0), 8
    U, S, Vh = torch.linalg.svd(matrix.double(), full_matrices=False)
    found = truncated_svd(matrix, r)
    # A residual in float32 is mostly the rounding of its own products.
    allowed = TOLERANCE if way == "exact" else 10 * TOLERANCE
    for basis, exact in ((found.U, U[:, :r]), (found.V, Vh[:r].T)):
        assert found.angle is not None
        assert found.angles is not None
        assert sine(basis, exact) <= min(found.angle, TOLERANCE)
        assert found.angle <= allowed
        for i, bound in enumerate(found.angles):
            assert sine(basis[:, i : i + 1], exact[:, i : i + 1]) <= min(bound, TOLERANCE)
            assert bound <= allowed
    torch.testing.assert_close(found.S.double(), S[:r], rtol=5e-7, atol=0)


@WAYS
def test_where_values_coincide_their_vectors_are_said_to_be_undefined(
    way: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    take(way, monkeypatch)
    values = torch.cat([torch.tensor([3.0, 2, 2, 1, 1]), 0.5 * SPECTRA["power"](195)])
    matrix = with_values((260, 200), values, 0)
    three, four = truncated_svd(matrix, 3), truncated_svd(matrix, 4)
    assert three.angle is not None
    assert three.angle <= TOLERANCE  # the pair as a whole is known
    assert three.angles == [pytest.approx(0, abs=TOLERANCE), 1.0, 1.0]
    assert four.angle == 1.0  # one of a pair is not
    assert four.top(3).angle == pytest.approx(three.angle, abs=TOLERANCE)
    assert four.top(2).angle == 1.0


def test_only_the_directions_that_a_matrix_has_count_for_the_angle() -> None:
    matrix = drawn((200, 2), 0) @ drawn((2, 160), 1)
    angle = truncated_svd(matrix, 6).angle
    assert angle is not None
    assert angle <= TOLERANCE
    assert truncated_svd(torch.zeros(20, 10), 3).angle is None


def test_nothing_of_a_matrix_and_a_matrix_of_nothing() -> None:
    assert truncated_svd(drawn((5, 4), 0), 0).S.shape == (0,)
    found = truncated_svd(torch.zeros(0, 4), 2)
    assert (found.U.shape, found.V.shape, found.frobenius) == ((0, 0), (4, 0), 0.0)
    with pytest.raises(ValueError, match="r = -1; allowed: 0 or more"):
        truncated_svd(drawn((5, 4), 0), -1)


def test_the_same_seed_gives_the_same_decomposition_bit_for_bit(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    take("krylov", monkeypatch)
    matrix = drawn((200, 160), 3) * torch.linspace(1, 0.05, 160)
    one, two = truncated_svd(matrix, 4, seed=5), truncated_svd(matrix, 4, seed=5)
    assert torch.equal(one.U, two.U)
    assert torch.equal(one.S, two.S)
    other = truncated_svd(matrix, 4, seed=6)
    torch.testing.assert_close(one.S, other.S, rtol=1e-6, atol=0)


def test_what_does_not_converge_is_decomposed_exactly(monkeypatch: pytest.MonkeyPatch) -> None:
    take("krylov", monkeypatch)
    monkeypatch.setattr("loraone.linalg.krylov.MAX_DEPTH", 5)
    matrix = drawn((200, 160), 0)
    stack = matrix[None].double()
    assert block_krylov(stack, 4, 0, TOLERANCE) == [None]
    found = truncated_svd(matrix, 4)
    assert found.error == 0.0
    assert error_of(matrix, found) < 1e-6


@WAYS
@pytest.mark.parametrize("batch_bytes", [1, 2**30])
def test_several_matrices_have_the_decompositions_that_each_has_alone(
    batch_bytes: int, way: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    take(way, monkeypatch)
    kinds = [SPECTRA["slow"], SPECTRA["steep"], torch.zeros, SPECTRA["cliff"], like_a_gradient]
    matrices = [with_values((210, 180), kind(180), i) * 10**i for i, kind in enumerate(kinds)]
    together = truncated_svds(matrices, 3, batch_bytes=batch_bytes)
    for matrix, found in zip(matrices, together, strict=True):
        alone = truncated_svd(matrix, 3)
        scale = max(float(matrix.norm()), 1.0)
        torch.testing.assert_close(found.S, alone.S, atol=1e-6 * scale, rtol=0)
        torch.testing.assert_close(
            found.U * found.S @ found.V.T, alone.U * alone.S @ alone.V.T, atol=1e-6 * scale, rtol=0
        )
    assert truncated_svds([], 3) == []
    with pytest.raises(ValueError, match=r"shapes \[\(4, 5\), \(5, 4\)\]; allowed: one shape"):
        truncated_svds([drawn((5, 4), 0), drawn((4, 5), 0)], 2)


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
    four = truncated_svd(left * values @ right.T, 4)
    assert four.gap == pytest.approx(0.8, rel=1e-3)
    assert four.top(3).gap == pytest.approx(0.8, rel=1e-3)
    assert four.top(4).gap == four.gap  # all of the kept ones are not all of the matrix's
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
