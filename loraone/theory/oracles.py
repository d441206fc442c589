"""The theory's claims as experiments with bounds: positive ones, and negative ones (n).

Each oracle is an experiment like any other, and checks of what its solutions show: a number for
every seed, and the range that it must lie in. ``loraone theory O3`` prints one.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import torch

from loraone.spec.experiment import ExperimentSpec, expand
from loraone.theory import predictions
from loraone.theory.losses import loss_of
from loraone.theory.presets import THEORY
from loraone.theory.solve import Solution, solve

SEEDS = tuple(range(10))
Series = dict[str, Solution]


@dataclass(frozen=True)
class Check:
    """A number of every seed and the open range (low, high) that all of them must lie in."""

    label: str
    values: tuple[float, ...]
    low: float = -math.inf
    high: float = math.inf

    @property
    def holds(self) -> bool:
        """Whether every value is within the bounds; a missing one (NaN) is not."""
        return all(self.low < value < self.high for value in self.values)

    @property
    def bound(self) -> str:
        """The range in words."""
        if math.isinf(self.low) and math.isinf(self.high):
            return "reported"
        if math.isinf(self.high):
            return f"> {self.low:g}"
        if math.isinf(self.low):
            return f"< {self.high:g}"
        return f"{self.low:g} … {self.high:g}"


@dataclass(frozen=True)
class Oracle:
    """One claim: the preset it runs, and what of each seed's solutions is checked."""

    name: str
    claim: str
    measure: Callable[[Series], dict[str, float]]
    bounds: dict[str, tuple[float, float]]

    @property
    def spec(self) -> ExperimentSpec:
        """The experiment, as the page's preset has it."""
        return THEORY[self.name].spec

    def check(self, seeds: Sequence[int] = SEEDS) -> list[Check]:
        """Run it with these seeds."""
        grid = self.spec.grid.model_copy(update={"seeds": tuple(seeds)})
        solutions = solve(expand(self.spec.model_copy(update={"grid": grid})))
        numbers: list[dict[str, float]] = []
        for seed in seeds:
            mine = {s.run.label: s for s in solutions if s.run.seed == seed}
            numbers.append(self.measure(mine))
        return [
            Check(label, tuple(of_seed[label] for of_seed in numbers), *bound)
            for label, bound in self.bounds.items()
        ]


def _steps(solution: Solution, loss: float) -> float:
    reached = solution.steps_to(loss)
    return math.nan if reached is None else float(reached)


def _o1(series: Series) -> dict[str, float]:
    (vanilla,) = series.values()
    sines = vanilla.sin_in[:, 0]
    lowest = int(np.nanargmin(sines))
    change = torch.linalg.svd(vanilla.teacher.target[0] - vanilla.teacher.start[0])[2]
    k = vanilla.run.problem.true_rank
    V, G = change[:k].T, vanilla.gradients["layer"].V[:, :k]
    between = float(torch.linalg.svdvals(V - G @ (G.T @ V))[0])
    return {
        "sin in side at step 0": float(sines[0]),
        "its minimum": float(sines[lowest]),
        "step of the minimum": float(lowest),
        "sin out side from step 1, largest": float(np.max(vanilla.sin_out[1:, 0])),
        "end beside sin(V_Δ, V_G)": abs(float(sines[-1]) - between),
    }


def _o2(series: Series) -> dict[str, float]:
    law = predictions.of_sweep(list(series.values()))[0]
    return {"steps per factor of 10 in std, over the law": law.ratio or math.nan}


def _o3(series: Series) -> dict[str, float]:
    by = {(s.run.method.name, s.run.problem.init_std): s for s in series.values()}
    lora_one, small, large = by["lora_one", 1e-4], by["lora", 1e-4], by["lora", 1e-2]
    reached = _steps(lora_one, 1e-6)
    return {
        "sin in side at step 0": float(lora_one.sin_in[0, 0]),
        "sin out side at step 0": float(lora_one.sin_out[0, 0]),
        "loss after the init": float(lora_one.losses[0]),
        "R² of the log loss": _linearity(lora_one, reached),
        "steps to 1e-6": reached,
        "vanilla, std 1e-4: times as many": _steps(small, 1e-6) / reached,
        "vanilla, std 1e-2: times as many": _steps(large, 1e-6) / reached,
        "predicted rate over measured": _rate_ratio(lora_one),
    }


def _linearity(solution: Solution, reached: float) -> float:
    """R² of a straight line through the log loss up to a step; NaN where it was not reached."""
    if math.isnan(reached) or reached < 2:
        return math.nan
    logs = np.log(solution.losses[: int(reached) + 1])
    return float(np.corrcoef(np.arange(len(logs)), logs)[0, 1] ** 2)


def _rate_ratio(solution: Solution) -> float:
    rate = next(p for p in predictions.of_run(solution) if p.name == "rate")
    return rate.ratio or math.nan


def _o3n(series: Series) -> dict[str, float]:
    lora_one, control = series.values()
    # The wrong sign: the initialiser's own factors, taken away where they should be added.
    pair = lora_one.began["layer"]
    turned = lora_one.bases["layer"] - lora_one.run.problem.scaling * pair.B @ pair.A
    loss, _ = loss_of(lora_one.run.problem.activation, [lora_one.teacher]).gradients([turned[None]])
    return {
        "loss after the init with +G": float(loss[0]) / lora_one.start_loss,
        "loss after the init of the control": float(control.losses[0]),
    }


def _o4(series: Series) -> dict[str, float]:
    by = {(s.run.method.optimizer, s.run.problem.condition): s for s in series.values()}
    fast = {kappa: _steps(by["riemannian-sgd", kappa], 1e-12) for kappa in (1.0, 10.0, 100.0)}
    return {
        "preconditioned, steps to 1e-12 at κ = 1": fast[1.0],
        "κ = 100 over κ = 1": fast[100.0] / fast[1.0],
        "plain over preconditioned at κ = 10": _steps(by["sgd", 10.0], 1e-12) / fast[10.0],
    }


def _o4n(series: Series) -> dict[str, float]:
    lora_one, vanilla = series.values()
    return {
        "vanilla over LoRA-One, both preconditioned": _steps(vanilla, 1e-12)
        / _steps(lora_one, 1e-12)
    }


def _o5(series: Series) -> dict[str, float]:
    (lora_ga,) = series.values()
    floor = next(p for p in predictions.of_run(lora_ga) if p.name == "floor")
    k = lora_ga.run.problem.true_rank
    learned = lora_ga.began["layer"].B.T @ lora_ga.gradients["layer"].U[:, :k]
    return {
        "loss before the first step": float(lora_ga.losses[0]),
        "floor": float(lora_ga.losses.min()),
        "floor over its closed form, − 1": abs((floor.ratio or math.nan) - 1),
        "energy of B₀ in the gradient's out side": float((learned**2).sum()),
    }


def _o6(series: Series) -> dict[str, float]:
    lora_one, vanilla = series.values()
    reached = _steps(lora_one, 1e-4)
    return {
        "steps to 1e-4": reached,
        "R² of the log loss": _linearity(lora_one, reached),
        "vanilla: times as many": _steps(vanilla, 1e-4) / reached,
    }


def _o7n(series: Series) -> dict[str, float]:
    lora_one, vanilla, preconditioned = series.values()
    return {
        "vanilla over LoRA-One, to 1e-2": _steps(vanilla, 1e-2) / _steps(lora_one, 1e-2),
        "LoRA-One over vanilla, to 1e-4": _steps(lora_one, 1e-4) / _steps(vanilla, 1e-4),
        "preconditioned, steps to 1e-4": _steps(preconditioned, 1e-4),
    }


_NONE = math.inf
_ROWS = (
    Oracle(
        "O1",
        "Vanilla LoRA turns to the gradient's subspace, then leaves it for the solution's",
        _o1,
        {
            "sin in side at step 0": (0.9, _NONE),
            "its minimum": (-_NONE, 0.05),
            "step of the minimum": (14.5, 45.5),
            "sin out side from step 1, largest": (-_NONE, 1e-10),
            "end beside sin(V_Δ, V_G)": (-_NONE, 1e-4),
        },
    ),
    Oracle(
        "O2",
        "The phase grows as log(1/std)",
        _o2,
        {"steps per factor of 10 in std, over the law": (0.85, 1.15)},
    ),
    Oracle(
        "O3",
        "LoRA-One begins aligned and converges linearly at once",
        _o3,
        {
            "sin in side at step 0": (-_NONE, 1e-10),
            "sin out side at step 0": (-_NONE, 1e-10),
            "loss after the init": (-_NONE, 0.15),
            "R² of the log loss": (0.99, _NONE),
            "steps to 1e-6": (-_NONE, 30),
            "vanilla, std 1e-4: times as many": (2, _NONE),
            "vanilla, std 1e-2: times as many": (1.5, _NONE),
            "predicted rate over measured": (0.95, 1.05),
        },
    ),
    Oracle(
        "O3n",
        "With the wrong sign, or in random directions, the init raises the loss",
        _o3n,
        {
            "loss after the init with +G": (3, _NONE),
            "loss after the init of the control": (1, _NONE),
        },
    ),
    Oracle(
        "O4",
        "Preconditioned, the number of steps does not depend on κ",
        _o4,
        {
            "preconditioned, steps to 1e-12 at κ = 1": (-_NONE, _NONE),
            "κ = 100 over κ = 1": (-_NONE, 1.3),
            "plain over preconditioned at κ = 10": (6, _NONE),
        },
    ),
    Oracle(
        "O4n",
        "There the preconditioner does the work, not the init",
        _o4n,
        {"vanilla over LoRA-One, both preconditioned": (-_NONE, 1.3)},
    ),
    Oracle(
        "O5",
        "LoRA-GA with a rank above the true one stalls at a floor",
        _o5,
        {
            "loss before the first step": (0.999, 1.001),
            "floor": (1e-3, _NONE),
            "floor over its closed form, − 1": (-_NONE, 1e-3),
            "energy of B₀ in the gradient's out side": (-_NONE, 1e-10),
        },
    ),
    Oracle(
        "O6",
        "With a ReLU, LoRA-One converges linearly too",
        _o6,
        {
            "steps to 1e-4": (-_NONE, 20),
            "R² of the log loss": (0.98, _NONE),
            "vanilla: times as many": (2.5, _NONE),
        },
    ),
    Oracle(
        "O7n",
        "With a rank above the true one LoRA-One is first to 1e-2 and last to 1e-4",
        _o7n,
        {
            "vanilla over LoRA-One, to 1e-2": (2, _NONE),
            "LoRA-One over vanilla, to 1e-4": (2, _NONE),
            "preconditioned, steps to 1e-4": (-_NONE, 20),
        },
    ),
)
ORACLES: dict[str, Oracle] = {row.name: row for row in _ROWS}
