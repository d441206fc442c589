"""Several lanes at one experiment: each gradient is taken once, the model loaded once by each."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import create_engine, select

from backend.scheduling.executors.local import LocalExecutor
from backend.storage.tables import Change
from tests.backend.conftest import Process, Start
from tests.conftest import tiny_experiment

METHODS, RATES, SEEDS, LANES = ["lora", "lora_one", "pissa"], [0.01, 0.02], [0, 1], 2


def progress(server: Process, phase: str) -> list[dict[str, Any]]:
    """The feed's rows about a phase, in order."""
    engine = create_engine(server.database_url)
    with engine.connect() as database:
        rows = database.execute(
            select(Change.run_id, Change.payload).where(Change.kind == "progress")
        ).all()
    engine.dispose()
    return [{"run": run, **payload} for run, payload in rows if payload["phase"] == phase]


def test_an_experiment_takes_each_gradient_once_and_loads_the_model_once_per_lane(
    start: Start, tiny_models: dict[str, Path], texts_csv: Path
) -> None:
    server = start(LORAONE_LANES_PER_DEVICE=str(LANES))
    grid = {"ranks": [4], "learning_rates": RATES, "seeds": SEEDS}
    spec = tiny_experiment(tiny_models["bert"], texts_csv, methods=METHODS, grid=grid)
    runs = server.settle(server.post("/api/experiments", spec)["id"])
    assert len(runs) == len(METHODS) * len(RATES) * len(SEEDS)
    assert {run["status"] for run in runs} == {"succeeded"}
    loaded = {row["run"] for row in progress(server, "load")}
    assert len(loaded) <= LANES
    # A gradient that was taken says so for its last micro-batch; one that was waited for does not.
    taken = [row for row in progress(server, "gradient") if row["done"] == row["total"]]
    assert len({row["run"] for row in taken}) == len(SEEDS)
    assert len(list((server.home / "gradients").glob("*.start.safetensors"))) == len(SEEDS)


def test_a_later_experiment_on_the_same_gradient_takes_none(
    start: Start, tiny_models: dict[str, Path], texts_csv: Path
) -> None:
    server = start()
    spec = tiny_experiment(tiny_models["bert"], texts_csv)
    server.settle(server.post("/api/experiments", spec)["id"])
    server.workers()[0].kill()  # what it kept warm is gone; what it shared is not
    again = server.settle(server.post("/api/experiments", {**spec, "methods": ["pissa"]})["id"])
    assert again[0]["status"] == "succeeded"
    taken = [row for row in progress(server, "gradient") if row["done"] == row["total"]]
    assert {row["run"] for row in taken} == {1}


def test_a_drained_lane_lets_go_of_its_worker_and_an_open_one_starts_another(
    start: Start, tiny_models: dict[str, Path], texts_csv: Path
) -> None:
    server = start()
    spec = tiny_experiment(tiny_models["bert"], texts_csv)
    server.settle(server.post("/api/experiments", spec)["id"])
    (worker,) = server.workers()
    server.post("/api/lanes/CPU?mode=paused")
    key = server.post("/api/experiments", spec)["id"]
    assert worker.is_running()
    server.post("/api/lanes/CPU?mode=drained")
    worker.wait(timeout=5)
    assert server.runs(key)[0]["status"] == "queued"
    server.post("/api/lanes/CPU?mode=open")
    assert server.settle(key)[0]["status"] == "succeeded"
    assert server.http.post("/api/lanes/GPU 7?mode=open").status_code == 404
    assert server.http.post("/api/lanes/CPU?mode=closed").status_code == 422


@pytest.mark.parametrize(
    ("visible", "per_device", "expected"),
    [
        ("", 1, ["CPU"]),
        ("", 2, ["CPU · 1", "CPU · 2"]),
        ("0,3", 1, ["GPU 0", "GPU 3"]),
        ("0,3", 2, ["GPU 0 · 1", "GPU 0 · 2", "GPU 3 · 1", "GPU 3 · 2"]),
    ],
)
def test_lanes_are_devices_or_shares_of_them(
    visible: str, per_device: int, expected: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", visible)
    devices = LocalExecutor(cpu_threads=4, per_device=per_device).devices()
    assert [device.name for device in devices] == expected
    if not visible:
        assert {device.threads for device in devices} == {4 // per_device}
