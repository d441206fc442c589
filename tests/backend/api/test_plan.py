"""A plan says what will fail as far as a model's files say it; launches refuse what is certain."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient

from tests.conftest import tiny_experiment
from tests.loraone import mixtures
from tests.loraone.inputs.models.checkpoints import (
    POINTER,
    WEIGHTS,
    copied,
    reconfigured,
    reweighted,
    tokenizer,
    without,
)


@pytest.fixture
def folder(texts_csv: Path) -> Path:
    """A place for a copy, which the server may read."""
    return texts_csv.parent / f"copy-{time.monotonic_ns()}"


@pytest.fixture
def spec(tiny_models: dict[str, Path], texts_csv: Path) -> dict[str, Any]:
    return tiny_experiment(tiny_models["bert"], texts_csv)


def errors(client: TestClient, route: str, spec: dict[str, Any]) -> list[dict[str, Any]]:
    answer = client.post(route, json=spec)
    assert answer.status_code == 422, answer.text
    found: list[dict[str, Any]] = answer.json()["errors"]
    return found


@pytest.mark.parametrize("targets", [["q_proj"], ["query", "q_proj"], ["LayerNorm", "query"]])
def test_a_target_layer_that_the_model_lacks_is_marked_in_the_plan(
    client: TestClient, spec: dict[str, Any], targets: list[str]
) -> None:
    spec["model"]["targets"] = targets
    (error,) = errors(client, "/api/plan", spec)
    (lacking,) = set(targets) & {"q_proj", "LayerNorm"}
    assert (error["path"], error["value"]) == ("model.targets", lacking)
    assert "query" in error["allowed"]
    spec["model"]["targets"] = ["query", "value"]
    assert client.post("/api/plan", json=spec).json()["runs"][0]["problem"] is None


def test_a_worker_has_the_last_word_on_layers(client: TestClient, spec: dict[str, Any]) -> None:
    """Names in headers are not always those of modules: what is launched fails by name."""
    spec["model"]["targets"] = ["q_proj"]
    assert client.post("/api/experiments", json=spec).status_code == 201


def test_experts_that_no_run_adapts_are_said_in_the_plan(
    client: TestClient, folder: Path, texts_csv: Path
) -> None:
    spec = tiny_experiment(mixtures.saved("qwen2_moe", folder), texts_csv, task="causal-lm")
    plan = client.post("/api/plan", json=spec).json()
    (note,) = plan["notes"]
    assert "the experts hold" in note and "model.target_parameters" in note
    spec["model"]["target_parameters"] = "experts"
    assert client.post("/api/plan", json=spec).json()["notes"] == []


def test_runs_that_will_fail_are_marked_and_the_others_planned(
    client: TestClient, spec: dict[str, Any]
) -> None:
    spec |= {"methods": ["lora", "lora_ga"], "grid": {"ranks": [8, 16], "learning_rates": [0.01]}}
    runs = client.post("/api/plan", json=spec).json()["runs"]
    problems = {(run["method"], run["rank"]): run["problem"] for run in runs}
    assert [key for key, problem in problems.items() if problem] == [("lora_ga", 16)]
    assert "rank 16 is above min(m, n)/2 = 8" in problems["lora_ga", 16]


def test_a_plan_of_which_nothing_can_run_names_the_fields(
    client: TestClient, spec: dict[str, Any]
) -> None:
    spec |= {"methods": ["lora", "lora_one"], "grid": {"ranks": [17, 20]}}
    paths = [error["path"] for error in errors(client, "/api/plan", spec)]
    assert paths == ["grid.ranks.0", "grid.ranks.1"]


def without_tokenizer(folder: Path) -> None:
    for file in folder.glob("tokenizer*"):
        file.unlink()


REFUSED: dict[str, tuple[Callable[[Path], object], str, str]] = {
    "pointer": (lambda f: (f / WEIGHTS).write_text(POINTER), "model.id", "git-lfs"),
    "cut off": (
        lambda f: (f / WEIGHTS).write_bytes((f / WEIGHTS).read_bytes()[:-9]),
        "model.id",
        "cut off",
    ),
    "adapter": (lambda f: (f / "adapter_config.json").write_text("{}"), "model.id", "an adapter"),
    "tokenizer": (without_tokenizer, "model.id", "no tokenizer"),
    "vocabulary": (
        lambda f: tokenizer(
            {w: i for i, w in enumerate(["<pad>", "</s>", "<unk>", *map(str, range(30))])}
        ).save_pretrained(f),
        "model.id",
        "ids up to 32, and the embedding 21 rows",
    ),
    "positions": (
        lambda f: reconfigured(f, max_position_embeddings=8),
        "data.max_length",
        "more than the 8 positions",
    ),
}


@pytest.mark.parametrize("route", ["/api/plan", "/api/experiments"])
@pytest.mark.parametrize("case", REFUSED)
def test_what_is_certain_is_refused_before_the_queue(
    client: TestClient,
    spec: dict[str, Any],
    tiny_models: dict[str, Path],
    folder: Path,
    case: str,
    route: str,
) -> None:
    spoil, path, words = REFUSED[case]
    spec["model"] = {"id": str(copied(tiny_models["bert"], folder))}
    assert client.post("/api/plan", json=spec).status_code == 200
    spoil(folder)
    (error,) = errors(client, route, spec)
    assert error["path"] == path
    assert words in error["message"]
    assert error["allowed"]
    assert error["hint"]


def test_missing_weights_are_marked_in_the_plan(
    client: TestClient, spec: dict[str, Any], tiny_models: dict[str, Path], folder: Path
) -> None:
    reweighted(copied(tiny_models["bert"], folder), without("layer.1."))
    spec["model"] = {"id": str(folder)}
    (error,) = errors(client, "/api/plan", spec)
    assert error["path"] == "model.id"
    assert "bert.encoder.layer.1" in error["message"]
