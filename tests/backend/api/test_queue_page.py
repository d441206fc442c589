"""What the queue says of runs that go, wait, or have failed."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient
from sqlalchemy import select

from backend.results.estimates import remaining
from backend.storage.store import runs
from backend.storage.tables import Run, now
from loraone.inputs.models import checkpoint
from loraone.runs import cost_estimate
from loraone.runs.device_benchmark import DeviceBenchmark
from loraone.spec.experiment import RunSpec
from tests.conftest import tiny_experiment

SPEED = DeviceBenchmark("CPU", 1e10, 3e9, 16 * 10**9, 5 * 10**8)


@pytest.fixture
def three(
    app: FastAPI, client: TestClient, tiny_models: dict[str, Path], texts_csv: Path
) -> list[int]:
    """Three runs of an experiment that wait."""
    spec = tiny_experiment(tiny_models["bert"], texts_csv, methods=["lora", "pissa", "full"])
    client.post("/api/experiments", json=spec)
    return [run["id"] for run in client.get("/api/queue").json()["queued"]]


def test_time_left_is_estimated_until_runs_of_the_experiment_have_finished(
    app: FastAPI, three: list[int]
) -> None:
    first, second, third = three
    with app.state.database.write() as session:
        found = {run.id: run for run in session.scalars(select(Run))}
        assert remaining(session, list(found.values()), None) == dict.fromkeys(three, None)
        left = remaining(session, list(found.values()), SPEED)
        spec = RunSpec.model_validate(found[second].spec)
        sizes = checkpoint.read(spec.model)
        assert sizes is not None
        assert left[second] == pytest.approx(cost_estimate.of_run(spec, sizes, SPEED).seconds)
        found[first].status = "succeeded"
        found[first].started_at = now() - timedelta(seconds=100)
        found[first].finished_at = found[first].started_at + timedelta(seconds=40)
        found[second].status = "running"
        found[second].started_at = now() - timedelta(seconds=10)
        session.flush()
        left = remaining(session, [found[second], found[third]], SPEED)
        assert left[second] == pytest.approx(30, abs=1)
        assert left[third] == pytest.approx(40)


def test_a_run_that_failed_is_listed_with_what_to_do(
    app: FastAPI, client: TestClient, three: list[int]
) -> None:
    error = {"code": "memory", "message": "out of memory", "hint": "lower the batch size"}
    with app.state.database.write() as session:
        run = session.get_one(Run, three[1])
        runs.finish(session, run, "failed", error=error)
    queue = client.get("/api/queue").json()
    assert [run["id"] for run in queue["failed"]] == [three[1]]
    assert queue["failed"][0]["error"]["hint"] == "lower the batch size"
    assert queue["experiments"] == {"1": "tiny"}
    assert queue["seconds_left"] is None, "nothing is known without a calibration"
    client.post(f"/api/runs/{three[1]}/retry")
    assert client.get("/api/queue").json()["failed"] == []


def test_all_that_wait_are_counted_by_experiment_also_those_that_are_not_listed(
    app: FastAPI, client: TestClient, three: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("backend.api.queue.MOST_LISTED", 2)
    with app.state.database.write() as session:
        runs.set_priority(session, session.get_one(Run, three[2]), 10)
    queue = client.get("/api/queue").json()
    assert len(queue["queued"]) == 2
    assert queue["waiting_by_experiment"] == [
        {"experiment": 1, "runs": 3, "lowest": 0, "highest": 10}
    ]
