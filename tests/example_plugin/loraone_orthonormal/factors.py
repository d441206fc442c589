"""The factors of every layer."""

from __future__ import annotations

import torch

from loraone.methods.base import Factors, Initialisation, InitProblem
from loraone_orthonormal.row import Params


def initialise(problem: InitProblem, params: Params) -> Initialisation:
    """A: orthonormal rows times ``size``; B: zero, so that the model starts where it was."""
    factors = {}
    for name, gradient in problem.gradients.items():
        m, n = len(gradient.U), len(gradient.V)
        rows = torch.randn(n, problem.rank, generator=problem.generator)
        A = torch.linalg.qr(rows)[0].T * params.size
        factors[name] = Factors(A.contiguous(), torch.zeros(m, problem.rank))
    return Initialisation(factors)
