"""The plan's time and memory: from a benchmark first, from finished runs as soon as there are."""

from __future__ import annotations

import json
import platform
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest

from backend.scheduling.device_benchmarks import DeviceBenchmarks
from backend.scheduling.jobs import Device
from loraone import __version__
from loraone.runs.device_benchmark import DeviceBenchmark
from tests.backend.conftest import NewProcess
from tests.conftest import tiny_experiment

CPU = Device("CPU", None, 1)


@pytest.fixture(scope="module")
def spec(tiny_models: dict[str, Path], texts_csv: Path) -> dict[str, Any]:
    grid = {"ranks": [4], "learning_rates": [0.003, 0.03], "seeds": [0, 1, 2]}
    return tiny_experiment(tiny_models["bert"], texts_csv, grid=grid)


def test_a_plan_is_estimated_by_a_benchmark_and_then_by_what_runs_took(
    tmp_path_factory: pytest.TempPathFactory,
    tiny_models: dict[str, Path],
    texts_csv: Path,
    spec: dict[str, Any],
    new_process: NewProcess,
) -> None:
    roots = [*tiny_models.values(), texts_csv.parent]
    server = new_process(tmp_path_factory.mktemp("home"), roots, LORAONE_BENCHMARK_DEVICE="true")
    try:
        first = server.post("/api/plan", spec)["cost"]
        assert first["waiting"]
        assert first["seconds"] is None
        assert server.wait(lambda: not server.post("/api/plan", spec)["cost"]["waiting"])
        said = server.post("/api/plan", spec)["cost"]
        assert "benchmark" in said["basis"]
        assert said["seconds"] > 0
        assert 0 < said["memory_bytes"] < said["device_memory_bytes"]
        assert said["too_large"] == []
        runs = server.settle(server.post("/api/experiments", spec)["id"])
        assert {run["status"] for run in runs} == {"succeeded"}
        after = server.post("/api/plan", spec)["cost"]
        assert "last 6 runs" in after["basis"]
        assert after["seconds"] != said["seconds"]
    finally:
        server.stop()
    assert (server.home / "device-benchmark.json").is_file()
    # The next start does not measure again.
    again = new_process(server.home, roots, LORAONE_BENCHMARK_DEVICE="true")
    try:
        assert not again.post("/api/plan", spec)["cost"]["waiting"]
        theory = {"task": "teacher-student", "methods": ["lora"]}
        assert again.post("/api/plan", theory)["cost"] is None
        unknown = {**spec, "model": {"id": "somebody/something"}}
        assert "not on this machine yet" in again.post("/api/plan", unknown)["cost"]["basis"]
    finally:
        again.stop()


def test_without_leave_nothing_is_measured(tmp_path: Path) -> None:
    device_benchmarks = DeviceBenchmarks(tmp_path, enabled=False)
    assert device_benchmarks.get(CPU) is None
    assert not device_benchmarks.measuring(CPU)


@pytest.mark.parametrize("text", ["", "[]", "{", '{"machine": "another", "version": "0"}'])
def test_a_broken_or_foreign_file_is_measured_anew(tmp_path: Path, text: str) -> None:
    (tmp_path / "device-benchmark.json").write_text(text)
    assert DeviceBenchmarks(tmp_path, enabled=False).get(CPU) is None


@pytest.mark.parametrize("name", ["device-benchmark.json", "calibration.json"])
def test_what_was_measured_is_read_under_its_former_name_too(tmp_path: Path, name: str) -> None:
    measured = DeviceBenchmark("CPU", multiply=1e9, decompose=1e8, memory=10**9, base=10**8)
    devices = {"CPU, 1 threads": asdict(measured)}
    body = {"machine": platform.node(), "version": __version__, "devices": devices}
    (tmp_path / name).write_text(json.dumps(body))
    assert DeviceBenchmarks(tmp_path, enabled=False).get(CPU) == measured


@pytest.mark.parametrize("changed", [{"torch": "1.0"}, {"cores": 10**4}, {"memory": 1}])
def test_what_was_measured_before_the_machine_or_torch_changed_is_measured_anew(
    tmp_path: Path, changed: dict[str, Any]
) -> None:
    measured = DeviceBenchmark("CPU", multiply=1e9, decompose=1e8, memory=10**9, base=10**8)
    body = {"machine": platform.node(), "version": __version__, **changed}
    devices = {"devices": {"CPU, 1 threads": asdict(measured)}}
    (tmp_path / "device-benchmark.json").write_text(json.dumps(body | devices))
    assert DeviceBenchmarks(tmp_path, enabled=False).get(CPU) is None
