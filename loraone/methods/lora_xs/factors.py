"""LoRA-XS: train r × r numbers per layer between frozen singular vectors of the weight.

With ``W = U diag(S) Vᵀ`` and scaling s of the adapter

    B = U_r diag(S_r)    A = V_rᵀ    R ~ N(0, σ²), (r, r)    W + s·B·R·A

B and A stay as they are, R is trained, the base is kept: with σ = 1e-5 the model starts (almost)
where it was. Source: arXiv 2405.17604, section 3; github MohammadrezaBanaei/LoRA-XS. Its W stands
to the right of x, so that its ``A = U_r S_r`` is the factor at the input: ``values_in="A"``.
"""

from __future__ import annotations

import torch

from loraone.linalg.svd import truncated_svd
from loraone.methods.base import Factors, Initialisation, InitProblem
from loraone.methods.lora_xs.row import LoraXsParams


def initialise(problem: InitProblem, params: LoraXsParams) -> Initialisation:
    """The frozen factors and the random core of every layer."""
    factors, cores = {}, {}
    for name, weight in problem.weights.items():
        top = truncated_svd(weight, problem.rank)
        A, B = top.V.T, top.U
        if params.values_in == "A":
            A = top.S[:, None] * A
        else:
            B = B * top.S
        factors[name] = Factors(A.contiguous(), B)
        drawn = torch.randn(len(A), len(A), generator=problem.generator, dtype=A.dtype)
        cores[name] = params.sigma * drawn
    return Initialisation(factors, cores=cores)
