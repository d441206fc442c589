"""Small teacher–student experiments."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
import torch

from loraone.spec.experiment import ExperimentSpec, RunSpec, expand

DESCENT = {
    "optimizer": "sgd",
    "warmup_steps": 0,
    "schedule": "constant",
    "max_grad_norm": 1e6,
    "eval_every": 5,
    "steps": 20,
}
ONE = {"name": "lora_one", "params": {"scale": "gradient", "gamma": 1}}


def experiment(*methods: Any, **changes: Any) -> ExperimentSpec:
    training = DESCENT | changes.pop("training", {})
    grid = {"ranks": [3], "learning_rates": [0.2], "seeds": [0, 1]} | changes.pop("grid", {})
    problem = {"inputs": 12, "outputs": 10, "hidden": 11, "samples": 60, "true_rank": 2}
    spec: dict[str, Any] = {
        "task": "teacher-student",
        "methods": list(methods or ["lora", ONE]),
        "training": training,
        "grid": grid,
        "problem": problem | changes.pop("problem", {}),
        "measure": {"alignment_every": 5},
        **changes,
    }
    return ExperimentSpec.model_validate(spec)


def runs(*methods: Any, **changes: Any) -> list[RunSpec]:
    return expand(experiment(*methods, **changes))


@pytest.fixture
def one_thread() -> Iterator[None]:
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)
