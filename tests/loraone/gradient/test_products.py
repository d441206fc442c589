"""Products ``δᵀ x`` are added in place, and exact in float32 whatever units compute them."""

from __future__ import annotations

import pytest
import torch

from loraone.gradient.taps import add_outer
from tests.loraone.linalg.examples import drawn


@pytest.mark.parametrize("bfloat16", [False, True])
def test_nothing_is_lost_of_what_bfloat16_has(bfloat16: bool) -> None:
    delta, x = drawn((96, 160), 0).bfloat16().float(), drawn((96, 128), 1).bfloat16().float()
    before = drawn((160, 128), 2)
    into = before.clone()
    add_outer(into, delta, x, bfloat16=bfloat16)
    exact = before.double() + delta.double().T @ x.double()
    assert float((into - exact).norm() / exact.norm()) < 1e-6


def test_other_products_are_as_they_were_afterwards_also_after_an_error() -> None:
    before = torch.backends.mkldnn.matmul.fp32_precision
    add_outer(torch.zeros(4, 3), drawn((5, 4), 0), drawn((5, 3), 1), bfloat16=True)
    assert torch.backends.mkldnn.matmul.fp32_precision == before
    with pytest.raises(RuntimeError):
        add_outer(torch.zeros(4, 3), drawn((5, 4), 0), drawn((5, 9), 1), bfloat16=True)
    assert torch.backends.mkldnn.matmul.fp32_precision == before


def test_a_sparse_x_is_added_as_well() -> None:
    rows = torch.tensor([[0, 1, 2], [2, 0, 2]])
    one_hot = torch.sparse_coo_tensor(rows, torch.ones(3), (3, 4))
    into, delta = torch.zeros(5, 4), drawn((3, 5), 0)
    add_outer(into, delta, one_hot)
    torch.testing.assert_close(into, delta.T @ one_hot.to_dense())
