"""A run of a teacher–student problem as the stream of events that every run is."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any

import numpy as np
import torch

from loraone.errors import TrainingError
from loraone.events import Event, Finished, InitReport, Layers, Metric, Note, Progress, Started
from loraone.linalg.spectra import singular_values
from loraone.measure import alignment, reports, spectra
from loraone.measure.model import MeasuredModel
from loraone.runs.environment import machine, memory_bytes
from loraone.spec.experiment import RunSpec
from loraone.theory import predictions
from loraone.theory.solve import Solution, solve
from loraone.theory.trained_student import TrainedStudent

CPU = torch.device("cpu")
# A loss so many times its start does not come back: gradient descent has diverged.
DIVERGED = 1e8


def run(spec: RunSpec, **_: Any) -> Iterator[Event]:
    """Solve one problem and yield what happened, in the order of :mod:`loraone.events`.

    It needs no workspace and writes no files: there is no pretrained model to put an adapter on.

    Raises TrainingError where the loss stops being a number.
    """
    problem = spec.problem
    yield Started({**machine(CPU), "gradient_key": spec.gradient_key()})
    shapes = problem.shapes
    yield Layers(problem.names, tuple(m for m, _ in shapes), tuple(n for _, n in shapes))
    yield Progress("train", 0, spec.training.steps)
    began = time.perf_counter()
    (solution,) = solve([spec], keep=True)
    seconds = time.perf_counter() - began
    for note in solution.initialisation.notes:
        yield Note(note)
    yield from _start(solution)
    yield from _training(solution, seconds)
    yield from _end(solution)
    for prediction in predictions.of_run(solution):
        if prediction.ratio is not None:
            numbers = f"{prediction.measured:.4g}, predicted {prediction.predicted:.4g}"
            yield Note(f"{prediction.label}: {numbers}")
    yield Finished(_summary(solution, seconds))


def _start(solution: Solution) -> Iterator[Event]:
    run, names = solution.run, solution.run.problem.names
    start = dict(zip(names, solution.teacher.start, strict=True))
    student = TrainedStudent(solution, solution.began)
    for name in names:
        values = solution.step.triplets[name].S
        yield spectra.spectra(name, "gradient", values, run.rank)
        yield spectra.spectra(name, "weight", singular_values(start[name]), run.rank)
        initial = student.initial(name)
        if initial is not None:
            yield spectra.spectra(name, "init", initial.singular_values(), run.rank)
    columns = reports.init_columns(_measured(solution, student))
    first = solution.start_loss
    scalars = {
        "gradient_batch_loss_before": first,
        "gradient_batch_loss_after": first * float(solution.losses[0]),
        "held_out_loss_before": 1.0,
        "held_out_loss_after": float(solution.fresh[0]),
    }
    yield InitReport(columns, scalars, solution.initialisation.chosen)
    yield alignment.overlaps(0, student, student.layers(), solution.gradients, run.rank)


def _training(solution: Solution, seconds: float) -> Iterator[Event]:
    run = solution.run
    training = run.training
    for i, step in enumerate(solution.measured):
        loss = float(solution.losses[step])
        if not (solution.losses[: step + 1] < DIVERGED).all():  # not a number is not below either
            raise TrainingError(
                f"the loss has grown beyond {DIVERGED:g} times its start by step {step} of "
                f"{training.steps} (learning rate {run.learning_rate:g})",
                field="learning_rate",
                value=run.learning_rate,
                hint="lower the learning rate; gradient descent diverges above 2/λ_max",
            )
        values = {"relative_loss": loss, "fresh_loss": float(solution.fresh[i])}
        for name, sines in (("sin_in", solution.sin_in), ("sin_out", solution.sin_out)):
            if not np.isnan(sines[i]).all():
                values[name] = float(np.nanmean(sines[i]))
        if step % training.eval_every == 0 or step == training.steps:
            share = step / max(1, training.steps)
            yield Metric(step, values, share * seconds, step * run.problem.samples)
        if step % run.measure.alignment_every == 0 or step == training.steps:
            student = TrainedStudent(solution, solution.history[i])
            yield alignment.align(
                step,
                student,
                student.layers(),
                solution.step.matrices,
                solution.gradients,
                run.rank,
            )
    yield Progress("train", training.steps, training.steps)


def _end(solution: Solution) -> Iterator[Event]:
    run = solution.run
    student = TrainedStudent(solution, solution.ended)
    yield from reports.update_events(_measured(solution, student), run.training.steps)


def _measured(solution: Solution, student: TrainedStudent) -> MeasuredModel:
    """The student as the metrics of its layers see it."""
    run = solution.run
    start = dict(zip(run.problem.names, solution.teacher.start, strict=True))
    gradients = solution.step.matrices
    return MeasuredModel(
        student,
        student.layers(),
        start,
        solution.gradients,
        gradients,
        run.rank,
        run.measure,
    )


def _summary(solution: Solution, seconds: float) -> dict[str, float | None]:
    run = solution.run
    factors = list(solution.ended.values())
    trained = sum(pair.A.numel() + pair.B.numel() for pair in factors)
    if not factors:
        trained = sum(W.numel() for W in solution.weights.values())
    if solution.initialisation.cores:
        trained = sum(core.numel() for core in solution.initialisation.cores.values())
    return {
        "relative_loss": float(solution.losses[-1]),
        "fresh_loss": float(solution.fresh[-1]),
        "gamma": solution.initialisation.chosen.get("gamma"),
        "trained_parameters": float(trained),
        "train_seconds": seconds,
        "tokens": float(run.training.steps * run.problem.samples),
        "memory_bytes": memory_bytes(CPU),
    }
