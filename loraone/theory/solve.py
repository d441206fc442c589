"""All runs of an experiment at once: those of one shape are one batch of tensors."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from loraone.catalog import METHODS
from loraone.events import Progress
from loraone.linalg.svd import Decomposition
from loraone.methods.base import Factors, Initialisation
from loraone.progress import Steps, finish
from loraone.spec.experiment import RunSpec
from loraone.theory import student_optimizers
from loraone.theory.initial_factors import InitialFactors, OneStep, initial_factors
from loraone.theory.losses import LinearLoss, Loss, loss_of
from loraone.theory.student_batch import StudentBatch
from loraone.theory.teacher import Teacher, draw

# StudentBatch in one batch: enough to keep the processor busy, few enough to stay in its cache.
MOST_AT_ONCE = 32
MOST_NETWORKS = 4
# Training steps between two of a batch's signs of progress.
TICK = 50

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Solution:
    """What happened in one run; losses are relative to the untouched student's.

    ``losses`` has the training loss before every step and after the last, (steps + 1,). At
    ``measured`` steps there are ``fresh`` losses and, by layer, the largest sines of B·A's top-r*
    subspaces to the gradient's: ``sin_in`` and ``sin_out``, (measured, layers); see :func:`sines`.
    ``began`` and ``ended`` are factors by layer.
    """

    run: RunSpec
    teacher: Teacher
    step: OneStep
    gradients: dict[str, Decomposition]
    initialisation: Initialisation
    bases: dict[str, Tensor]
    start_loss: float
    losses: Floats
    measured: tuple[int, ...]
    fresh: Floats
    sin_in: Floats
    sin_out: Floats
    began: dict[str, Factors] = field(default_factory=dict)
    ended: dict[str, Factors] = field(default_factory=dict)
    history: tuple[dict[str, Factors], ...] = ()
    weights: dict[str, Tensor] = field(default_factory=dict)

    def steps_to(self, loss: float) -> int | None:
        """The first step at which the relative training loss is below ``loss``."""
        below = np.flatnonzero(self.losses < loss)
        return int(below[0]) if len(below) else None


def solve(
    runs: Sequence[RunSpec], *, every: int | None = None, keep: bool = False
) -> list[Solution]:
    """Solve all runs; the result is the same as one by one, to rounding.

    Args:
        runs: of the teacher–student task.
        every: steps between measurements; what the spec says by default.
        keep: the factors at every measured step, as ``history``.
    """
    return finish(solve_steps(runs, every=every, keep=keep))


@torch.no_grad()
def solve_steps(
    runs: Sequence[RunSpec], *, every: int | None = None, keep: bool = False
) -> Steps[list[Solution]]:
    """:func:`solve`; progress counts the runs done, and comes within a batch of runs too."""
    teachers: dict[str, Teacher] = {}
    one_steps: dict[str, OneStep] = {}
    batches: dict[str, list[int]] = defaultdict(list)
    for i, run in enumerate(runs):
        batches[_shape_key(run)].append(i)
    solutions: dict[int, Solution] = {}
    for members in batches.values():
        size = _at_once(runs[members[0]])
        for at in range(0, len(members), size):
            part = members[at : at + size]
            batch = [runs[i] for i in part]
            wanted = [run.teacher for run in batch]
            for one in wanted:
                if one.key not in teachers:
                    teachers[one.key] = draw(one.problem, one.seed)
                    one_steps[one.key] = OneStep.of(one.problem, teachers[one.key])
            keys = [one.key for one in wanted]
            known = [teachers[key] for key in keys], [one_steps[key] for key in keys]
            so_far = Progress("solve", len(solutions), len(runs))
            solved = yield from _solve(batch, *known, every, keep, so_far)
            solutions.update(zip(part, solved, strict=True))
            yield Progress("solve", len(solutions), len(runs))
    return [solutions[i] for i in range(len(runs))]


def _at_once(run: RunSpec) -> int:
    return MOST_AT_ONCE if run.problem.activation == "linear" else MOST_NETWORKS


def _measured(run: RunSpec, every: int | None) -> list[int]:
    """Steps at which more than the training loss is measured; the first and the last always."""
    intervals = (every,) if every else (run.measure.alignment_every, run.training.eval_every)
    last = run.training.steps
    return [
        t for t in range(last + 1) if t == last or any(t % interval == 0 for interval in intervals)
    ]


def _shape_key(run: RunSpec) -> str:
    """Equal for runs that can be one batch."""
    problem = run.problem
    trains = METHODS[run.method.name].trains
    # Without the samples themselves the linear loss takes any number of them.
    samples = 0 if problem.activation == "linear" else problem.samples
    rank = 0 if trains == "all" else run.rank
    shapes = (problem.shapes, samples, problem.activation, problem.dtype, problem.true_rank)
    return repr((shapes, rank, trains, run.training, run.measure.alignment_every))


def _solve(
    runs: Sequence[RunSpec],
    teachers: Sequence[Teacher],
    one_steps: Sequence[OneStep],
    every: int | None,
    keep: bool,
    so_far: Progress,
) -> Steps[list[Solution]]:
    training = runs[0].training
    loss = loss_of(runs[0].problem.activation, teachers)
    initial = [initial_factors(*each) for each in zip(runs, teachers, one_steps, strict=True)]
    students = StudentBatch(runs, initial)
    untouched = [torch.stack(layer) for layer in zip(*(t.start for t in teachers), strict=True)]
    first, _ = loss.gradients(untouched)
    first_fresh = loss.fresh(untouched)
    rates = first.new_tensor([run.learning_rate for run in runs])[:, None, None]
    optimizer = student_optimizers.build(students, rates, training)
    reference = _references(runs, initial)
    began = _factors(students)
    measured = _measured(runs[0], every)
    measured_steps = set(measured)
    losses, fresh, sines = [], [], []
    history: list[list[dict[str, Factors]]] = []
    loss_now = _loss_of_students(loss, students)
    for t in range(training.steps + 1):
        if t % TICK == 0:
            yield so_far
        now, whole = loss_now()
        losses.append(now / first)
        if t in measured_steps:
            fresh.append(loss.fresh(students.weights()) / first_fresh)
            sines.append(_sines(students, reference))
            if keep:
                history.append(_factors(students))
        if t < training.steps:
            optimizer.step(students.gradients(whole))
    columns = torch.stack(losses, dim=1).double().numpy()
    fresh_columns = torch.stack(fresh, dim=1).double().numpy()
    angles = torch.stack(sines, dim=1).double().numpy()  # (students, measured, 2, layers)
    ended, final = _factors(students), students.weights()
    names = runs[0].problem.names
    return [
        Solution(
            run=run,
            teacher=teachers[i],
            step=one_steps[i],
            gradients=dict(initial[i].gradients),
            initialisation=initial[i].initialisation,
            bases=dict(zip(names, initial[i].bases, strict=True)),
            start_loss=float(first[i]),
            losses=columns[i],
            measured=tuple(measured),
            fresh=fresh_columns[i],
            sin_in=angles[i, :, 0],
            sin_out=angles[i, :, 1],
            began=began[i],
            ended=ended[i],
            history=tuple(at_step[i] for at_step in history),
            weights={name: W[i] for name, W in zip(names, final, strict=True)},
        )
        for i, run in enumerate(runs)
    ]


def _loss_of_students(
    loss: Loss, students: StudentBatch
) -> Callable[[], tuple[Tensor, list[Tensor]]]:
    """The training loss and its gradients where the students are; cheaper where it is possible."""
    if not isinstance(loss, LinearLoss) or students.trains == "all":
        return lambda: loss.gradients(students.weights())
    around = loss.around(students.bases)

    def at_product() -> tuple[Tensor, list[Tensor]]:
        ((A, B),) = students.factors()
        return around(students.scaling * B, A)

    return at_product


def _factors(students: StudentBatch) -> list[dict[str, Factors]]:
    """Every student's factors by layer."""
    layers = students.factors()
    count = len(students.bases[0])
    return [
        {
            name: Factors(A[i].clone(), B[i].clone())
            for name, (A, B) in zip(students.names, layers, strict=False)
        }
        for i in range(count)
    ]


def _references(
    runs: Sequence[RunSpec], initial: Sequence[InitialFactors]
) -> list[tuple[Tensor, Tensor]]:
    """By layer, the gradient's top right and left singular vectors, as many as can be learned."""
    k = min(runs[0].rank, runs[0].problem.true_rank)
    bases = []
    for name in runs[0].problem.names:
        tops = [each.gradients[name] for each in initial]
        right = torch.stack([top.V[:, :k] for top in tops])
        left = torch.stack([top.U[:, :k] for top in tops])
        bases.append((right, left))
    return bases


def _sines(students: StudentBatch, reference: list[tuple[Tensor, Tensor]]) -> Tensor:
    """Largest sines, (students, 2, layers): the in side, then the out side."""
    count = len(students.bases[0])
    largest = students.bases[0].new_full((count, 2, len(reference)), torch.nan)
    for i, (A, B) in enumerate(students.factors()):
        largest[:, 0, i], largest[:, 1, i] = sines(A, B, *reference[i])
    return largest


def sines(A: Tensor, B: Tensor, right: Tensor, left: Tensor) -> tuple[Tensor, Tensor]:
    """Sines of the largest angles of B·A's top-k singular subspaces to orthonormal bases.

    ``‖(I − RRᵀ) V_k‖₂`` with R = ``right`` (students, n, k), and the same with ``left`` (…, m, k):
    the paper's distance. Where B·A is zero, as LoRA begins, A's own top-k subspace stands for it
    on the in side and there is none on the out side; NaN where there are fewer than k directions.
    """
    finite = A.isfinite().all(dim=(1, 2)) & B.isfinite().all(dim=(1, 2))
    A, B = (torch.where(finite[:, None, None], factor, 0) for factor in (A, B))
    zero = (B == 0).all(dim=(1, 2))
    q_in, r_in = torch.linalg.qr(A.mT)
    q_out, r_out = torch.linalg.qr(B)
    core = torch.where(zero[:, None, None], r_in.mT, r_out @ r_in.mT)
    U, S, Vh = torch.linalg.svd(core)
    k = right.shape[-1]
    full = S[:, k - 1] > S[:, 0] * torch.finfo(S.dtype).eps * max(A.shape[-1], B.shape[-2])
    on_right = torch.where(full, _largest_sine(q_in @ Vh[:, :k].mT, right), torch.nan)
    on_left = torch.where(full & ~zero, _largest_sine(q_out @ U[..., :k], left), torch.nan)
    return on_right, on_left


def _largest_sine(top: Tensor, reference: Tensor) -> Tensor:
    away = top - reference @ (reference.mT @ top)
    sine: Tensor = torch.linalg.svdvals(away)[..., 0].clamp(max=1)
    return sine
