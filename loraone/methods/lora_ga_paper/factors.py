"""The paper's form: both factors orthonormal but for the constant c; see lora_ga's for both."""

from __future__ import annotations

from loraone.methods.base import Initialisation, InitProblem
from loraone.methods.lora_ga.factors import from_gradient
from loraone.methods.lora_ga.row import LoraGaParams


def initialise(problem: InitProblem, params: LoraGaParams) -> Initialisation:
    """``A = V_{0:r}ᵀ c``, ``B = U_{r:2r} c`` and ``W_base = W₀ − s·B·A``."""
    return from_gradient(problem, params, scale_by_s=False)
