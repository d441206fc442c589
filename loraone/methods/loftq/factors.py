"""LoftQ: round the base weight to 4 bits, and let the factors make up for what that loses.

From L·R = 0, in turn: Q = q(W − L·R), and L·R the best rank-r part of W − Q. Then the base weight
is Q, and s·B·A = L·R with √S in both factors. q is NF4: blocks of 64 entries, each divided by its
largest magnitude and set to the nearest of 16 values (arXiv 2305.14314, appendix E).

A base that was quantised when it was loaded stays as it is: that is one round, with whatever its
quantisation lost, and a layer of it that is in full precision begins as in LoRA.

PEFT's own (``loftq_init``) needs CUDA and bitsandbytes, and leaves s out: its adapter is s times
too large wherever s is not 1. Source: arXiv 2310.08659, Algorithm 1.
"""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch import Tensor

from loraone.linalg.svd import truncated_svd
from loraone.methods.base import Factors, Initialisation, InitProblem, kaiming_rows
from loraone.methods.loftq.row import LoftqParams

BLOCK = 64
# Quantiles of a normal distribution, normalised to [−1, 1] with an exact zero: arXiv 2305.14314.
NF4 = (
    -1.0,
    -0.6961928009986877,
    -0.5250730514526367,
    -0.39491748809814453,
    -0.28444138169288635,
    -0.18477343022823334,
    -0.09105003625154495,
    0.0,
    0.07958029955625534,
    0.16093020141124725,
    0.24611230194568634,
    0.33791524171829224,
    0.44070982933044434,
    0.5626170039176941,
    0.7229568362236023,
    1.0,
)


def initialise(problem: InitProblem, params: LoftqParams) -> Initialisation:
    """The quantised base and the factors of every layer."""
    if problem.originals:
        return Initialisation(dict(_beside(problem)))
    factors, bases = {}, {}
    for name, weight in problem.weights.items():
        B, A = weight.new_zeros(len(weight), 1), weight.new_zeros(1, weight.shape[1])
        for _ in range(params.iterations):
            rounded = nf4(weight - B @ A)
            lost = truncated_svd(weight - rounded, problem.rank)
            B, A = lost.U * lost.S.sqrt(), lost.S.sqrt()[:, None] * lost.V.T
        bases[name] = rounded
        root = problem.scaling**0.5
        factors[name] = Factors(A / root, B / root)
    return Initialisation(factors, bases=bases)


def _beside(problem: InitProblem) -> Iterator[tuple[str, Factors]]:
    """The factors of every layer of a base that stays as it was quantised."""
    root = problem.scaling**0.5
    for name, weight in problem.weights.items():
        if name in problem.originals:
            lost = truncated_svd(problem.originals[name] - weight, problem.rank)
            scale = lost.S.sqrt() / root
            yield name, Factors(scale[:, None] * lost.V.T, lost.U * scale)
        else:
            A = kaiming_rows(problem.rank, weight.shape[1], problem.generator)
            yield name, Factors(A, weight.new_zeros(len(weight), problem.rank))


def nf4(weight: Tensor) -> Tensor:
    """``weight`` rounded to NF4 in blocks of 64 along its rows, and back."""
    flat = weight.reshape(-1)
    blocks = torch.nn.functional.pad(flat, (0, -len(flat) % BLOCK)).reshape(-1, BLOCK)
    largest = blocks.abs().amax(dim=1, keepdim=True)
    scaled = blocks / torch.where(largest == 0, torch.ones_like(largest), largest)
    levels = torch.tensor(NF4, device=weight.device)
    halfway = (levels[1:] + levels[:-1]) / 2
    rounded = levels[torch.bucketize(scaled, halfway)] * largest
    return rounded.reshape(-1)[: len(flat)].reshape(weight.shape)
