"""What a student begins with: the initialisers of the catalogue on the one-step gradient."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor

from loraone.catalog import METHODS, resolve
from loraone.inputs.data.batches import generator
from loraone.linalg.svd import Decomposition, truncated_svd
from loraone.methods.base import Factors, Initialisation, InitProblem, kaiming_rows
from loraone.spec.experiment import RunSpec
from loraone.spec.synthetic import ProblemSpec
from loraone.theory.losses import loss_of
from loraone.theory.teacher import Teacher


@dataclass(frozen=True)
class InitialFactors:
    """A student before its first step: base weights and, by layer, factors or a core between them.

    Without an adapter (full fine-tuning) ``factors`` is empty and the bases are trained.
    """

    bases: tuple[Tensor, ...]
    initialisation: Initialisation
    gradients: Mapping[str, Decomposition]


@dataclass(frozen=True)
class OneStep:
    """The one-step gradient of a problem by layer, and all its singular triplets."""

    matrices: dict[str, Tensor]
    triplets: dict[str, Decomposition]

    @classmethod
    def of(cls, problem: ProblemSpec, teacher: Teacher) -> OneStep:
        """G of every layer at W₀."""
        weights = [layer[None] for layer in teacher.start]
        _, whole = loss_of(problem.activation, [teacher]).gradients(weights)
        matrices = {name: G[0] for name, G in zip(problem.names, whole, strict=True)}
        narrow = problem.narrowest
        return cls(matrices, {name: truncated_svd(G, narrow) for name, G in matrices.items()})


def initial_factors(run: RunSpec, teacher: Teacher, step: OneStep) -> InitialFactors:
    """What the run's method makes of the problem, computed as for a real model."""
    problem, row = run.problem, METHODS[run.method.name]
    weights = dict(zip(problem.names, teacher.start, strict=True))
    gradients = {name: step.triplets[name].top(run.rank * row.triplets) for name in weights}
    if row.trains == "all":
        return InitialFactors(teacher.start, Initialisation({}), gradients)
    draw = generator(run.seed, "factors")
    if row.vanilla:
        factors = {name: _vanilla(run, W, draw) for name, W in weights.items()}
        return InitialFactors(teacher.start, Initialisation(factors), gradients)
    given = InitProblem(
        gradients=gradients,
        rank=run.rank,
        scaling=problem.scaling,
        generator=draw,
        held_out_loss=lambda factors: _fresh_loss(problem, teacher, factors),
        matrices=step.matrices,
        weights=weights,
        learning_rate=run.learning_rate,
    )
    params = row.params.model_validate(run.method.params)
    assert row.initialise is not None  # specs with other methods are refused
    initialisation = resolve(row.initialise)(given, params)
    bases = []
    for name, W in weights.items():
        base = initialisation.bases.get(name, W)
        if initialisation.offset_base:
            base = (
                W
                - problem.scaling * initialisation.factors[name].B @ initialisation.factors[name].A
            )
        bases.append(base.to(W))
    return InitialFactors(tuple(bases), initialisation, gradients)


def _vanilla(run: RunSpec, W: Tensor, draw: torch.Generator) -> Factors:
    """LoRA's own start: A random, B zero."""
    m, n = W.shape
    std = run.problem.init_std
    if std is None:
        A = kaiming_rows(run.rank, n, draw, W.dtype)
    else:
        A = std * torch.randn(run.rank, n, generator=draw, dtype=W.dtype)
    return Factors(A, W.new_zeros(m, run.rank))


def _fresh_loss(
    problem: ProblemSpec, teacher: Teacher, factors: Mapping[str, Factors] | None
) -> float:
    """Loss on fresh inputs with these factors in place."""
    weights = []
    for name, W in zip(problem.names, teacher.start, strict=True):
        if factors is not None:
            W = W + problem.scaling * factors[name].B @ factors[name].A
        weights.append(W[None])
    return float(loss_of(problem.activation, [teacher]).fresh(weights)[0])
