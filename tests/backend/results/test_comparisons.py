"""Comparisons of stored runs: nobody is lost, and what is missing is said."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from fastapi.testclient import TestClient
from sqlalchemy import select

from backend.settings import Settings
from backend.storage.store import experiments
from backend.storage.tables import MetricRow, Run
from backend.web.app import create_app
from loraone import ExperimentSpec
from tests.conftest import DatabaseUrl

# What became of a run: its final loss, or the status that it ended or waits in.
End = float | str
Launch = Callable[..., int]
RATES = {"learning_rates": [1e-3, 1e-2], "seeds": [0, 1, 2]}


@pytest.fixture
def client(tmp_path: Path, database_url: DatabaseUrl) -> Iterator[TestClient]:
    home = tmp_path / "home"
    app = create_app(Settings(home=home, database_url=database_url(home)))
    # No lifespan: nothing runs but what a test says.
    yield TestClient(app, base_url="http://127.0.0.1:8111")
    app.state.database.close()


@pytest.fixture
def launch(client: TestClient) -> Launch:
    """An experiment whose runs have come to what is said of them, with a curve of two values."""

    def launched(end: Callable[[Run], End], metric: str = "eval_loss", **spec: Any) -> int:
        database = client.app.state.database  # type: ignore[attr-defined]
        with database.write() as session:
            made = experiments.create(session, ExperimentSpec.model_validate(spec))
            for run in session.scalars(select(Run).where(Run.experiment_id == made.id)):
                came_to = end(run)
                run.status = came_to if isinstance(came_to, str) else "succeeded"
                if not isinstance(came_to, str):
                    run.summary = {metric: came_to}
                if run.status != "queued":
                    value = 5.0 if isinstance(came_to, str) else came_to
                    for step in (0, 1):
                        session.add(
                            MetricRow(
                                run_id=run.id, name=metric, step=step, value=value, seconds=step,
                                tokens=step,
                            )
                        )  # fmt: skip
            return int(made.id)

    return launched


def overview(client: TestClient, *of: str, **params: str) -> dict[str, Any]:
    answer = client.get("/api/overview", params={"of": of, **params})
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


def table(client: TestClient, name: str, *of: str, **params: str) -> pd.DataFrame:
    answer = client.get(f"/api/figures/{name}", params={"of": of, "format": "csv", **params})
    assert answer.status_code == 200, answer.text
    return pd.read_csv(io.StringIO(answer.text))


def survivor(run: Run) -> End:
    """LoRA loses two of three at the higher rate, EVA all, PiSSA nothing."""
    if run.label == "EVA" or (run.label == "LoRA" and run.learning_rate == 1e-2 and run.seed > 0):
        return "failed"
    return {"LoRA": 1.01, "PiSSA": 1.2}[run.label] - 0.11 * (run.learning_rate == 1e-2)


def test_failed_runs_reach_the_verdict_the_table_the_report_and_the_history(
    client: TestClient, launch: Launch
) -> None:
    key = launch(survivor, methods=["lora", "pissa", "eva"], grid=RATES)
    found = overview(client, f"e{key}")
    rows = {row["label"]: row for row in found["rows"]}
    assert rows["LoRA"]["learning_rate"] == 1e-3
    assert {label: row["failed"] for label, row in rows.items()} == {
        "LoRA": 2, "PiSSA": 0, "EVA": 6,
    }  # fmt: skip
    said = found["verdict"]
    assert "EVA: 6 of 6 runs failed, so it is not in this comparison." in said
    assert "LoRA: 2 of 3 runs failed at learning rate 0.01." in said
    report = client.get(f"/api/experiments/{key}/report.html").text
    assert said in report
    assert "6 of 6" in report
    (listed,) = client.get("/api/experiments").json()["experiments"]
    best = listed["best"]
    assert (best["label"], best["learning_rate"], best["seeds"]) == ("LoRA", 1e-3, 3)
    assert best["failed"] == 0


def test_figures_count_failed_runs_and_draw_them_apart(client: TestClient, launch: Launch) -> None:
    key = launch(survivor, methods=["lora", "pissa", "eva"], grid=RATES)
    rates = table(client, "learning-rate", f"e{key}").set_index(["series", "learning_rate"])
    assert rates["failed"].to_dict() == {
        ("LoRA", 1e-3): 0, ("LoRA", 1e-2): 2, ("PiSSA", 1e-3): 0, ("PiSSA", 1e-2): 0,
        ("EVA", 1e-3): 3, ("EVA", 1e-2): 3,
    }  # fmt: skip
    assert rates["mean"].isna().sum() == 2
    curves = table(client, "curves", f"e{key}", rates="all")
    of_lora = curves[(curves["series"] == "LoRA, lr 0.01")]
    assert set(of_lora["n"]) == {1}
    assert of_lora["mean"].tolist() == pytest.approx([0.9, 0.9]), "no mean with what diverged"
    assert {name for name in curves["series"] if "EVA" in name} == {
        "EVA, failed, lr 0.001", "EVA, failed, lr 0.01",
    }  # fmt: skip
    best = table(client, "curves", f"e{key}")
    assert set(best["series"]) >= {"LoRA", "PiSSA"}
    failed = client.get("/api/basket", params={"of": f"e{key}:LoRA"}).json()["runs"]
    run = next(run["id"] for run in failed if run["status"] == "failed")
    assert set(table(client, "curves", f"r{run}")["series"]) == {"LoRA, failed"}


def test_ranks_of_a_method_are_told_apart_everywhere(client: TestClient, launch: Launch) -> None:
    key = launch(
        lambda run: 1.0 + 0.01 * run.seed + (run.rank == 4), methods=["lora"],
        grid={**RATES, "ranks": [4, 8]},
    )  # fmt: skip
    found = overview(client, f"e{key}")
    assert "LoRA, r 8 has the best" in found["verdict"]
    assert "ahead of LoRA, r 4" in found["verdict"]
    assert [row["series"] for row in found["rows"]] == ["LoRA, r 4", "LoRA, r 8"]
    (rank,) = found["differences"]
    assert (rank["path"], rank["values"]) == ("rank", {"LoRA, r 4": [4], "LoRA, r 8": [8]})
    (listed,) = client.get("/api/experiments").json()["experiments"]
    assert listed["best"]["label"] == "LoRA, r 8"


def test_of_experiments_of_two_kinds_it_is_said_which_lacks_what(
    client: TestClient, launch: Launch
) -> None:
    launch(lambda run: 0.9, "accuracy", methods=["lora"], name="Texts")
    launch(lambda run: 3.0, methods=["lora"], name="Words", task="causal-lm")
    found = overview(client, "e1", "e2", judge="accuracy")
    answers = {row["question"]: row["answer"] for row in found["answers"]}
    assert answers["Do all of them have accuracy?"] == (
        "Not #2 Words (causal language modelling). What all of them have is evaluation loss."
    )
    assert found["metric"] in [row["name"] for row in found["judges"]]
    assert "accuracy was not measured; judge by evaluation loss" in found["verdict"]
    assert "finished yet" not in found["verdict"]
    assert "Do all of them have" not in str(overview(client, "e1", "e2")["answers"])


def test_theory_beside_fine_tuning_can_be_judged_by_its_own_metric(
    client: TestClient, launch: Launch
) -> None:
    launch(lambda run: 0.5, methods=["lora"], name="Texts")
    launch(lambda run: 1e-4, "relative_loss", methods=["lora"], name="Lab", task="teacher-student")
    found = overview(client, "e1", "e2")
    assert [row["name"] for row in found["judges"]] == ["eval_loss", "accuracy", "relative_loss"]
    said = str(found["answers"])
    assert "nothing that all of them have" in said
    assert "judge by loss over its start instead" in said
    assert "No run has finished yet" not in said
    other = overview(client, "e1", "e2", judge="relative_loss")
    assert "LoRA #2 has the best loss over its start" in other["verdict"]
    assert "judge by evaluation loss instead" in other["verdict"]


@pytest.mark.parametrize(
    ("end", "said"),
    [
        ("failed", "All 6 runs failed."),
        ("cancelled", "All 6 runs were cancelled."),
        ("queued", "No run has finished yet."),
    ],
)
def test_an_experiment_without_results_says_why(
    client: TestClient, launch: Launch, end: str, said: str
) -> None:
    key = launch(lambda run: end, methods=["lora"], grid=RATES)
    assert overview(client, f"e{key}")["verdict"] == said
    assert said in client.get(f"/api/experiments/{key}/report.html").text
    drawn = client.get("/api/figures/learning-rate", params={"of": f"e{key}"}).json()
    assert drawn["layout"]["annotations"][0]["text"] == said
    assert client.get("/api/experiments").json()["experiments"][0]["best"] is None


def test_figures_of_no_method_are_empty_and_no_error(client: TestClient, launch: Launch) -> None:
    key = launch(survivor, methods=["lora", "pissa"], grid=RATES)
    for name in ("curves", "learning-rate", "cost"):
        for rates in ("best", "all"):
            params = {"of": f"e{key}", "labels": "Nothing", "rates": rates}
            assert client.get(f"/api/figures/{name}", params=params).status_code == 200
