"""Agreement and overlap of subspaces, against the formulas in float64 numpy."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from loraone.linalg.subspaces import agreement, overlap
from loraone.linalg.svd import truncated_svd


def drawn(m: int, n: int, seed: int) -> torch.Tensor:
    return torch.randn(m, n, generator=torch.Generator().manual_seed(seed))


@given(m=st.integers(6, 20), n=st.integers(6, 20), r=st.integers(1, 5), seed=st.integers(0, 99))
def test_agreement_is_the_mean_squared_cosine(m: int, n: int, r: int, seed: int) -> None:
    first, second = drawn(m, n, seed), drawn(m, n, seed + 1)
    found = agreement(truncated_svd(first, r), truncated_svd(second, r))
    sides = []
    for transpose in (False, True):
        a, b = (x.double().numpy().T if transpose else x.double().numpy() for x in (first, second))
        U, V = (np.linalg.svd(x, full_matrices=False)[0][:, :r] for x in (a, b))
        sides.append(np.linalg.norm(U.T @ V) ** 2 / r)
    assert found.left == pytest.approx(sides[0], abs=1e-4)
    assert found.right == pytest.approx(sides[1], abs=1e-4)


def test_a_matrix_agrees_with_itself_and_a_zero_one_with_nothing() -> None:
    one = truncated_svd(drawn(12, 9, 0), 3)
    assert agreement(one, one).left == pytest.approx(1)
    assert np.isnan(agreement(one, truncated_svd(torch.zeros(12, 9), 3)).left)


def test_random_matrices_agree_by_chance_alone() -> None:
    pairs = [
        agreement(truncated_svd(drawn(40, 60, i), 4), truncated_svd(drawn(40, 60, 100 + i), 4))
        for i in range(40)
    ]
    assert np.mean([pair.left for pair in pairs]) == pytest.approx(4 / 40, rel=0.2)
    assert np.mean([pair.right for pair in pairs]) == pytest.approx(4 / 60, rel=0.2)


@given(m=st.integers(5, 16), k=st.integers(0, 5), r=st.integers(1, 5), seed=st.integers(0, 99))
def test_overlaps_sum_to_the_lora_papers_phi(m: int, k: int, r: int, seed: int) -> None:
    U = torch.linalg.qr(drawn(m, r, seed))[0]
    Q = torch.linalg.qr(drawn(m, k, seed + 1))[0]
    found = overlap(Q, U, 5)
    assert found.shape == (5, 5)
    assert int(found.isfinite().sum()) == r * k
    for i in range(1, r + 1):
        for j in range(1, k + 1):
            phi = float(found[:i, :j].sum()) / min(i, j)
            exact = float(torch.linalg.norm(U[:, :i].T @ Q[:, :j]) ** 2) / min(i, j)
            assert phi == pytest.approx(exact, abs=1e-5)
            assert -1e-6 <= phi <= 1 + 1e-6
