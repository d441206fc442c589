"""Closed forms against what happens; and silence where the theory says nothing."""

from __future__ import annotations

from typing import Any

import pytest
import torch

from loraone.theory import predictions
from loraone.theory.solve import solve
from tests.loraone.theory.conftest import ONE, runs


def told(name: str, *methods: Any, **changes: Any) -> list[predictions.Prediction]:
    of_runs = [predictions.of_run(solution) for solution in solve(runs(*methods, **changes))]
    assert of_runs
    return [next(p for p in of_run if p.name == name) for of_run in of_runs]


@pytest.mark.parametrize("optimizer", ["sgd", "riemannian-sgd"])
@pytest.mark.parametrize("kappa", [1.0, 5.0])
def test_the_final_rate_is_that_of_the_slowest_mode(optimizer: str, kappa: float) -> None:
    plan = {"optimizer": optimizer, "steps": 1500, "riemannian_damping": 1e-10}
    for one in told(
        "rate",
        ONE,
        training=plan,
        grid={"ranks": [2], "learning_rates": [0.1]},
        problem={"condition": kappa, "samples": 400},
    ):
        assert one.reason_inapplicable == ""
        assert one.ratio == pytest.approx(1, abs=0.02)


def test_the_slowest_mode_is_the_smallest_eigenvalue_of_the_hessian_on_the_tangent_space() -> None:
    (solution,) = solve(runs(ONE, grid={"ranks": [2], "seeds": [0]}))
    delta = solution.teacher.target[0] - solution.teacher.start[0]
    U, S, Vh = torch.linalg.svd(delta, full_matrices=False)
    A, B = S[:2].sqrt()[:, None] * Vh[:2], U[:, :2] * S[:2].sqrt()
    Sigma = predictions.moment(solution)
    m, n = delta.shape

    def step(flat: torch.Tensor) -> torch.Tensor:
        E = flat.reshape(m, n)
        return (E @ Sigma @ A.T @ A + B @ B.T @ E @ Sigma).flatten()

    operator = torch.stack([step(row) for row in torch.eye(m * n, dtype=delta.dtype)], dim=1)
    values = torch.linalg.eigvals(operator).real
    least = float(values[values > 1e-9].min())
    assert predictions.slowest(solution) == pytest.approx(least, rel=1e-9)


@pytest.mark.parametrize(
    ("method", "problem"),
    [
        (ONE, {"true_rank": 5}),
        (ONE, {"noise": 0.2}),
        ({"name": "lora_ga_paper", "params": {"gamma": 6}}, {}),
        ("full", {"noise": 0.2}),
    ],
    ids=["rank too low", "noise", "LoRA-GA", "full"],
)
def test_the_floor_is_reached_and_never_undercut(method: Any, problem: dict[str, Any]) -> None:
    for one in told("floor", method, training={"steps": 3000}, problem={"samples": 200, **problem}):
        assert one.predicted is not None
        assert one.predicted > 1e-4
        assert one.ratio is not None
        assert 1 - 1e-9 < one.ratio < 1.02


def test_the_floor_of_a_wide_enough_adapter_without_noise_is_zero() -> None:
    (one, _) = told("floor", ONE)
    assert one.predicted == 0
    assert one.ratio is None


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"training": {"optimizer": "adamw"}}, "Adam"),
        ({"problem": {"activation": "relu"}}, "linear model"),
        ({"problem": {"activation": "two-layer"}}, "one layer"),
        ({"training": {"warmup_steps": 3}}, "not constant"),
        ({"training": {"weight_decay": 0.1}}, "weight decay"),
    ],
)
def test_where_the_theory_says_nothing_the_reason_is_given(
    changes: dict[str, Any], why: str
) -> None:
    for one in told("rate", ONE, **changes):
        assert why in one.reason_inapplicable
        assert one.predicted is None


def test_the_log_law_and_the_cost_of_the_condition_number() -> None:
    shared: dict[str, Any] = {
        "grid": {"ranks": [2], "learning_rates": [0.2], "seeds": list(range(4))},
        "training": {"steps": 1500},
    }
    sweep = {"parameter": "init_std", "values": [1e-6, 1e-5, 1e-4, 1e-3]}
    problem = {"samples": 400}
    law, reason = predictions.of_sweep(
        solve(runs("lora", ONE, sweep=sweep, problem=problem, **shared))
    )
    assert law.ratio == pytest.approx(1, abs=0.15)
    assert "vanilla" in reason.reason_inapplicable
    sweep = {"parameter": "condition", "values": [1, 10]}
    plain, fast = predictions.of_sweep(
        solve(
            runs(
                ONE,
                ONE | {"optimizer": "riemannian-sgd"},
                sweep=sweep,
                problem=problem,
                **shared,
            )
        )
    )
    assert plain.ratio == pytest.approx(1, abs=0.05)
    assert (plain.measured or 0) > 8
    assert fast.ratio == pytest.approx(1, abs=0.05)
    assert fast.predicted == pytest.approx(1)
