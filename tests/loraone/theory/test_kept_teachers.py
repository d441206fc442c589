"""Problems that runs share are those that were asked for, whatever field of the spec is another."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from loraone.spec.experiment import ExperimentSpec, RunSpec, expand
from loraone.theory.solve import Solution, solve
from tests.loraone.variations import variations

ANY = {
    "task": [], "model.id": [], "model.targets": [], "data.source": [], "data.text_column": [],
    "data.label_column": [], "variant": ["κ 10"], "method.learning_rates": [(0.1,)],
}  # fmt: skip


def spec(activation: str, noise: float) -> RunSpec:
    document: dict[str, Any] = {
        "task": "teacher-student",
        "problem": {
            "inputs": 8, "outputs": 6, "hidden": 7, "samples": 32, "true_rank": 2, "condition": 2,
            "activation": activation, "noise": noise,
        },
        "training": {"optimizer": "sgd", "steps": 3, "warmup_steps": 0},
        "methods": ["lora"],
        "grid": {"ranks": [2], "learning_rates": [0.05]},
    }  # fmt: skip
    return expand(ExperimentSpec.model_validate(document))[0]


def same_problem(left: Solution, right: Solution) -> bool:
    """Whether teacher and gradient are equal to the last bit."""
    a, b = left.teacher, right.teacher
    pairs = [*zip(a.start, b.start, strict=True), *zip(a.target, b.target, strict=True)]
    pairs += [(a.x, b.x), (a.noise, b.noise), (a.fresh, b.fresh)]
    pairs += [(left.step.matrices[name], right.step.matrices[name]) for name in left.step.matrices]
    return all(x.equal(y) for x, y in pairs)


@pytest.mark.parametrize(("activation", "noise"), [("linear", 0.1), ("two-layer", 0.0)])
def test_solved_beside_another_a_run_comes_to_what_it_comes_to_alone(
    activation: str, noise: float
) -> None:
    base, different, checked = spec(activation, noise), [], 0
    for path, options in variations(base, ANY).items():
        for other in options:
            _, beside = solve([base, other])
            (alone,) = solve([other])
            tolerance = 1e-9 if other.problem.dtype == "float64" else 1e-4
            close = np.allclose(beside.losses, alone.losses, rtol=tolerance, atol=1e-12)
            checked += 1
            if not (close and same_problem(beside, alone)):
                different.append(path)
    assert different == []
    assert checked > 60


@pytest.mark.parametrize("field", ["init_std", "scaling"])
def test_what_describes_the_student_draws_no_other_teacher(field: str) -> None:
    base = spec("linear", 0.1)
    other = base.model_copy(update={"problem": base.problem.model_copy(update={field: 3.0})})
    assert other.gradient_key() == base.gradient_key()
    assert other.teacher == base.teacher
