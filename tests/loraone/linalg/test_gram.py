"""Spectra from Gram matrices that are computed in several blocks, against LAPACK in float64."""

from __future__ import annotations

import pytest
import torch

from loraone.linalg import gram
from tests.loraone.linalg.examples import drawn


@pytest.mark.parametrize("shape", [(90, 70), (70, 90), (70, 70)], ids=str)
@pytest.mark.parametrize("block", [16, 35, 512])
def test_values_and_vectors_are_those_of_lapack_whatever_the_blocks(
    shape: tuple[int, int], block: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(gram, "_BLOCK", block)
    matrix = drawn(shape, 0).double() * torch.logspace(0, -5, shape[1], dtype=torch.float64)
    expected = torch.linalg.svdvals(matrix)
    largest = float(expected[0])
    torch.testing.assert_close(gram.values(matrix), expected, atol=1e-10 * largest, rtol=1e-6)
    for count in (3, 70):
        U, S, V = gram.triplets(matrix, count)
        eye = torch.eye(count, dtype=torch.float64)
        torch.testing.assert_close(S, expected[:count], atol=1e-10 * largest, rtol=1e-6)
        torch.testing.assert_close(U.T @ U, eye)
        torch.testing.assert_close(V.T @ V, eye)
        torch.testing.assert_close(U.T @ matrix @ V, torch.diag(S), atol=1e-9 * largest, rtol=0)
