"""Bugs and traps of PEFT and of the official code, each shown beside what ours does instead."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
import pytest
import torch
from peft import LoraConfig, LoraGAConfig, get_peft_model
from peft.tuners.lora.loraga import preprocess_loraga
from torch import nn
from transformers.pytorch_utils import Conv1D

from loraone.gradient.exact import collecting
from loraone.inputs.models.targets import TargetLayer
from loraone.linalg.subspaces import principal_angles
from loraone.linalg.svd import truncated_svd
from loraone.methods.base import InitProblem
from loraone.methods.lora_ga import factors as lora_ga
from loraone.methods.lora_ga.row import LoraGaParams


class _Twice(nn.Module):
    """Calls its one layer twice."""

    def __init__(self) -> None:
        super().__init__()
        self.layer = nn.Linear(12, 12, bias=False)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        result: torch.Tensor = self.layer(torch.tanh(self.layer(x)))
        return result


def slow(m: int, n: int, seed: int = 0) -> torch.Tensor:
    """σ_i = i^-0.5: what makes a short randomised SVD inexact."""
    draw = torch.Generator().manual_seed(seed)
    left = torch.linalg.qr(torch.randn(m, n, generator=draw))[0]
    right = torch.linalg.qr(torch.randn(n, n, generator=draw))[0]
    return left / torch.arange(1, n + 1) ** 0.5 @ right.T


def loraga(**options: Any) -> LoraConfig:
    settings = LoraGAConfig(direction="ArB2r", scale="stable", stable_gamma=16)
    return LoraConfig(
        r=4, target_modules=["layer"], init_lora_weights="lora_ga", lora_ga_config=settings,
        **options,
    )  # fmt: skip


def test_peft_halves_the_gradient_of_a_layer_that_is_called_twice_and_ours_sums_it() -> None:
    torch.manual_seed(0)
    model, x = _Twice(), torch.randn(6, 12)

    def train_step() -> None:
        model(x).square().sum().backward()

    train_step()
    assert model.layer.weight.grad is not None
    exact = model.layer.weight.grad.clone()
    model.zero_grad()
    with collecting((TargetLayer("layer", model.layer),)) as sums:
        train_step()
    torch.testing.assert_close(sums["layer"], exact, rtol=1e-5, atol=1e-6)
    model.zero_grad()
    preprocess_loraga(model, loraga(), train_step)
    theirs = model.layer._peft_loraga_grad
    assert isinstance(theirs, torch.Tensor)
    torch.testing.assert_close(theirs, exact / 2, rtol=1e-5, atol=1e-6)


def test_pissa_niter_misses_the_top_subspace_of_a_slow_spectrum_and_our_svd_does_not() -> None:
    W, r = slow(300, 200), 8
    U = torch.linalg.svd(W.double())[0][:, :r]
    model = nn.ModuleDict({"layer": nn.Linear(200, 300, bias=False)})
    model["layer"].weight = nn.Parameter(W.clone())
    config = LoraConfig(r=r, target_modules=["layer"], init_lora_weights="pissa_niter_4")
    torch.manual_seed(0)
    theirs = get_peft_model(model, config).base_model.model["layer"]  # type: ignore[arg-type]
    basis = torch.linalg.qr(theirs.lora_B["default"].weight.detach())[0]
    assert float(torch.cos(principal_angles(basis, U)).min()) < 0.7
    assert float(torch.cos(principal_angles(truncated_svd(W, r).U, U)).min()) > 0.999


def test_peft_scales_lora_ga_by_the_inputs_of_a_conv1d_and_ours_by_its_outputs() -> None:
    n, m, r = 12, 48, 4
    draw = torch.Generator().manual_seed(0)
    G = torch.randn(m, n, generator=draw)
    sizes = {}
    for name, layer, stored in (
        ("linear", nn.Linear(n, m, bias=False), G),
        ("conv1d", Conv1D(m, n), G.T.contiguous()),
    ):
        model = nn.ModuleDict({"layer": layer})
        model["layer"]._peft_loraga_grad = stored.clone()
        torch.manual_seed(0)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            config = loraga(lora_alpha=r, fan_in_fan_out=name == "conv1d")
            theirs = get_peft_model(model, config).base_model.model["layer"]  # type: ignore[arg-type]
        product = theirs.lora_B["default"].weight @ theirs.lora_A["default"].weight
        sizes[name] = float(product.detach().norm())
    assert sizes["conv1d"] / sizes["linear"] == pytest.approx((n / m) ** 0.25, rel=1e-3)
    problem = InitProblem(
        gradients={"layer": truncated_svd(G, 2 * r)},
        rank=r,
        scaling=1.0,
        generator=draw,
        held_out_loss=lambda factors: 0.0,
    )
    ours = lora_ga.initialise(problem, LoraGaParams(gamma=16)).factors["layer"]
    assert float((ours.B @ ours.A).norm()) == pytest.approx(sizes["linear"], rel=1e-3)


def test_the_official_distance_to_a_few_stored_columns_is_too_small_and_ours_is_not() -> None:
    # Official: ‖(I − QQᵀ) U‖ computed as ‖U_⊥ᵀ Q‖ with only the 4r stored columns of U for U_⊥.
    draw = torch.Generator().manual_seed(0)
    U = torch.linalg.qr(torch.randn(100, 100, generator=draw, dtype=torch.float64))[0]
    Q = torch.linalg.qr(torch.randn(100, 4, generator=draw, dtype=torch.float64))[0]
    stored = float(torch.linalg.matrix_norm(U[:, 4:16].T @ Q, 2))
    exact = float(torch.linalg.matrix_norm(U[:, 4:].T @ Q, 2))
    ours = float(torch.sin(principal_angles(Q, U[:, :4])).max())
    assert stored < 0.8 * exact
    assert ours == pytest.approx(exact, rel=1e-9)


def test_the_formula_printed_in_the_request_is_not_a_gradient_step_and_algorithm_1_is() -> None:
    from loraone.methods.lora_one.factors import factors

    G = slow(30, 20)
    found = truncated_svd(G, 4)
    best = (found.U * found.S @ found.V.T).numpy()
    for scale, is_step in (("gradient", True), ("squared", False), ("spectral", True)):
        pair = factors(found, 4, scale, 2.0, torch.Generator().manual_seed(0))
        product = -(pair.B @ pair.A).numpy()
        length = (product * best).sum() / (best * best).sum()
        assert np.allclose(product, length * best, atol=1e-4) == is_step, scale
