"""Whatever torch's default device is, computing goes on where the matrices lie."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch

from loraone.linalg.density import estimated_spectrum
from loraone.linalg.matrices import Dense, LowRank
from loraone.linalg.spectra import singular_values
from loraone.linalg.subspaces import agreement, orthonormal, overlap, principal_angles
from loraone.linalg.svd import truncated_svd, truncated_svds
from tests.loraone.linalg.examples import WAYS, drawn, take

M, N = drawn((200, 160), 0), drawn((160, 200), 1)
Q = torch.linalg.qr(drawn((200, 5), 2))[0]


def angles_of(one: torch.Tensor, other: torch.Tensor) -> torch.Tensor:
    return principal_angles(orthonormal(one), orthonormal(other))


COMPUTATIONS: dict[str, Callable[[], object]] = {
    "decomposition": lambda: truncated_svd(M, 4).U,
    "several decompositions": lambda: truncated_svds([M, 2 * M], 4)[1].V,
    "all values": lambda: singular_values(M),
    "estimated values": lambda: estimated_spectrum(M, truncated_svd(M, 4)).values,
    "angles": lambda: angles_of(M[:, :4], N.T[:, :6]),
    "agreement": lambda: agreement(truncated_svd(M, 4), truncated_svd(N.T, 4)).left,
    "overlap": lambda: overlap(Q, M[:, :3], 5),
    "of a product": lambda: LowRank(Q, Q.T @ M).top(3).U,
    "products": lambda: (LowRank(Q, Q.T @ M).inner(M), Dense(M).inner(M)),
}


@WAYS
@pytest.mark.parametrize("name", COMPUTATIONS)
def test_the_default_device_changes_nothing(
    name: str, way: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    take(way, monkeypatch)
    expected = COMPUTATIONS[name]()
    with torch.device("meta"):
        found = COMPUTATIONS[name]()
    torch.testing.assert_close(found, expected, equal_nan=True)
