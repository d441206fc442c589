"""LoRA-GA: A and B from different singular vectors of G, and the base weight made to compensate.

With ``+G ≈ U diag(S) Vᵀ``, zero-based columns:

    paper   A = V_{0:r}ᵀ · c    B = U_{r:2r} · c             c = m^¼/√γ
    PEFT    A = V_{0:r}ᵀ        B = U_{r:2r} diag(S_{r:2r}) · c

and W_base = W₀ − s·B·A. Sources: arXiv 2407.05000 section 3.3 and github Outsider565/LoRA-GA; PEFT
0.21 ``lora_ga_init`` with ``direction="ArB2r", scale="stable"``. PEFT's B carries the singular
values, so it shrinks with the loss (and its m is in_features on Conv1D, which is corrected here: m
is always out_features). Both need 2r ≤ min(m, n).
"""

from __future__ import annotations

from loraone.methods.base import Factors, Initialisation, InitProblem
from loraone.methods.lora_ga.row import LoraGaParams


def initialise(problem: InitProblem, params: LoraGaParams) -> Initialisation:
    """PEFT's form: B multiplied by S as well, A not by c."""
    return from_gradient(problem, params, scale_by_s=True)


def from_gradient(
    problem: InitProblem, params: LoraGaParams, *, scale_by_s: bool
) -> Initialisation:
    """Either form: with ``scale_by_s`` PEFT's, else the paper's."""
    r = problem.rank
    factors = {}
    short = []
    for name, gradient in problem.gradients.items():
        c = len(gradient.U) ** 0.25 / params.gamma**0.5
        second = gradient.U[:, r : 2 * r]
        if gradient.rank() < 2 * r:
            short.append(name)
        A, B = gradient.V[:, :r].T * c, second * c
        if scale_by_s:
            A, B = gradient.V[:, :r].T, second * gradient.S[r : 2 * r] * c
        factors[name] = Factors(A.contiguous(), B.contiguous())
    notes: tuple[str, ...] = ()
    if short:
        notes = (
            f"{len(short)} layers have a gradient of rank below {2 * r}: the surplus directions of "
            "their B are arbitrary",
        )
    return Initialisation(factors, offset_base=True, chosen={"gamma": params.gamma}, notes=notes)
