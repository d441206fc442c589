"""A server with a finished experiment of three methods, two learning rates, two seeds."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.backend.conftest import NewProcess, Process
from tests.conftest import tiny_experiment

METHODS = ["lora", {"name": "lora_one", "params": {"scale": "gradient", "gamma": "auto"}}, "full"]


@pytest.fixture(scope="package")
def server(
    tmp_path_factory: pytest.TempPathFactory,
    tiny_models: dict[str, Path],
    texts_csv: Path,
    new_process: NewProcess,
) -> Iterator[Process]:
    """The server; its experiment is number 1."""
    found = new_process(tmp_path_factory.mktemp("home"), [*tiny_models.values(), texts_csv.parent])
    spec = tiny_experiment(
        tiny_models["bert"],
        texts_csv,
        methods=METHODS,
        grid={"ranks": [4], "learning_rates": [0.003, 0.03], "seeds": [0, 1]},
    )
    key = found.post("/api/experiments", spec)["id"]
    runs = found.settle(key)
    assert {run["status"] for run in runs} == {"succeeded"}, runs
    yield found
    found.stop()
