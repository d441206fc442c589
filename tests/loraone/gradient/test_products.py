"""Products ``δᵀ x`` are added in place, and exact in float32 whatever units compute them."""

from __future__ import annotations

import pytest
import torch

from loraone.gradient.taps import OuterProduct
from tests.loraone.linalg.examples import drawn


@pytest.mark.parametrize("bfloat16", [False, True])
def test_nothing_is_lost_of_what_bfloat16_has(bfloat16: bool) -> None:
    delta, x = drawn((96, 160), 0).bfloat16().float(), drawn((96, 128), 1).bfloat16().float()
    before = drawn((160, 128), 2)
    into = before.clone()
    OuterProduct(x, delta, bfloat16).add_to(into)
    share = delta.double().T @ x.double()
    exact = before.double() + share
    assert float((into - exact).norm() / exact.norm()) < 1e-6
    whole = OuterProduct(x, delta, bfloat16).whole()
    assert float((whole - share).norm() / share.norm()) < 1e-6


def test_other_products_are_as_they_were_afterwards_also_after_an_error() -> None:
    before = torch.backends.mkldnn.matmul.fp32_precision
    OuterProduct(drawn((5, 3), 1), drawn((5, 4), 0), bfloat16=True).add_to(torch.zeros(4, 3))
    assert torch.backends.mkldnn.matmul.fp32_precision == before
    with pytest.raises(RuntimeError):
        OuterProduct(drawn((5, 9), 1), drawn((5, 4), 0), bfloat16=True).add_to(torch.zeros(4, 3))
    assert torch.backends.mkldnn.matmul.fp32_precision == before


def test_a_sparse_x_is_added_as_well() -> None:
    rows = torch.tensor([[0, 1, 2], [2, 0, 2]])
    one_hot = torch.sparse_coo_tensor(rows, torch.ones(3), (3, 4))
    into, delta = torch.zeros(5, 4), drawn((3, 5), 0)
    OuterProduct(one_hot, delta).add_to(into)
    torch.testing.assert_close(into, delta.T @ one_hot.to_dense())
