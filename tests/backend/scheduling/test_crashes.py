"""Real processes that are killed: every run ends, none is lost, none is doubled."""

from __future__ import annotations

import signal
import threading
import time
from pathlib import Path
from typing import Any

import httpx
import pytest
from sqlalchemy import create_engine, select

from backend.storage.tables import MetricRow, Run
from tests.backend.conftest import Process, Start, check_sound
from tests.busy import busy
from tests.conftest import DatabaseUrl, tiny_experiment

# Each begins a server and its worker; three more are tried on Ray.
pytestmark = pytest.mark.tests(4)
STEPS = 250


@pytest.fixture
def long_spec(tiny_models: dict[str, Path], texts_csv: Path) -> dict[str, Any]:
    """Two runs that train for a few seconds each, so that there is a middle to be killed in."""
    training = {"steps": STEPS, "batch_size": 8, "warmup_steps": 1, "eval_every": 50}
    return tiny_experiment(
        tiny_models["bert"], texts_csv, training=training, methods=["lora", "lora_one"]
    )


def check_results(home: Path, url: str, runs: list[dict[str, Any]]) -> None:
    """Every run succeeded with exactly one complete set of results, in a sound database."""
    assert [run["status"] for run in runs] == ["succeeded"] * len(runs), runs
    check_sound(url)
    with create_engine(url).connect() as database:
        for run in runs:
            steps = database.scalars(
                select(MetricRow.step)
                .where(MetricRow.run_id == run["id"], MetricRow.name == "train_loss")
                .order_by(MetricRow.step)
            ).all()
            assert steps == list(range(1, STEPS + 1))
            adapters = list((home / "artifacts" / str(run["id"])).iterdir())
            assert [folder.name for folder in adapters] == [str(run["attempt"])]


def in_training(server: Process, experiment: int) -> dict[str, Any]:
    found: dict[str, Any] = server.wait(lambda: server.training(experiment))
    return found


def test_a_killed_worker_costs_its_run_an_attempt_and_nothing_else(
    start: Start, long_spec: dict[str, Any], tmp_path: Path, database_url: DatabaseUrl
) -> None:
    server = start()
    key = server.post("/api/experiments", long_spec)["id"]
    victim = in_training(server, key)
    (worker,) = server.workers()
    worker.kill()
    runs = server.settle(key)
    assert {run["id"]: run["attempt"] for run in runs}[victim["id"]] == 2
    check_results(tmp_path / "home", database_url(tmp_path / "home"), runs)


def test_a_killed_server_goes_on_where_it_was_and_leaves_no_orphan(
    start: Start, long_spec: dict[str, Any], tmp_path: Path, database_url: DatabaseUrl
) -> None:
    server = start()
    key = server.post("/api/experiments", long_spec)["id"]
    victim = in_training(server, key)
    (worker,) = server.workers()
    server.stop(signal.SIGKILL)
    worker.wait(timeout=10)  # raises where it lives on
    assert not worker.is_running()
    again = start()
    runs = again.settle(key)
    assert {run["id"]: run["attempt"] for run in runs}[victim["id"]] == 2
    check_results(tmp_path / "home", database_url(tmp_path / "home"), runs)


def test_an_orderly_stop_ends_open_streams_and_puts_the_run_back(
    start: Start, long_spec: dict[str, Any], tmp_path: Path, database_url: DatabaseUrl
) -> None:
    server = start()
    key = server.post("/api/experiments", long_spec)["id"]
    in_training(server, key)
    received: list[str] = []

    def follow() -> None:
        with httpx.stream("GET", f"{server.url}/api/changes", timeout=60) as stream:
            received.extend(stream.iter_lines())

    reader = threading.Thread(target=follow)
    reader.start()
    server.wait(lambda: received)
    began = time.monotonic()
    # uvicorn ends by the signal it was sent, and Ray by its number.
    assert server.stop() in (-signal.SIGTERM, signal.SIGTERM)
    assert time.monotonic() - began < 10 * busy()
    reader.join(timeout=5)
    assert not reader.is_alive()
    with create_engine(database_url(tmp_path / "home")).connect() as database:
        rows = database.execute(select(Run.status, Run.lost).order_by(Run.id)).all()
    assert tuple(rows[0]) == ("queued", 0)
    again = start()
    check_results(tmp_path / "home", database_url(tmp_path / "home"), again.settle(key))


def test_cancelling_ends_the_run_at_once_and_the_next_one_runs(
    start: Start, long_spec: dict[str, Any]
) -> None:
    server = start()
    key = server.post("/api/experiments", long_spec)["id"]
    victim = in_training(server, key)
    began = time.monotonic()
    server.post(f"/api/runs/{victim['id']}/cancel")
    assert time.monotonic() - began < 2 * busy()
    first, second = server.settle(key)
    assert (first["status"], second["status"]) == ("cancelled", "succeeded")


@pytest.mark.sqlite
def test_a_second_server_on_the_same_folder_is_refused(start: Start) -> None:
    server = start()
    with pytest.raises(AssertionError, match="another server"):
        start()
    assert server.get("/api/health")["status"] == "ok"


def test_failed_runs_say_why_and_the_server_goes_on(
    start: Start, tiny_models: dict[str, Path], texts_csv: Path
) -> None:
    server = start()
    cases: list[tuple[str, dict[str, Any], str]] = [
        ("rank", {"grid": {"ranks": [17], "learning_rates": [0.01]}}, "above min(m, n) = 16"),
        ("target", {"model": {"id": str(tiny_models["bert"]), "targets": ["q_proj"]}}, "q_proj"),
        ("hub", {"model": {"id": "nobody/nothing"}}, "cannot be loaded"),
        ("data", {"gradient": {"samples": 64}}, "more than the 64 training texts"),
    ]
    for name, change, message in cases:
        spec = tiny_experiment(tiny_models["bert"], texts_csv, name=name, **change)
        (run,) = server.settle(server.post("/api/experiments", spec)["id"])
        assert run["status"] == "failed", name
        assert message in run["error"]["message"]
        assert run["error"]["code"] != "internal"
    spec = tiny_experiment(tiny_models["bert"], texts_csv, name="good")
    (run,) = server.settle(server.post("/api/experiments", spec)["id"])
    assert run["status"] == "succeeded"
