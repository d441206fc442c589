"""LoRA-One: start in the top singular subspace of the one-step full fine-tuning gradient.

With ``−G ≈ U diag(S) Vᵀ`` and scaling s of the adapter, the three published forms are

    spectral   B = U_r √(S_r/S₁)/√γ   A = √(S_r/S₁) V_rᵀ/√γ   s·B·A = −(s/(γ S₁)) G_r
    gradient   B = U_r √S_r/√γ        A = √S_r V_rᵀ/√γ        s·B·A = −(s/γ) G_r
    squared    B = U_r S_r/√γ         A = S_r V_rᵀ/√γ         s·B·A = (s/γ) U_r S_r² V_rᵀ

Sources: the official code (github YuanheZ/LoRA-One), arXiv 2502.01235 Algorithm 1, and the formula
printed in huggingface/peft#2882. The base weight is not changed.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping

import torch
from torch import Tensor

from loraone.linalg.svd import Decomposition
from loraone.methods.base import Factors, Initialisation, InitProblem, kaiming_rows
from loraone.methods.lora_one.row import LoraOneParams

# What is tried of γ at first, from hardly any step at all to large ones.
GRID = tuple(2.0**exponent for exponent in range(16, -11, -1))
LARGEST_GAMMA, SMALLEST_GAMMA = GRID[0], GRID[-1]


def initialise(problem: InitProblem, params: LoraOneParams) -> Initialisation:
    """The factors of every layer; with ``gamma="auto"`` the γ is searched for first."""
    notes = []
    short = {
        name: gradient.rank()
        for name, gradient in problem.gradients.items()
        if gradient.rank() < problem.rank
    }
    if short:
        name, rank = min(short.items(), key=lambda item: item[1])
        layers = "1 layer has" if len(short) == 1 else f"{len(short)} layers have"
        notes.append(
            f"{layers} a gradient of rank below {problem.rank} (lowest: {rank} in "
            f"{name}); the surplus rows of A are random and columns of B zero, as in LoRA"
        )
    unit = {
        name: factors(gradient, problem.rank, params.scale, 1.0, problem.generator)
        for name, gradient in problem.gradients.items()
    }
    if params.gamma != "auto":
        gamma = float(params.gamma)
        return Initialisation(
            _all_at(unit, problem.gradients, gamma), chosen={"gamma": gamma}, notes=tuple(notes)
        )

    def loss_at(gamma: float) -> float:
        return problem.held_out_loss(_all_at(unit, problem.gradients, gamma))

    tried: dict[float, float] = {}
    gamma, loss = search_gamma(loss_at, tried)
    notes += _said_of_search(gamma, loss, problem.held_out_loss(None), tried)
    # What was searched is kept beside what was found: the loss at each γ.
    searched = {f"held_out_loss_at_gamma_{at:.4g}": tried[at] for at in sorted(tried)}
    return Initialisation(
        _all_at(unit, problem.gradients, gamma),
        chosen={"gamma": gamma, **searched},
        notes=tuple(notes),
    )


def factors(
    gradient: Decomposition, r: int, scale: str, gamma: float, generator: torch.Generator
) -> Factors:
    """lora_A (r, n) and lora_B (m, r) of one layer from the decomposition of its G.

    Where rank(G) < r the surplus rows of A are drawn as in LoRA and the columns of B are zero:
    s·B·A stays what the formula says, and the surplus directions can still be trained.
    """
    known = min(gradient.rank(), r)
    weights = _weights(gradient.S[:known], scale) / gamma**0.5
    m, n = len(gradient.U), len(gradient.V)
    A = kaiming_rows(r, n, generator, gradient.U.dtype)
    B = gradient.U.new_zeros(m, r)
    A[:known] = weights[:, None] * gradient.V[:, :known].T
    B[:, :known] = -gradient.U[:, :known] * weights  # the SVD is of G, the step goes along −G
    return Factors(A, B)


def _weights(S: Tensor, scale: str) -> Tensor:
    """What both singular vectors are multiplied by."""
    if scale == "squared":
        return S
    return (S / S[:1] if scale == "spectral" else S).sqrt()


def _all_at(
    unit: Mapping[str, Factors], gradients: Mapping[str, Decomposition], gamma: float
) -> dict[str, Factors]:
    """The factors at γ from those at γ = 1; random surplus rows keep LoRA's own scale."""
    found = {}
    for name, at_one in unit.items():
        known = min(gradients[name].rank(), len(at_one.A))
        A = at_one.A.clone()
        A[:known] /= gamma**0.5
        found[name] = Factors(A, at_one.B / gamma**0.5)
    return found


def search_gamma(
    loss_at: Callable[[float], float], tried: dict[float, float] | None = None
) -> tuple[float, float]:
    """The γ of the lowest ``loss_at(γ)`` of all that are tried, and that loss.

    All of the grid 2¹⁶, 2¹⁵, … 2⁻¹⁰ is tried, since a loss may be flat or have several valleys;
    then √2 times the lowest and 1/√2 of it: at most 29 losses, which ``tried`` collects. Of equal
    losses the larger γ, the smaller step, is taken. One that is not finite counts as infinite.
    """
    tried = {} if tried is None else tried

    def rank(gamma: float) -> tuple[float, float]:
        if gamma not in tried:
            value = loss_at(gamma)
            tried[gamma] = value if math.isfinite(value) else math.inf
        return tried[gamma], -gamma

    best = min(GRID, key=rank)
    near = (best, best * 2.0**0.5, best / 2.0**0.5)
    best = min((at for at in near if SMALLEST_GAMMA <= at <= LARGEST_GAMMA), key=rank)
    return best, tried[best]


def _said_of_search(
    gamma: float, loss: float, before: float, tried: Mapping[float, float]
) -> list[str]:
    """What a reader must know of a search that did not end as one would wish."""
    extent = f"of {len(tried)} tried from {min(tried):.3g} to {max(tried):g}"
    if not math.isfinite(loss):
        return [
            f"no γ {extent} has a finite held-out loss; the largest, the smallest step, is used"
        ]
    if not loss < before:
        return [
            f"no γ lowered the held-out loss ({before:.6g}): {extent}, γ = {gamma:.4g} has the "
            f"lowest, {loss:.6g}"
        ]
    said = []
    if gamma in (LARGEST_GAMMA, SMALLEST_GAMMA):
        said.append(
            f"the lowest held-out loss, {loss:.6g}, is at the end of the range that was searched: "
            f"{extent}, γ = {gamma:.4g}"
        )
    highest = max((at for at in tried if at > gamma), key=tried.__getitem__, default=gamma)
    # A rise that is small beside what was gained is rounding: 2e-5 in bfloat16, on MiniLM.
    if tried[highest] - before > 0.5 * (before - loss):
        said.append(
            f"the lowest held-out loss, {loss:.6g} at γ = {gamma:.4g}, is behind a rise from "
            f"{before:.6g} to {tried[highest]:.6g} at γ = {highest:.4g}: so large a step may leave "
            "little of what the model knew"
        )
    return said
