"""Baskets: runs and methods of several experiments, side by side."""

from __future__ import annotations

import io
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from tests.backend.conftest import NewProcess, Process
from tests.conftest import tiny_experiment

ONE = {"name": "lora_one", "params": {"scale": "gradient", "gamma": 4.0}}


@pytest.fixture(scope="module")
def server(
    tmp_path_factory: pytest.TempPathFactory,
    tiny_models: dict[str, Path],
    texts_csv: Path,
    new_process: NewProcess,
) -> Iterator[Process]:
    """Three experiments: alike but for the method, trained longer, and on another model."""
    found = new_process(tmp_path_factory.mktemp("home"), [*tiny_models.values(), texts_csv.parent])
    grid = {"ranks": [4], "learning_rates": [0.003, 0.03], "seeds": [0]}
    one = tiny_experiment(tiny_models["bert"], texts_csv, methods=["lora", ONE], grid=grid)
    longer = tiny_experiment(tiny_models["bert"], texts_csv, methods=["lora"], grid=grid)
    longer["training"] = {**longer["training"], "steps": 8}
    other = tiny_experiment(tiny_models["llama"], texts_csv, methods=["lora"], grid=grid)
    for spec in (one, longer, other):
        runs = found.settle(found.post("/api/experiments", spec)["id"])
        assert {run["status"] for run in runs} == {"succeeded"}, runs
    yield found
    found.stop()


def figure(server: Process, name: str, of: list[str], **params: Any) -> pd.DataFrame:
    answer = server.http.get(f"/api/figures/{name}", params={"of": of, "format": "csv", **params})
    assert answer.status_code == 200, answer.text
    return pd.read_csv(io.StringIO(answer.text))


def test_a_method_of_two_experiments_is_two_series_and_never_one_with_more_seeds(
    server: Process,
) -> None:
    table = figure(server, "curves", ["e1:LoRA", "e2"])
    assert set(table["series"]) == {"LoRA #1", "LoRA #2"}
    assert set(table["n"]) == {1}
    assert table.groupby("series")["step"].max().to_dict() == {"LoRA #1": 4, "LoRA #2": 8}
    alone = figure(server, "curves", ["e2"])
    of_both = table[table["series"] == "LoRA #2"]
    np.testing.assert_allclose(of_both["mean"], alone["mean"])


def test_each_method_stands_at_its_own_best_rate_and_a_picked_run_as_it_is(
    server: Process,
) -> None:
    runs = [run for run in server.runs(1) if run["label"] == "LoRA"]
    worst = max(runs, key=lambda run: run["summary"]["eval_loss"])
    assert set(figure(server, "curves", ["e1"])["series"]) == {"LoRA", "LoRA-One (gradient, γ 4)"}
    both = figure(server, "curves", [f"r{run['id']}" for run in runs])
    assert set(both["series"]) == {"LoRA, lr 0.003", "LoRA, lr 0.03"}
    one = figure(server, "curves", [f"r{worst['id']}"])
    assert one["mean"].iloc[-1] == pytest.approx(worst["summary"]["eval_loss"])


def test_experiments_trained_differently_are_compared_with_care(server: Process) -> None:
    found = server.get("/api/overview?of=e1&of=e2")
    answers = {row["question"]: row["answer"] for row in found["answers"]}
    assert "With care: they also differ in steps" in answers["Can these be compared?"]
    (steps,) = (row for row in found["differences"] if row["path"] == "training.steps")
    assert sorted(steps["values"].values()) == [[4], [8]]
    assert {row["label"] for row in found["rows"]} == {
        "LoRA #1", "LoRA-One (gradient, γ 4) #1", "LoRA #2",
    }  # fmt: skip
    assert {row["item"] for row in found["rows"]} == {
        "e1:LoRA", "e1:LoRA-One (gradient, γ 4)", "e2:LoRA",
    }  # fmt: skip


def test_experiments_on_different_models_are_said_not_to_be_comparable(server: Process) -> None:
    found = server.get("/api/overview?of=e1&of=e3")
    answers = {row["question"]: row["answer"] for row in found["answers"]}
    assert answers["Can these be compared?"].startswith(
        "Not comparable: they differ in task, model"
    )
    # No method is said to be ahead of one that solves another problem.
    (one,) = (said for asked, said in answers.items() if asked.startswith("Which method of #1"))
    assert "#3" not in one
    assert any(asked.startswith("Which method of #3") for asked in answers)


def test_within_one_experiment_differences_are_those_of_its_methods(server: Process) -> None:
    found = server.get("/api/overview?of=e1")
    assert {row["path"] for row in found["differences"]} >= {"method", "method.params.gamma"}
    assert found["answers"][0]["question"].startswith("Which method")


def test_layers_of_another_model_are_not_drawn_as_if_they_were_the_same(server: Process) -> None:
    table = figure(server, "spectra", ["e1", "e3"], layer=0)
    assert not table["series"].astype(str).str.endswith("#3").any()
    gradients = table[table["quantity"] == "gradient"]
    assert set(gradients["series"]) == {"#1"}
    columns = figure(server, "columns", ["e1", "e3"], column="update_left")
    assert set(columns["layer"]) == set(server.layers(1))
    # The mean over layers has a meaning for each model on its own.
    assert "LoRA #3" in set(figure(server, "alignment", ["e1", "e3"])["series"])


def test_a_gradient_is_drawn_for_each_experiment(server: Process) -> None:
    table = figure(server, "spectra", ["e1", "e2"], layer=0)
    assert set(table[table["quantity"] == "gradient"]["series"]) == {"#1", "#2"}


def test_the_basket_says_what_it_holds(server: Process) -> None:
    run = server.runs(2)[0]["id"]
    found = server.get(f"/api/basket?of=e1:LoRA&of=r{run}")
    assert [one["id"] for one in found["experiments"]] == [1, 2]
    assert [row["label"] for row in found["runs"]] == ["LoRA #1", "LoRA #1", "LoRA #2"]
    assert [layer["name"] for layer in found["layers"]] == server.layers(1)


@pytest.mark.parametrize(
    ("item", "status", "said"),
    [
        ("e99", 404, "no experiment 99"),
        ("r99", 404, "no run 99"),
        ("e1:Nothing", 422, "LoRA, LoRA-One (gradient, γ 4)"),
        ("everything", 422, "e3:LoRA"),
        ("r1:LoRA", 422, "e3:LoRA"),
        ("e0", 422, "e3:LoRA"),
    ],
)
def test_a_wrong_item_is_named_with_what_is_allowed(
    server: Process, item: str, status: int, said: str
) -> None:
    answer = server.http.get("/api/basket", params={"of": item})
    assert answer.status_code == status
    assert said in answer.text


def test_an_empty_basket_is_a_problem_and_not_a_crash(server: Process) -> None:
    assert server.http.get("/api/basket").status_code == 422
    assert server.http.get("/api/figures/curves").status_code == 422
