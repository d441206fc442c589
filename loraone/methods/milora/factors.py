"""MiLoRA: train the minor part of the weight, and leave the principal part as it is.

With ``W = U diag(S) Vᵀ`` and its last r triplets (the smallest of all min(m, n))

    B = U √S/√s    A = √S Vᵀ/√s    W_base = W − s·B·A

so that s·B·A is the minor part and the model starts where it was. Source: arXiv 2406.09044,
section 3; its code has the division by s too.
"""

from __future__ import annotations

from loraone.catalog import NoParams
from loraone.linalg.svd import truncated_svd
from loraone.methods.base import Factors, Initialisation, InitProblem


def initialise(problem: InitProblem, params: NoParams) -> Initialisation:
    """The factors of every layer; a note where zero singular values leave nothing to train."""
    r, root = problem.rank, problem.scaling**0.5
    factors, short = {}, []
    for name, weight in problem.weights.items():
        whole = truncated_svd(weight, min(weight.shape))
        if whole.rank() < len(whole.S):
            short.append(name)
        scale = whole.S[-r:].sqrt() / root
        A = scale[:, None] * whole.V[:, -r:].T
        factors[name] = Factors(A.contiguous(), whole.U[:, -r:] * scale)
    notes: tuple[str, ...] = ()
    if short:
        layers = "1 layer has" if len(short) == 1 else f"{len(short)} layers have"
        notes = (
            f"{layers} a weight of rank below min(m, n) (the first: {short[0]}): a direction "
            "whose singular value is zero has zero factors, and cannot be trained",
        )
    return Initialisation(factors, offset_base=True, notes=notes)
