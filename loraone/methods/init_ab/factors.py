"""Init[AB]: both factors random and non-zero, so that both have a gradient from the first step.

    A, B uniform within ±√(β/n), n = inputs of the layer: variance β/(3n)

With ``base="offset"`` the base becomes ``W₀ − s·B·A``; kept, as in the paper's Init[AB], the
model starts with the noise s·B·A added. Source: arXiv 2505.23194 (github Leopold1423/
non_zero_lora-icml25), whose layers are square: n is taken for B too, as in its width analysis.
"""

from __future__ import annotations

import torch
from torch import Tensor

from loraone.methods.base import Factors, Initialisation, InitProblem
from loraone.methods.init_ab.row import InitAbParams


def initialise(problem: InitProblem, params: InitAbParams) -> Initialisation:
    """The factors of every layer, A drawn before B."""
    factors = {}
    for name, weight in problem.weights.items():
        m, n = weight.shape
        bound = (params.beta / n) ** 0.5
        A, B = torch.empty(problem.rank, n), torch.empty(m, problem.rank)
        factors[name] = Factors(*(_uniform(x.to(weight.dtype), bound, problem) for x in (A, B)))
    return Initialisation(factors, offset_base=params.base == "offset")


def _uniform(empty: Tensor, bound: float, problem: InitProblem) -> Tensor:
    return empty.uniform_(-bound, bound, generator=problem.generator)
