"""The API: what it answers, and how it says no."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient

from loraone.catalog import COSTS, FIGURES, METHODS, METRICS, OPTIMIZERS, TASKS
from loraone.spec.presets import PRESETS
from tests.conftest import tiny_experiment


@pytest.fixture
def spec(tiny_models: dict[str, Path], texts_csv: Path) -> dict[str, Any]:
    return tiny_experiment(tiny_models["bert"], texts_csv)


def problem(answer: Any, status: int) -> dict[str, Any]:
    """The problem of an answer, after checking that it has the one error shape."""
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    body: dict[str, Any] = answer.json()
    assert {"type", "title", "status", "detail", "errors"} <= set(body)
    assert body["status"] == status
    return body


def test_the_catalogue_lists_every_method_and_preset(client: TestClient) -> None:
    body = client.get("/api/catalog").json()
    assert [row["name"] for row in body["methods"]] == list(METHODS)
    assert [row["name"] for row in body["presets"]] == list(PRESETS)
    assert body["spec_schema"]["properties"]["grid"]
    assert [row["name"] for row in body["optimizers"]] == list(OPTIMIZERS)
    assert [row["name"] for row in body["figures"]] == list(FIGURES)


def test_the_catalogue_carries_the_lists_of_quantities_that_the_page_shows(
    client: TestClient,
) -> None:
    body = client.get("/api/catalog").json()
    tasks = {row["name"]: row for row in body["tasks"]}
    assert {name: tuple(row["curves"]) for name, row in tasks.items()} == {
        name: row.curves for name, row in TASKS.items()
    }
    assert tasks["causal-lm"]["judges"] == ["eval_loss", "perplexity"]
    axes = {row["name"]: row["axis"] for row in body["metrics"]}
    assert axes == {name: row.axis for name, row in METRICS.items()}
    assert [(row["name"], row["unit"]) for row in body["costs"]] == [
        ("train_seconds", "s"),
        ("memory_bytes", "GB"),
        ("trained_parameters", ""),
    ]
    assert [row["name"] for row in body["costs"]] == list(COSTS)
    assert [row["name"] for row in body["spectra"] if row["shared"]] == ["gradient", "weight"]
    assert [row["name"] for row in body["scalars"] if row["usual"]] == ["stable_rank"]
    assert [row["name"] for row in body["alignments"]] == ["mean_cos2", "sin_max", "energy"]
    known = {row["name"] for row in body["run_columns"]}
    assert body["usual_run_columns"][:3] == ["run_id", "label", "rank"]
    assert set(body["usual_run_columns"]) <= known


def test_a_plan_counts_runs_and_shared_gradients(client: TestClient, spec: dict[str, Any]) -> None:
    spec["methods"] = ["lora", "lora_one"]
    spec["grid"] = {"learning_rates": [1e-3, 1e-2], "seeds": [0, 1, 2]}
    body = client.post("/api/plan", json=spec).json()
    assert len(body["runs"]) == 12
    assert body["gradients"] == 3
    assert "learning_rates" in body["yaml"]


@pytest.mark.parametrize(
    ("change", "path", "allowed"),
    [
        ({"grid": {"ranks": [0]}}, "grid.ranks.0", "1 to 4096"),
        ({"grid": {"learning_rates": ["fast"]}}, "grid.learning_rates.0", "above 0 to 10"),
        ({"methods": ["nope"]}, "methods.0.name", None),
        ({"training": {"steps": -1}}, "training.steps", "0 to 1e+06"),
        ({"model": {"id": "builtin:gpt5"}}, "model.id", "builtin:minilm"),
    ],
)
@pytest.mark.parametrize("route", ["/api/plan", "/api/experiments"])
def test_bad_fields_are_marked_at_their_place(
    client: TestClient, spec: dict[str, Any], route: str, change: dict[str, Any], path: str,
    allowed: str | None,
) -> None:  # fmt: skip
    body = problem(client.post(route, json={**spec, **change}), 422)
    assert body["errors"][0]["path"] == path
    assert body["errors"][0]["allowed"] == allowed
    assert client.get("/api/experiments").json()["total"] == 0


def test_a_wrong_model_path_and_a_missing_column_are_both_named(
    client: TestClient, spec: dict[str, Any], texts_csv: Path
) -> None:
    spec["model"] = {"id": str(texts_csv.parent)}
    spec["data"] = {"source": str(texts_csv), "text_column": "body"}
    errors = problem(client.post("/api/experiments", json=spec), 422)["errors"]
    assert [error["path"] for error in errors] == ["model.id", "data.text_column"]
    assert "config.json" in errors[0]["message"]
    assert errors[1]["allowed"] == "text, label"


def test_local_paths_outside_the_roots_are_refused_also_through_links(
    client: TestClient, spec: dict[str, Any], tmp_path: Path
) -> None:
    secret = tmp_path / "secret.csv"
    secret.write_text("text,label\n")
    link = tmp_path / "home" / "data" / "link.csv"
    link.symlink_to(secret)
    for source in (str(secret), str(link), str(link.parent / ".." / ".." / "secret.csv")):
        spec["data"] = {"source": source}
        errors = problem(client.post("/api/plan", json=spec), 422)["errors"]
        assert errors[0]["path"] == "data.source"
        assert "outside" in errors[0]["message"]


def test_what_is_launched_is_queued_listed_and_found(
    client: TestClient, spec: dict[str, Any]
) -> None:
    spec |= {"name": "Zebra study", "methods": ["lora", "pissa"]}
    launched = client.post("/api/experiments", json=spec)
    assert launched.status_code == 201
    key = launched.json()["id"]
    assert launched.json()["counts"]["queued"] == 2
    assert len(client.get("/api/queue").json()["queued"]) == 2
    for words in ("zebra", "pissa ZEBRA", "animals.csv"):
        found = client.get("/api/experiments", params={"q": words}).json()
        assert [row["id"] for row in found["experiments"]] == [key], words
    assert client.get("/api/experiments", params={"q": "zebra giraffe"}).json()["total"] == 0
    assert client.get("/api/experiments", params={"q": "%"}).json()["total"] == 0
    detail = client.get(f"/api/experiments/{key}").json()
    again = client.post("/api/experiments", json=detail["spec"])
    assert again.json()["counts"] == launched.json()["counts"]


def test_queued_runs_can_be_cancelled_retried_and_moved(
    client: TestClient, spec: dict[str, Any]
) -> None:
    spec["methods"] = ["lora", "pissa", "full"]
    key = client.post("/api/experiments", json=spec).json()["id"]
    first, second, third = (run["id"] for run in client.get("/api/queue").json()["queued"])
    assert client.post(f"/api/runs/{third}/top").json()["priority"] == 1
    assert [run["id"] for run in client.get("/api/queue").json()["queued"]] == [
        third,
        first,
        second,
    ]
    assert client.post(f"/api/runs/{first}/cancel").json()["status"] == "cancelled"
    problem(client.post(f"/api/runs/{first}/cancel"), 409)
    problem(client.post(f"/api/runs/{first}/top"), 409)
    assert client.post(f"/api/runs/{first}/retry").json()["status"] == "queued"
    assert client.post(f"/api/runs/cancel?of=e{key}").json() == {"changed": 3}
    assert client.get(f"/api/experiments/{key}").json()["status"] == "cancelled"


def test_one_method_is_cancelled_alone_and_queued_again(
    client: TestClient, spec: dict[str, Any]
) -> None:
    spec |= {"methods": ["lora", "pissa"], "grid": {"ranks": [4], "seeds": [0, 1]}}
    key = client.post("/api/experiments", json=spec).json()["id"]
    assert client.post(f"/api/runs/cancel?of=e{key}:PiSSA").json() == {"changed": 2}
    runs = client.get(f"/api/experiments/{key}").json()["runs"]
    assert {(run["label"], run["status"]) for run in runs} == {
        ("LoRA", "queued"),
        ("PiSSA", "cancelled"),
    }
    assert client.post(f"/api/runs/cancel?of=e{key}:PiSSA").json() == {"changed": 0}
    assert client.post(f"/api/runs/retry?of=e{key}").json() == {"changed": 2}
    assert client.get(f"/api/experiments/{key}").json()["status"] == "queued"


def test_a_run_is_a_template_for_the_next_experiment(
    client: TestClient, spec: dict[str, Any]
) -> None:
    spec |= {"methods": ["lora", "full"], "grid": {"learning_rates": [1e-3, 1e-2]}}
    key = client.post("/api/experiments", json=spec).json()["id"]
    run = client.get(f"/api/experiments/{key}").json()["runs"][-1]
    template = client.get(f"/api/runs/{run['id']}/template").json()
    assert template["name"] == "tiny: Full fine-tuning"
    (again,) = client.post("/api/plan", json=template).json()["runs"]
    for name in ("label", "learning_rate", "seed"):
        assert again[name] == run[name]


def test_any_table_of_a_page_becomes_parquet(client: TestClient) -> None:
    table = {"columns": ["Method", "Loss", "Best"], "data": [["LoRA", 1.5, 8], ["γ", None, "–"]]}
    packed = client.post("/api/tables/parquet", json=table)
    found = pd.read_parquet(io.BytesIO(packed.content))
    assert list(found.columns) == table["columns"]
    assert found["Loss"].iloc[0] == 1.5
    assert found["Loss"].isna().tolist() == [False, True]
    assert list(found["Best"]) == ["8", "–"]
    for wrong in ({"columns": ["a", "a"], "data": []}, {"columns": ["a"], "data": [[1, 2]]}):
        problem(client.post("/api/tables/parquet", json=wrong), 422)


@pytest.mark.parametrize(
    "path",
    ["/api/experiments/99", "/api/runs/99", "/api/nothing", "/api/figures/curves?of=e99"],
)
def test_what_is_not_there_is_a_problem_too(client: TestClient, path: str) -> None:
    problem(client.get(path), 404)


def test_every_figure_of_an_unstarted_experiment_says_that_it_is_empty(
    client: TestClient, spec: dict[str, Any]
) -> None:
    key = client.post("/api/experiments", json=spec).json()["id"]
    for name in (
        "curves",
        "learning-rate",
        "heatmap",
        "spectra",
        "alignment",
        "step0",
        "columns",
        "overlap",
    ):
        answer = client.get(f"/api/figures/{name}?of=e{key}")
        assert answer.status_code == 200, (name, answer.text)
        assert answer.json()["layout"]["annotations"][0]["text"], name
    overview = client.get(f"/api/overview?of=e{key}").json()
    assert overview["verdict"] == "No run has finished yet."
    assert [row["finished"] for row in overview["rows"]] == [0]


def test_unknown_figure_options_are_answered_with_the_known_ones(
    client: TestClient, spec: dict[str, Any]
) -> None:
    key = client.post("/api/experiments", json=spec).json()["id"]
    base, of = "/api/figures", f"e{key}"
    body = problem(client.get(f"{base}/curves", params={"of": of, "metric": "<b>"}), 422)
    assert "eval_loss" in body["errors"][0]["allowed"]
    problem(client.get(f"{base}/heatmap", params={"of": of, "scalar": "beauty"}), 422)
    body = problem(client.get(f"{base}/columns", params={"of": of, "column": "beauty"}), 422)
    assert "trust_left" in body["errors"][0]["allowed"]
    problem(client.get(f"{base}/curves", params={"of": of, "smoothing": 2}), 422)


def test_other_sites_can_neither_read_nor_write(client: TestClient, spec: dict[str, Any]) -> None:
    rebound = client.get("/api/experiments", headers={"Host": "evil.example"})
    problem(rebound, 400)
    crossed = client.post("/api/experiments", json=spec, headers={"Origin": "https://evil.example"})
    problem(crossed, 403)
    assert client.get("/api/experiments").json()["total"] == 0
    own = {"Origin": "http://127.0.0.1:8111"}
    assert client.post("/api/experiments", json=spec, headers=own).status_code == 201


def test_answers_carry_security_headers(client: TestClient) -> None:
    headers = client.get("/api/health").headers
    assert "default-src 'self'" in headers["content-security-policy"]
    assert headers["x-content-type-options"] == "nosniff"


def test_paths_of_the_page_give_the_page_and_not_files_of_the_machine(
    built_page: Path, client: TestClient
) -> None:
    page = client.get("/experiments/3")
    assert page.status_code == 200
    assert 'id="root"' in page.text
    for path in ("/../pyproject.toml", "/assets/../../app.py", "/%2e%2e/app.py", "/app.py"):
        assert client.get(path).status_code == 404, path


def test_every_figure_of_the_catalogue_has_its_route_and_every_route_its_figure(
    app: FastAPI,
) -> None:
    document = app.openapi()
    routes = {
        path.removeprefix("/api/figures/"): get["get"]
        for path, get in document["paths"].items()
        if path.startswith("/api/figures/")
    }
    assert set(routes) == set(FIGURES)
    for name, row in FIGURES.items():
        assert (routes[name]["summary"], routes[name]["description"]) == (row.label, row.summary)
