"""LoRA-SB: approximate AdamW's first full fine-tuning step, then train r × r numbers per layer.

AdamW's first step is −η·sign(G) in every entry. With −η·sign(G) ≈ U_r diag(S_r) V_rᵀ

    B = U_r    R = diag(S_r)    A = V_rᵀ    s = 1

B and A stay as they are, R is trained. So the adapter begins at the best rank-r part of that step,
and with orthonormal factors a gradient step on R is one on B·R·A. Saved as a plain adapter with
``lora_B = B·R``. Source: arXiv 2411.19557 section 3.2, github CERT-Lab/lora-sb.
"""

from __future__ import annotations

import torch

from loraone.linalg.svd import truncated_svd
from loraone.methods.base import Factors, Initialisation, InitProblem
from loraone.methods.lora_sb.row import LoraSbParams


def initialise(problem: InitProblem, params: LoraSbParams) -> Initialisation:
    """Orthonormal factors and the diagonal core of every layer."""
    eta = problem.learning_rate if params.eta == "learning rate" else float(params.eta)
    factors, cores = {}, {}
    for name, gradient in problem.matrices.items():
        found = truncated_svd(-eta * gradient.sign(), problem.rank)
        factors[name] = Factors(found.V.T.contiguous(), found.U)
        cores[name] = torch.diag(found.S)
    return Initialisation(factors, cores=cores, chosen={"eta": eta})
