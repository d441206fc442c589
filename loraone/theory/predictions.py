"""What the theory says of a run, beside what happened; and where it says nothing.

All for the linear teacher (arXiv 2502.01235, section 3), with ``Σ = XᵀX/N``, E = W − W*, and
W_base what the adapter is added to. Derived in ``docs/theory.md``.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from loraone.catalog import METHODS
from loraone.spec.experiment import RunSpec
from loraone.theory.solve import Solution

# The losses between which the final rate is read: after the start, before rounding.
WINDOW = (1e-6, 1e-22)


@dataclass(frozen=True)
class Prediction:
    """A number that theory gives and what was measured; either is None where there is none."""

    name: str
    label: str
    formula: str
    source: str
    predicted: float | None
    measured: float | None
    # Why the theory does not apply, in words; empty where it does.
    reason_inapplicable: str = ""

    @property
    def ratio(self) -> float | None:
        """Measured over predicted."""
        if self.predicted is None or self.measured is None or self.predicted == 0:
            return None
        return self.measured / self.predicted


PAPER = "arXiv 2502.01235, section 3"
OURS = "from section 3's setting; derived in docs/theory.md"


def of_run(solution: Solution) -> list[Prediction]:
    """Phase length, final rate, and floor of one run."""
    run = solution.run
    reason = reason_inapplicable(run)
    return [
        _phase(solution, reason or _not_vanilla(run)),
        _rate(solution, reason),
        _floor(solution, "" if run.problem.activation == "linear" else reason),
    ]


def of_sweep(solutions: Sequence[Solution], target: float = 1e-6) -> list[Prediction]:
    """Laws over several runs: log(1/std) of vanilla LoRA, and what κ costs."""
    laws = []
    groups: dict[str, list[Solution]] = {}
    for solution in solutions:
        groups.setdefault(series(solution.run), []).append(solution)
    for label, members in groups.items():
        if len({member.run.problem.init_std for member in members}) > 1:
            laws.append(_std_law(label, members, target))
        if len({member.run.problem.condition for member in members}) > 1:
            laws.append(_condition_law(label, members))
    return laws


def series(run: RunSpec) -> str:
    """The method without what was swept."""
    return run.method.label


def reason_inapplicable(run: RunSpec) -> str:
    """Why the rate and phase of the theory do not apply to this run; empty where they do."""
    training, problem = run.training, run.problem
    if problem.activation == "two-layer":
        return "the theory has one layer"
    if problem.activation == "relu":
        return "the closed forms are those of the linear model"
    if not training.optimizer.endswith("sgd"):
        return "the theory is about gradient descent, not Adam"
    if METHODS[run.method.name].trains != "adapter":
        return "the theory is about two trained factors"
    if training.warmup_steps or training.schedule != "constant":
        return "the learning rate is not constant"
    if training.weight_decay:
        return "there is weight decay"
    return ""


def _not_vanilla(run: RunSpec) -> str:
    if not METHODS[run.method.name].vanilla:
        return "only vanilla LoRA has to find the subspace first"
    if run.training.optimizer != "sgd":
        return "the preconditioner does away with the phase"
    return "" if run.problem.init_std is not None else "A is not normal with a given deviation"


def moment(solution: Solution) -> Tensor:
    """Σ = XᵀX/N, (n, n)."""
    x = solution.teacher.x
    return x.T @ x / len(x)


def growth(solution: Solution) -> float:
    """``ln(1 + η s σ_r*(G))``: what the slowest learned direction gains in a step of the phase."""
    k = min(solution.run.rank, solution.run.problem.true_rank)
    sigma = float(solution.gradients["layer"].S[k - 1])
    return math.log1p(solution.run.learning_rate * solution.run.problem.scaling * sigma)


def _phase(solution: Solution, reason: str) -> Prediction:
    predicted = measured = None
    run = solution.run
    if not reason:
        assert run.problem.init_std is not None
        # Direction i of A starts at about std·√r, grows like ½(1+ησ)^t, and saturates at √σ(Δ)/s.
        size = run.problem.init_std * math.sqrt(run.rank)
        least = math.sqrt(1 / run.problem.condition / run.problem.scaling)
        predicted = math.log(2 * least / size) / growth(solution)
        reached = solution.steps_to(0.5)
        measured = None if reached is None else float(reached)
    return Prediction(
        "phase",
        "Steps to half of the loss",
        "ln(2 √σ(Δ) / (std √r)) / ln(1 + η σ(G)), σ the r*-th value",
        PAPER + ", alignment phase; constant ours",
        predicted,
        measured,
        reason,
    )


def _rate(solution: Solution, reason: str) -> Prediction:
    run = solution.run
    floor = best_loss(solution) if not reason else 0.0
    if not reason and floor > 1e-12:
        reason = "the loss ends at a floor above zero"
    predicted = measured = None
    if not reason:
        slow = slowest(solution)
        predicted = (1 - run.learning_rate * slow) ** 2
        measured = observed_rate(solution.losses)
    return Prediction(
        "rate",
        "Loss kept per step, at the end",
        "(1 − η λ_min)²",
        OURS,
        predicted,
        measured,
        reason,
    )


def slowest(solution: Solution) -> float:
    """λ_min of ``E ↦ s² (E Σ AᵀA + B Bᵀ E Σ)`` at the balanced solution, on its tangent space.

    ``B Bᵀ = U σ Uᵀ/s`` and ``AᵀA = V σ Vᵀ/s`` with W* − W_base = U σ Vᵀ; preconditioned, both are
    projections. E = u_i xᵀ gives the eigenvalues of ``Σ^½ (σ_i I + V σ Vᵀ) Σ^½``, E = y vᵀ with y
    outside of U those of ``σ^½ VᵀΣV σ^½``.
    """
    run = solution.run
    delta = solution.teacher.target[0] - solution.bases["layer"]
    _, S, Vh = torch.linalg.svd(delta, full_matrices=False)
    k = min(run.rank, int((1e-10 * S[0] < S).sum()))
    V, sigma = Vh[:k].T, S[:k]
    Sigma = moment(solution)
    if run.training.optimizer == "riemannian-sgd":
        sigma = torch.ones_like(sigma)
    else:
        sigma = sigma * run.problem.scaling
    half = V * sigma.sqrt()
    values = [torch.linalg.eigvalsh(half.T @ Sigma @ half)[0]]
    root = torch.linalg.cholesky(Sigma + 1e-15 * torch.eye(len(Sigma), dtype=Sigma.dtype))
    outer = half @ half.T
    eye = torch.eye(len(Sigma), dtype=Sigma.dtype)
    smallest = sigma.min()
    values.append(torch.linalg.eigvalsh(root.T @ (smallest * eye + outer) @ root)[0])
    return float(torch.stack(values).min())


def observed_rate(losses: np.ndarray) -> float | None:
    """``exp`` of the slope of the log loss within :data:`WINDOW`; None with too few steps in it."""
    inside = np.flatnonzero((losses < WINDOW[0]) & (losses > WINDOW[1]))
    if len(inside) < 6:
        return None
    late = inside[len(inside) // 2 :]  # the slowest mode is alone only at the end
    slope = np.polyfit(late, np.log(losses[late]), 1)[0]
    return float(np.exp(slope))


def best_loss(solution: Solution) -> float:
    """The smallest relative training loss that W_base + rank r can have, in closed form.

    With the least-squares solution ``W° = W* + C Σ⁻¹`` (C = εᵀX/N) and M = (W° − W_base) Σ^½,
    ``L = ½ ‖Y − X W°ᵀ‖²/N + ½ Σ_{i>r} σ_i(M)²``: Eckart–Young in the norm that the inputs give.
    """
    run, teacher = solution.run, solution.teacher
    Sigma = moment(solution)
    cross = teacher.noise.T @ teacher.x / len(teacher.x)
    exact = teacher.target[0] + torch.linalg.lstsq(Sigma, cross.T).solution.T
    root = _root(Sigma)
    values = torch.linalg.svdvals((exact - solution.bases["layer"]) @ root)
    rank = len(values) if METHODS[run.method.name].trains == "all" else run.rank
    residual = teacher.noise - teacher.x @ (exact - teacher.target[0]).T
    noise = float((residual**2).sum()) / (2 * len(teacher.x))
    return (noise + float((values[rank:] ** 2).sum()) / 2) / solution.start_loss


def _root(Sigma: Tensor) -> Tensor:
    values, vectors = torch.linalg.eigh(Sigma)
    root: Tensor = vectors * values.clamp(min=0).sqrt() @ vectors.T
    return root


def _floor(solution: Solution, reason: str) -> Prediction:
    predicted = measured = None
    if not reason:
        predicted = best_loss(solution)
        finite = solution.losses[np.isfinite(solution.losses)]
        measured = float(finite.min()) if len(finite) else None
        if predicted < 1e-12:
            predicted, measured = 0.0, measured
    return Prediction(
        "floor",
        "Smallest loss over its start",
        "best rank-r fit: ½ Σ(i>r) σᵢ²((W° − W_base) Σ^½) and the noise, over L₀",
        "Eckart–Young in the inputs' norm; docs/theory.md",
        predicted,
        measured,
        reason,
    )


def _std_law(label: str, members: Sequence[Solution], target: float) -> Prediction:
    reason = next((why for member in members if (why := reason_inapplicable(member.run))), "")
    if not reason and not METHODS[members[0].run.method.name].vanilla:
        reason = "only vanilla LoRA has to find the subspace first"
    predicted = measured = None
    if not reason:
        points = [
            (math.log10(1 / member.run.problem.init_std), reached)
            for member in members
            if member.run.problem.init_std is not None
            and (reached := member.steps_to(target)) is not None
        ]
        predicted = math.log(10) / float(np.mean([growth(member) for member in members]))
        if len({x for x, _ in points}) > 1:
            measured = float(np.polyfit([x for x, _ in points], [y for _, y in points], 1)[0])
    return Prediction(
        "std-law",
        f"{label}: steps per factor of 10 in std",
        "ln 10 / ln(1 + η σ_r*(G))",
        PAPER + ", alignment phase",
        predicted,
        measured,
        reason,
    )


def _condition_law(label: str, members: Sequence[Solution]) -> Prediction:
    reason = next((why for member in members if (why := reason_inapplicable(member.run))), "")
    predicted = measured = None
    if not reason:
        pace: dict[float, list[float]] = {}
        expected: dict[float, list[float]] = {}
        for member in members:
            kappa = member.run.problem.condition
            rate = observed_rate(member.losses)
            pace.setdefault(kappa, []).append(math.nan if rate is None else _steps_per_e(rate))
            predicted_rate = (1 - member.run.learning_rate * slowest(member)) ** 2
            expected.setdefault(kappa, []).append(_steps_per_e(predicted_rate))
        low, high = min(pace), max(pace)
        predicted = float(np.median(expected[high]) / np.median(expected[low]))
        ratio = float(np.median(pace[high]) / np.median(pace[low]))
        measured = None if math.isnan(ratio) else ratio
    return Prediction(
        "condition-law",
        f"{label}: steps per decade of loss at the largest κ over those at the smallest",
        "ln(1 − η λ_min(κ₁)) / ln(1 − η λ_min(κ₂)); 1 with the preconditioner",
        PAPER + ", preconditioned",
        predicted,
        measured,
        reason,
    )


def _steps_per_e(rate: float) -> float:
    """Steps in which the loss falls by a factor of e, at ``rate`` per step."""
    return -1 / math.log(rate) if 0 < rate < 1 else math.nan
