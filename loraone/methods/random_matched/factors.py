"""A control for LoRA-One: random directions, the same singular values of ``s·B·A`` in each layer.

    B = Q_m diag(w)    A = diag(w) Q_nᵀ    w as in LoRA-One (√(S/S₁), √S, or S, over √γ)

with Q_m, Q_n random orthonormal (m, r) and (n, r). Every norm of the init is LoRA-One's, its
direction is not: what both have in common is due to size alone (compare arXiv 2507.06558).
"""

from __future__ import annotations

from dataclasses import replace

import torch

from loraone.linalg.svd import Decomposition
from loraone.methods.base import Initialisation, InitProblem
from loraone.methods.lora_one import factors as lora_one
from loraone.methods.lora_one.row import LoraOneParams


def initialise(problem: InitProblem, params: LoraOneParams) -> Initialisation:
    """LoRA-One's factors of a gradient with the same spectrum and random singular vectors.

    With ``gamma="auto"`` the γ is the one that LoRA-One itself would choose: the sizes must match.
    """
    searched = Initialisation({})
    if params.gamma == "auto":
        searched = lora_one.initialise(problem, params)
        params = params.model_copy(update={"gamma": searched.chosen["gamma"]})
    gradients = {
        name: _turned(gradient, problem.generator) for name, gradient in problem.gradients.items()
    }
    matched = lora_one.initialise(replace(problem, gradients=gradients), params)
    return replace(
        matched,
        chosen=searched.chosen | matched.chosen,
        notes=tuple(dict.fromkeys((*searched.notes, *matched.notes))),
    )


def _turned(gradient: Decomposition, generator: torch.Generator) -> Decomposition:
    """The same singular values with random orthonormal vectors (Haar, by QR of a Gaussian)."""
    U, V = (
        torch.linalg.qr(torch.randn(basis.shape, generator=generator, dtype=basis.dtype))[0]
        for basis in (gradient.U, gradient.V)
    )
    return Decomposition(U, gradient.S, V, gradient.frobenius)
