"""Many students at once are the students one by one, and each is what torch would make of it."""

from __future__ import annotations

import statistics
import time
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from loraone.catalog import METHODS
from loraone.events import Progress
from loraone.progress import Steps
from loraone.spec.experiment import expand
from loraone.theory import teacher
from loraone.theory.initial_factors import OneStep, initial_factors
from loraone.theory.losses import loss_of
from loraone.theory.solve import Solution, solve, solve_steps
from loraone.theory.student_batch import StudentBatch
from loraone.theory.student_optimizers import preconditioned
from tests.loraone.theory.conftest import ONE, experiment, runs

ALL = [ONE if row.name == "lora_one" else row.name for row in METHODS.values() if row.synthetic]


@pytest.mark.parametrize("activation", ["linear", "relu", "two-layer"])
@pytest.mark.parametrize("optimizer", ["sgd", "adamw"])
def test_batched_and_unbatched_runs_agree(activation: str, optimizer: str) -> None:
    many = runs(
        *ALL,
        problem={"activation": activation, "noise": 0.1},
        training={"optimizer": optimizer},
        sweep={"parameter": "condition", "values": [1, 5]},
    )
    together = solve(many)
    for run, found in zip(many, together, strict=True):
        (alone,) = solve([run])
        np.testing.assert_allclose(found.losses, alone.losses, rtol=1e-10)
        np.testing.assert_allclose(found.fresh, alone.fresh, rtol=1e-10)


@pytest.mark.parametrize("activation", ["linear", "relu", "two-layer"])
def test_gradients_are_autograds(activation: str) -> None:
    (run,) = runs("lora", grid={"seeds": [3]}, problem={"activation": activation, "noise": 0.3})
    one = teacher.draw(run.problem, 3)
    weights = [W.clone().requires_grad_() for W in one.start]

    def student(x: torch.Tensor, layers: Any) -> torch.Tensor:
        first = x @ layers[0].T
        if activation == "linear":
            return first
        return first.relu() if activation == "relu" else first.relu() @ layers[1].T

    y = student(one.x, one.target) + one.noise
    loss = ((student(one.x, weights) - y) ** 2).sum() / (2 * len(one.x))
    loss.backward()
    found, gradients = loss_of(activation, [one]).gradients([W[None] for W in one.start])
    assert float(found[0]) == pytest.approx(loss.item(), rel=1e-12)
    for W, G in zip(weights, gradients, strict=True):
        torch.testing.assert_close(G[0], W.grad, rtol=1e-10, atol=1e-14)


@pytest.mark.parametrize(
    ("optimizer", "kind"),
    [("sgd", torch.optim.SGD), ("adamw", torch.optim.AdamW)],
)
@pytest.mark.parametrize("trains", ["lora", "full"])
def test_a_student_moves_as_under_torchs_own_optimiser(
    optimizer: str, kind: Any, trains: str
) -> None:
    plan = {"optimizer": optimizer, "weight_decay": 0.05, "max_grad_norm": 0.3}
    plan |= {"warmup_steps": 3, "schedule": "cosine"}
    (run,) = runs(trains, training=plan, grid={"seeds": [1]}, problem={"scaling": 2.0})
    (found,) = solve([run])
    one = teacher.draw(run.problem, run.seed)
    began = initial_factors(run, one, OneStep.of(run.problem, one)).initialisation.factors
    W = one.start[0].clone()
    if trains == "full":
        parameters = [W.requires_grad_()]
    else:
        parameters = [began["layer"].A.clone().requires_grad_(), began["layer"].B.clone()]
        parameters[1].requires_grad_()
    theirs = kind(parameters, lr=run.learning_rate, weight_decay=0.05)
    from loraone.training.schedule import rate

    schedule = torch.optim.lr_scheduler.LambdaLR(theirs, lambda step: rate(run.training, step))
    losses = []
    for _ in range(run.training.steps + 1):
        now = W if trains == "full" else W + 2.0 * parameters[1] @ parameters[0]
        error = one.x @ (now - one.target[0]).T
        loss = (error**2).sum() / (2 * len(one.x))
        losses.append(float(loss.detach()) / found.start_loss)
        theirs.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(parameters, 0.3)
        theirs.step()
        schedule.step()
    # torch's clipping adds 1e-6 to the norm.
    np.testing.assert_allclose(found.losses, losses, rtol=1e-4)


def test_the_preconditioned_student_moves_as_under_pefts_riemannian_optimiser() -> None:
    from peft import LoraConfig, get_peft_model
    from peft.optimizers import create_riemannian_optimizer

    plan = {"optimizer": "riemannian-sgd", "riemannian_damping": 1e-3}
    (run,) = runs(ONE, training=plan, grid={"seeds": [1]})
    (found,) = solve([run])
    one = teacher.draw(run.problem, run.seed)
    model = torch.nn.Sequential(torch.nn.Linear(12, 10, bias=False, dtype=torch.float64))
    model[0].weight.data.copy_(one.start[0])
    adapted = get_peft_model(model, LoraConfig(r=3, lora_alpha=3, target_modules=["0"]))  # type: ignore[arg-type]
    module = adapted.base_model.model[0]
    pair = found.began["layer"]
    for layer, value in ((module.lora_A, pair.A), (module.lora_B, pair.B)):
        layer["default"].to(torch.float64).weight.data.copy_(value)
    theirs = create_riemannian_optimizer(adapted, torch.optim.SGD, lr=run.learning_rate, reg=1e-3)
    losses = []
    for _ in range(run.training.steps + 1):
        loss = ((adapted(one.x) - one.x @ one.target[0].T) ** 2).sum() / (2 * len(one.x))
        losses.append(float(loss.detach()) / found.start_loss)
        theirs.zero_grad()
        loss.backward()
        theirs.step()
    np.testing.assert_allclose(found.losses, losses, rtol=1e-6)


def test_the_starts_are_those_of_the_initialisers_for_real_models() -> None:
    from loraone.methods.lora_one.factors import factors

    (run,) = runs(ONE, grid={"seeds": [4]})
    (found,) = solve([run])
    pair = found.began["layer"]
    assert pair.A.dtype == torch.float64
    product = pair.B @ pair.A
    G = found.step.matrices["layer"]
    U, S, Vh = torch.linalg.svd(G)
    torch.testing.assert_close(product, -(U[:, :3] * S[:3]) @ Vh[:3], rtol=1e-9, atol=1e-12)
    again = factors(found.gradients["layer"], 3, "gradient", 1.0, torch.Generator())
    torch.testing.assert_close(again.B @ again.A, product, rtol=1e-12, atol=1e-14)


@settings(max_examples=20)
@given(
    kappa=st.floats(1, 1e4),
    spectrum=st.sampled_from(["geometric", "linear", "cliff"]),
    r=st.integers(1, 8),
    seed=st.integers(0, 5),
)
def test_the_teachers_change_has_the_rank_and_the_condition_asked_for(
    kappa: float, spectrum: str, r: int, seed: int
) -> None:
    problem = {"condition": kappa, "spectrum": spectrum, "true_rank": r}
    spec = experiment("lora", problem=problem, grid={"ranks": [2]}).problem
    one = teacher.draw(spec, seed)
    values = torch.linalg.svdvals(one.target[0] - one.start[0])
    assert float(values[0]) == pytest.approx(1)
    assert float(values[r - 1]) == pytest.approx(1 / kappa if r > 1 else 1, rel=1e-6)
    assert float(values[r:].max()) < 1e-12


def test_what_does_not_depend_on_a_number_stays_when_it_changes() -> None:
    base = experiment("lora").problem
    one = teacher.draw(base, 0)
    more = teacher.draw(base.model_copy(update={"samples": 90}), 0)
    assert torch.equal(one.target[0], more.target[0])
    assert torch.equal(one.x, more.x[:60])
    steep = teacher.draw(base.model_copy(update={"condition": 9.0}), 0)
    assert torch.equal(one.start[0], steep.start[0])
    torch.testing.assert_close(
        torch.linalg.svd(one.target[0] - one.start[0])[2][0].abs().sum(),
        torch.linalg.svd(one.target[0] - one.start[0])[2][0].abs().sum(),
    )
    assert not torch.equal(one.x, teacher.draw(base, 1).x)


def test_the_same_experiment_gives_the_same_numbers_and_progress_reaches_the_end() -> None:
    many = runs(sweep={"parameter": "init_std", "values": [1e-3, 1e-2]})
    seen, first = _steps_and_value(solve_steps(many))
    second = solve(many)
    for one, two in zip(first, second, strict=True):
        np.testing.assert_array_equal(one.losses, two.losses)
        np.testing.assert_array_equal(one.sin_in, two.sin_in)
    assert (seen[-1].done, seen[-1].total) == (len(many), len(many))


def _steps_and_value(steps: Steps[list[Solution]]) -> tuple[list[Progress], list[Solution]]:
    """All signs of progress, and what the steps come to."""
    seen: list[Progress] = []
    while True:
        try:
            seen.append(next(steps))
        except StopIteration as end:
            return seen, end.value


def test_progress_comes_within_a_batch_and_whoever_reads_it_may_take_gradients() -> None:
    (run,) = runs(ONE, grid={"seeds": [0]}, training={"steps": 200})
    steps = solve_steps([run])
    assert [next(steps).done for _ in range(5)] == [0] * 5  # steps 0, 50, 100, 150 and 200
    assert torch.is_grad_enabled()
    steps.close()
    assert torch.is_grad_enabled()


def test_150_runs_of_300_steps_take_less_than_half_of_their_time_one_by_one(
    one_thread: None,
) -> None:
    spec = experiment(
        "lora",
        ONE,
        "lora_ga_paper",
        problem={"inputs": 64, "outputs": 48, "samples": 1024, "true_rank": 4, "init_std": 1e-4},
        grid={"ranks": [8], "learning_rates": [0.3], "seeds": list(range(10))},
        training={"steps": 300, "eval_every": 300},
        measure={"alignment_every": 300},
        sweep={"parameter": "condition", "values": [1, 3, 10, 30, 100]},
    )
    many = expand(spec)
    assert len(many) == 150
    solve(many)  # what runs share is kept, and costs neither of them
    together, alone = [], []
    for i in range(3):
        began = time.process_time()
        solve(many)
        together.append(time.process_time() - began)
        began = time.process_time()
        for run in many[i::15]:
            solve([run])
        alone.append(15 * (time.process_time() - began))
    assert statistics.median(together) < statistics.median(alone) / 2


def test_a_singular_preconditioner_ends_its_own_student_and_no_other() -> None:
    """Exactly singular: what rounding leaves of a pivot differs from one processor to the next."""
    many = runs("lora", grid={"ranks": [3], "seeds": [0, 1]})
    teachers = [teacher.draw(run.problem, run.seed) for run in many]
    initial = [
        initial_factors(run, one, OneStep.of(run.problem, one))
        for run, one in zip(many, teachers, strict=True)
    ]
    students = StudentBatch(many, initial)
    students.B[0][1] = torch.randn_like(students.B[0][1])  # the other's is zero, as LoRA begins
    of_A, of_B = preconditioned(students, [torch.ones_like(p) for p in students.trained()], 0.0)
    assert of_A[0].isnan().all()
    assert of_A[1].isfinite().all()
    assert of_B.isfinite().all()


def test_a_student_that_diverges_leaves_the_others_of_its_batch_alone() -> None:
    for optimizer in ("sgd", "riemannian-sgd"):
        many = runs(
            "lora",
            training={"optimizer": optimizer, "steps": 400, "eval_every": 400},
            grid={"seeds": [0], "learning_rates": [0.1, 10]},
        )
        sound, lost = solve(many)
        (alone,) = solve(many[:1])
        assert not lost.losses[-1] < 1e12, optimizer
        np.testing.assert_allclose(sound.losses, alone.losses, rtol=1e-10)
