"""An experiment whose plug-in is gone, or that breaks a rule of today, can still be read."""

from __future__ import annotations

import datetime
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient
from sqlalchemy import select

from backend.scheduling.work import Work
from backend.settings import Settings
from backend.storage.store import queue
from backend.storage.tables import Experiment, MetricRow, Run
from backend.web.app import create_app
from loraone import catalog
from loraone.errors import SpecError
from loraone.spec.diff import between

GONE = "vanished"
SAID = f"method {GONE} is not installed here"

Damage = Callable[[dict[str, Any]], None]


@pytest.fixture
def plugin() -> Iterator[None]:
    """A method that is installed while the test launches with it."""
    catalog.register(catalog.Method(GONE, "Vanished", "Installed for a while", None, "#123456"))
    yield
    catalog.METHODS.pop(GONE, None)


@pytest.fixture
def without_its_plugin(client: TestClient, app: FastAPI, plugin: None) -> int:
    """A finished experiment of two methods, of which one is not installed any more."""
    return launched_and_finished(client, app, lambda spec: None)


def launched_and_finished(client: TestClient, app: FastAPI, damage: Damage) -> int:
    body = {
        "name": "Before",
        "methods": ["lora", GONE],
        "model": {"targets": ["query"]},
        "grid": {"seeds": [0, 1]},
    }
    answer = client.post("/api/experiments", json=body)
    assert answer.status_code == 201, answer.text
    key = int(answer.json()["id"])
    with app.state.database.write() as session:
        for run in session.scalars(select(Run).where(Run.experiment_id == key)):
            run.status = "succeeded"
            run.summary = {"eval_loss": 1.0 + run.id / 10}
            run.started_at = run.queued_at
            run.finished_at = run.queued_at + datetime.timedelta(seconds=3)
            run.spec = damaged(run.spec, damage)
            session.add(MetricRow(run_id=run.id, step=0, name="eval_loss", value=2.0, seconds=0.0,
                                  tokens=0))  # fmt: skip
        experiment = session.get_one(Experiment, key)
        experiment.spec = damaged(experiment.spec, damage)
    catalog.METHODS.pop(GONE, None)
    return key


def damaged(document: dict[str, Any], damage: Damage) -> dict[str, Any]:
    document = dict(document)
    damage(document)
    return document


def ok(client: TestClient, path: str, **query: Any) -> Any:
    answer = client.get(path, params=query)
    assert answer.status_code == 200, f"{path}: {answer.text}"
    kind = answer.headers["content-type"]
    return answer.json() if "json" in kind else answer.text


def test_every_page_shows_it_as_it_was(client: TestClient, without_its_plugin: int) -> None:
    key = without_its_plugin
    (listed,) = ok(client, "/api/experiments", q="method:vanished")["experiments"]
    assert listed["methods"] == ["LoRA", GONE]
    assert listed["counts"]["succeeded"] == 4
    detail = ok(client, f"/api/experiments/{key}")
    assert [problem["message"] for problem in detail["problems"]] == [SAID]
    assert detail["spec"]["methods"][1]["name"] == GONE
    assert {run["label"] for run in detail["runs"]} == {"LoRA", "Vanished"}
    overview = ok(client, "/api/overview", of=f"e{key}")
    assert [row["label"] for row in overview["rows"]] == ["LoRA", "Vanished"]
    table = ok(client, "/api/basket", of=f"e{key}")
    assert table
    for figure in ("curves", "learning-rate", "step0", "cost", "heatmap", "alignment"):
        ok(client, f"/api/figures/{figure}", of=f"e{key}")
    for run in detail["runs"]:
        assert ok(client, f"/api/runs/{run['id']}")["spec"]["rank"] == 8
    assert ok(client, "/api/queue")["lanes"] == []
    ok(client, "/api/runs", of=f"e{key}")
    report = ok(client, f"/api/experiments/{key}/report.html")
    assert "Vanished" in report and SAID in report
    assert client.patch(f"/api/experiments/{key}", json={"name": "After"}).status_code == 200
    assert ok(client, "/api/experiments", q="after")["experiments"]


def test_it_is_compared_with_an_experiment_of_today(
    client: TestClient, without_its_plugin: int
) -> None:
    other = client.post("/api/experiments", json={"methods": ["lora"]}).json()["id"]
    overview = ok(client, "/api/overview", of=[f"e{without_its_plugin}", f"e{other}"])
    fields = {difference["title"] for difference in overview["differences"]}
    assert {"Method", "Target layers"} <= fields


def test_it_is_planned_beside_it_though_no_estimate_learns_from_it(
    client: TestClient, without_its_plugin: int
) -> None:
    assert client.post("/api/plan", json={"methods": ["lora"]}).status_code == 200


def test_it_leaves_as_an_export_and_is_imported_by_a_server_without_the_plugin(
    client: TestClient, without_its_plugin: int
) -> None:
    exported = ok(client, f"/api/experiments/{without_its_plugin}/export.json")
    imported = client.post("/api/experiments/import", json=exported)
    assert imported.status_code == 201, imported.text
    again = ok(client, f"/api/experiments/{imported.json()['id']}")
    assert [run["summary"] for run in again["runs"]] == [run["summary"] for run in exported["runs"]]
    assert again["problems"][0]["value"] == GONE


def test_it_cannot_be_launched_again_and_the_reason_is_said(
    client: TestClient, without_its_plugin: int
) -> None:
    detail = ok(client, f"/api/experiments/{without_its_plugin}")
    of_method = {run["method"]: run["id"] for run in detail["runs"]}
    for path, verb in (("template", client.get), ("retry", client.post)):
        refused = verb(f"/api/runs/{of_method[GONE]}/{path}")
        assert refused.status_code == 422
        assert SAID in refused.json()["detail"]
        assert refused.json()["detail"] == f"method: {SAID}"
        assert "install the plug-in" in refused.json()["errors"][0]["hint"]
    assert client.get(f"/api/runs/{of_method['lora']}/template").status_code == 200
    assert client.post("/api/experiments", json=detail["spec"]).status_code == 422


def test_a_queued_run_of_it_fails_with_the_reason(
    client: TestClient, app: FastAPI, plugin: None
) -> None:
    answer = client.post("/api/experiments", json={"methods": [GONE]})
    catalog.METHODS.pop(GONE)
    assert answer.status_code == 201
    work = Work(app.state.database, app.state.feed, app.state.settings)
    with app.state.database.write() as session:
        run = queue.claim(session, "cpu", None)
        assert run is not None
        with pytest.raises(SpecError, match=SAID):
            work.job(run)


DAMAGES: dict[str, tuple[Damage, str]] = {
    "a bound that was tightened": (
        lambda spec: spec.update(adapter={**spec["adapter"], "alpha": 1e9}),
        "adapter.alpha",
    ),
    "a choice that was taken away": (
        lambda spec: spec.update(training={**spec["training"], "schedule": "zigzag"}),
        "training.schedule",
    ),
    "a task that is gone": (lambda spec: spec.update(task="poetry"), "task"),
    "a field that was retired": (
        lambda spec: spec.update(model={**spec["model"], "layers": 3}),
        "model.layers",
    ),
    "a section that did not exist yet": (lambda spec: spec.pop("problem"), ""),
    "a newer version": (lambda spec: spec.update(version=99), "version"),
}


@pytest.mark.parametrize("name", DAMAGES)
def test_no_rule_of_today_takes_the_history_away(
    name: str, client: TestClient, app: FastAPI, plugin: None
) -> None:
    damage, path = DAMAGES[name]
    key = launched_and_finished(client, app, damage)
    catalog.register(catalog.Method(GONE, "Vanished", "Back again", None, "#123456"))
    assert ok(client, "/api/experiments", q="is:any")["experiments"][0]["id"] == key
    detail = ok(client, f"/api/experiments/{key}")
    assert [problem["path"] for problem in detail["problems"]] == ([path] if path else [])
    ok(client, "/api/overview", of=f"e{key}")
    ok(client, f"/api/experiments/{key}/report.html")
    ok(client, f"/api/experiments/{key}/export.json")
    stored = [ok(client, f"/api/runs/{run['id']}")["spec"] for run in detail["runs"]]
    assert between({"all": stored[:1], "same": stored[:1]}) == []
    template = client.get(f"/api/runs/{detail['runs'][0]['id']}/template")
    assert template.status_code == (422 if path else 200)


def test_another_server_reads_what_a_plugin_stored(tmp_path: Any, plugin: None) -> None:
    home = tmp_path / "home"
    settings = Settings(home=home, database_url=f"sqlite:///{home}/loraone.db")
    first = TestClient(create_app(settings), base_url="http://127.0.0.1:8111")
    assert first.post("/api/experiments", json={"methods": [GONE]}).status_code == 201
    catalog.METHODS.pop(GONE)
    second = TestClient(create_app(settings), base_url="http://127.0.0.1:8111")
    assert ok(second, "/api/experiments", q="is:any")["experiments"][0]["methods"] == [GONE]
