"""The three published forms of LoRA-One, against the table in float64 numpy."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from peft import LoraConfig, get_peft_model
from torch import nn
from transformers.pytorch_utils import Conv1D

from loraone.linalg.svd import truncated_svd
from loraone.methods.base import Factors, InitProblem
from loraone.methods.lora_one.factors import GRID, initialise, search_gamma
from loraone.methods.lora_one.row import LoraOneParams

SCALES = ("spectral", "gradient", "squared")


def gradient_of(m: int, n: int, seed: int, rank: int | None = None) -> torch.Tensor:
    draw = torch.Generator().manual_seed(seed)
    if rank is None:
        return torch.randn(m, n, generator=draw) * 0.01
    return torch.randn(m, rank, generator=draw) @ torch.randn(rank, n, generator=draw) * 0.01


def factors(
    G: torch.Tensor, r: int, s: float, params: dict[str, Any], loss: Any = None
) -> tuple[Factors, Any]:
    problem = InitProblem(
        gradients={"layer": truncated_svd(G, r)},
        rank=r,
        scaling=s,
        generator=torch.Generator().manual_seed(0),
        held_out_loss=loss or (lambda factors: 0.0),
    )
    found = initialise(problem, LoraOneParams.model_validate(params))
    return found.factors["layer"], found


def table(G: torch.Tensor, r: int, s: float, scale: str, gamma: float) -> np.ndarray:
    """``s·B·A`` as the table of mathematics.md gives it, in float64."""
    U, S, Vh = np.linalg.svd(G.double().numpy(), full_matrices=False)
    G_r = (U[:, :r] * S[:r]) @ Vh[:r]
    if scale == "spectral":
        return -(s / (gamma * S[0])) * G_r
    if scale == "gradient":
        return -(s / gamma) * G_r
    # −G = (−U) S Vᵀ, and the printed formula squares S: the sign stays that of −U V.
    return (s / gamma) * ((-U[:, :r]) * S[:r] ** 2) @ Vh[:r]


@settings(deadline=None)
@given(
    scale=st.sampled_from(SCALES),
    conv=st.booleans(),
    rslora=st.booleans(),
    alpha=st.sampled_from([1.0, 16.0]),
    gamma=st.sampled_from([0.5, 16.0, 128.0]),
    m=st.integers(8, 20),
    n=st.integers(8, 20),
    r=st.integers(1, 8),
    seed=st.integers(0, 50),
)
def test_what_peft_adds_to_the_layer_is_the_table(
    scale: str, conv: bool, rslora: bool, alpha: float, gamma: float,
    m: int, n: int, r: int, seed: int,
) -> None:  # fmt: skip
    G = gradient_of(m, n, seed)
    layer = Conv1D(m, n) if conv else nn.Linear(n, m)
    model = get_peft_model(
        nn.ModuleDict({"layer": layer}),  # type: ignore[arg-type]
        LoraConfig(
            r=r, lora_alpha=alpha, use_rslora=rslora, target_modules=["layer"], fan_in_fan_out=conv
        ),
    )
    module = model.base_model.model["layer"]
    s = alpha / r**0.5 if rslora else alpha / r
    pair, _ = factors(G, r, s, {"scale": scale, "gamma": gamma})
    with torch.no_grad():
        module.lora_A["default"].weight.copy_(pair.A)
        module.lora_B["default"].weight.copy_(pair.B)
    added = module.get_delta_weight("default").detach().double()
    expected = table(G, r, s, scale, gamma)
    actual = (added.T if conv else added).numpy()
    # Where σ_r and σ_{r+1} are close, float32 turns the subspace by about ε σ₁ / (σ_r − σ_{r+1}).
    values = np.append(np.linalg.svd(G.double().numpy(), compute_uv=False), 0.0)
    turned = np.finfo(np.float32).eps * values[0] / max(values[r - 1] - values[r], 1e-12)
    assert np.linalg.norm(actual - expected) <= (1e-5 + 4 * turned) * np.linalg.norm(expected)


@given(seed=st.integers(0, 50), gamma=st.floats(0.1, 1e4), s=st.floats(0.1, 10))
def test_spectral_fixes_the_spectral_norm_to_s_over_gamma(
    seed: int, gamma: float, s: float
) -> None:
    pair, _ = factors(gradient_of(14, 11, seed), 4, s, {"scale": "spectral", "gamma": gamma})
    norm = float(torch.linalg.matrix_norm(s * pair.B @ pair.A, 2))
    assert norm == pytest.approx(s / gamma, rel=1e-5)


@pytest.mark.parametrize("scale", SCALES)
def test_the_first_order_change_of_the_loss_is_downhill(scale: str) -> None:
    G = gradient_of(14, 11, 1)
    pair, _ = factors(G, 4, 1.0, {"scale": scale, "gamma": 1.0})
    assert float((G * (pair.B @ pair.A)).sum()) < 0


@pytest.mark.parametrize("scale", SCALES)
@given(gamma=st.floats(0.01, 1e4))
def test_four_times_gamma_halves_both_factors(scale: str, gamma: float) -> None:
    G = gradient_of(14, 11, 2)
    one, _ = factors(G, 4, 1.0, {"scale": scale, "gamma": gamma})
    four, _ = factors(G, 4, 1.0, {"scale": scale, "gamma": 4 * gamma})
    torch.testing.assert_close(four.A * 2, one.A)
    torch.testing.assert_close(four.B * 2, one.B)


@pytest.mark.parametrize("scale", SCALES)
def test_surplus_directions_of_a_short_gradient_can_still_be_trained(scale: str) -> None:
    G = gradient_of(14, 11, 3, rank=2)
    pair, found = factors(G, 5, 2.0, {"scale": scale, "gamma": 8.0})
    expected = table(G, 2, 2.0, scale, 8.0)
    actual = (2.0 * pair.B.double() @ pair.A.double()).numpy()
    assert np.linalg.norm(actual - expected) <= 1e-5 * np.linalg.norm(expected)
    assert (pair.B[:, 2:] == 0).all()
    assert (pair.A[2:].norm(dim=1) > 0).all()
    assert "rank below 5" in found.notes[0]


def test_a_zero_gradient_falls_back_to_lora() -> None:
    pair, found = factors(torch.zeros(9, 7), 3, 1.0, {})
    assert (pair.B == 0).all()
    assert (pair.A != 0).all()
    assert found.notes


def test_auto_gamma_finds_the_best_step_of_a_quadratic() -> None:
    G = gradient_of(14, 11, 4)

    def loss(found: Any) -> float:
        change = 0.0 if found is None else float((G * (found["layer"].B @ found["layer"].A)).sum())
        step = -change / float((truncated_svd(G, 4).S ** 2).sum())  # 1/γ with scale=gradient, s=1
        return 1 - step + 0.5 * step**2 * 6.0

    _, found = factors(G, 4, 1.0, {"scale": "gradient", "gamma": "auto"}, loss)
    assert found.chosen["gamma"] == pytest.approx(6.0, rel=0.42)
    assert not found.notes


@given(best=st.floats(-8, 14))
def test_the_search_is_right_to_within_root_two(best: float) -> None:
    gamma, _ = search_gamma(lambda value: (np.log2(value) - best) ** 2)
    assert abs(np.log2(gamma) - best) <= 0.5 + 1e-9


def test_the_search_survives_losses_that_are_not_numbers() -> None:
    gamma, loss = search_gamma(lambda value: float("nan") if value < 100 else value)
    assert gamma >= 100
    assert loss == loss


LOSSES = st.one_of(
    st.floats(0.5, 1.0),
    # bfloat16 near 0.7: plateaus.
    st.integers(160, 190).map(lambda k: k / 256),
    st.sampled_from([float("nan"), float("inf"), float("-inf"), 0.6719, 0.6797]),
)


@given(at_grid=st.lists(LOSSES, min_size=len(GRID), max_size=len(GRID)), elsewhere=LOSSES)
def test_no_gamma_of_the_grid_is_better_than_the_one_that_is_found(
    at_grid: list[float], elsewhere: float
) -> None:
    known = dict(zip(GRID, at_grid, strict=True))
    tried: dict[float, float] = {}
    gamma, loss = search_gamma(lambda value: known.get(value, elsewhere), tried)
    finite = [value for value in at_grid if np.isfinite(value)]
    assert set(GRID) <= set(tried)
    assert len(tried) <= 29
    assert GRID[-1] <= gamma <= GRID[0]
    assert loss == tried[gamma] == min(tried.values())
    assert not finite or loss <= min(finite)
    # Of equal losses the smallest step.
    assert gamma == max(value for value, of in tried.items() if of == loss)


@pytest.mark.parametrize("valley", [32.0, 0.25, 2.0**-10])
def test_the_search_goes_on_over_a_plateau_and_over_a_bump(valley: float) -> None:
    def plateau(gamma: float) -> float:
        return 0.6719 if 0.9 < gamma / valley < 1.1 else 0.6797

    def bump(gamma: float) -> float:
        return plateau(gamma) + 0.5 * (valley < gamma < 2.0**14)

    for loss in (plateau, bump):
        assert search_gamma(loss) == (valley, 0.6719)


def searched(losses: Any, before: float) -> Any:
    """What a search says where the loss at γ = 1 / ‖B‖² of a gradient of rank 1 is losses(γ)."""

    def held_out_loss(found: Any) -> float:
        if found is None:
            return before
        return float(losses(1 / float((found["layer"].B ** 2).sum())))

    G = torch.zeros(6, 5)
    G[0, 0] = 1.0
    return factors(G, 1, 1.0, {"gamma": "auto"}, held_out_loss)[1]


@pytest.mark.parametrize("lowest", [1.0, 2.0, float("nan")])
def test_the_note_says_the_truth_of_a_search_in_vain(lowest: float) -> None:
    """Equal to the loss before is in vain too, and of no finite loss nothing is said to be low."""
    found = searched(lambda gamma: lowest + (gamma > 100), before=1.0)
    (note,) = found.notes
    if lowest == lowest:
        assert "no γ lowered the held-out loss (1)" in note
        assert f"has the lowest, {lowest:.6g}" in note
        assert found.chosen["gamma"] <= 100
    else:
        assert note.startswith("no γ of 28 tried from 0.000977 to 65536 has a finite held-out loss")
        assert found.chosen["gamma"] == GRID[0]


def test_a_gamma_that_helps_is_not_said_not_to_and_all_that_was_tried_is_kept() -> None:
    found = searched(lambda gamma: 0.6719 if abs(gamma - 64) < 1 else 0.6797, before=0.6797)
    assert found.notes == ()
    assert found.chosen["gamma"] == pytest.approx(64)
    kept = {n: v for n, v in found.chosen.items() if n.startswith("held_out_loss_at_gamma_")}
    assert len(kept) == 29
    assert min(kept, key=kept.__getitem__) == "held_out_loss_at_gamma_64"


def test_a_lowest_loss_behind_a_rise_is_said_to_be_there() -> None:
    """As of MiniLM, where steps that destroy it come to what a constant answer has."""
    bump = searched(lambda gamma: 0.9 if gamma < 1 else 1.1 if gamma < 100 else 1.0, before=1.0)
    (note,) = bump.notes
    assert "is behind a rise from 1 to 1.1" in note
    assert 0.7 < bump.chosen["gamma"] < 1
    rounded = searched(lambda gamma: 1.00002 if gamma > 5000 else 0.98, before=1.0)
    assert rounded.notes == ()


def test_a_lowest_loss_at_the_end_of_the_range_is_said() -> None:
    found = searched(lambda gamma: gamma / 2.0**17, before=1.0)
    assert "at the end of the range" in found.notes[0]
    assert found.chosen["gamma"] == GRID[-1]


def test_no_gamma_that_helps_is_said() -> None:
    _, found = factors(
        gradient_of(14, 11, 5),
        4,
        1.0,
        {"scale": "gradient", "gamma": "auto"},
        lambda factors: 1.0 if factors is None else 2.0,
    )
    assert "no γ lowered the held-out loss" in found.notes[0]
