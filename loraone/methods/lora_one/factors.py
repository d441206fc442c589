"""LoRA-One: start in the top singular subspace of the one-step full fine-tuning gradient.

With ``−G ≈ U diag(S) Vᵀ`` and scaling s of the adapter, the three published forms are

    spectral   B = U_r √(S_r/S₁)/√γ   A = √(S_r/S₁) V_rᵀ/√γ   s·B·A = −(s/(γ S₁)) G_r
    gradient   B = U_r √S_r/√γ        A = √S_r V_rᵀ/√γ        s·B·A = −(s/γ) G_r
    squared    B = U_r S_r/√γ         A = S_r V_rᵀ/√γ         s·B·A = (s/γ) U_r S_r² V_rᵀ

Sources: the official code (github YuanheZ/LoRA-One), arXiv 2502.01235 Algorithm 1, and the formula
printed in huggingface/peft#2882. The base weight is not changed.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import torch
from torch import Tensor

from loraone.linalg.svd import Decomposition
from loraone.methods.base import Factors, Initialisation, InitProblem, kaiming_rows
from loraone.methods.lora_one.row import LoraOneParams

LARGEST_GAMMA = 2.0**16
SMALLEST_GAMMA = 2.0**-10


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

    gamma, loss = search_gamma(loss_at)
    before = problem.held_out_loss(None)
    if loss >= before:
        notes.append(
            f"no γ lowered the held-out loss ({before:.4g}); γ = {gamma:g} raised it least"
        )
    return Initialisation(
        _all_at(unit, problem.gradients, gamma), chosen={"gamma": gamma}, notes=tuple(notes)
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


def search_gamma(loss_at: Callable[[float], float]) -> tuple[float, float]:
    """The γ of lowest ``loss_at(γ)``, to within a factor of √2, and that loss.

    From no step at all (large γ) towards larger steps by factors of 4, until the loss has been
    rising twice in a row; then halving the factor around the best.
    """
    tried: dict[float, float] = {}

    def loss(gamma: float) -> float:
        if gamma not in tried:
            value = loss_at(gamma)
            tried[gamma] = value if value == value else float("inf")
        return tried[gamma]

    gamma, rising = LARGEST_GAMMA, 0
    best = gamma
    loss(gamma)
    while gamma > SMALLEST_GAMMA and rising < 2:
        gamma /= 4
        if loss(gamma) < loss(best):
            best, rising = gamma, 0
        else:
            rising += 1
    for factor in (2.0, 2.0**0.5):
        best = min((best, best * factor, best / factor), key=loss)
    return best, loss(best)
