"""Lanes in a Ray cluster of two nodes behave as local ones do."""

from __future__ import annotations

import io
import signal
import time
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from backend.scheduling.lane import _inside
from tests.backend.conftest import NewProcess, Process
from tests.busy import busy
from tests.conftest import tiny_experiment
from tests.ray_nodes import RayNodes

# Each begins a cluster.
pytestmark = pytest.mark.tests(4)


@pytest.fixture(scope="module")
def cluster() -> Iterator[RayNodes]:
    found = RayNodes()
    yield found
    found.remove()


@pytest.fixture(scope="module")
def server(
    cluster: RayNodes,
    tmp_path_factory: pytest.TempPathFactory,
    tiny_models: dict[str, Path],
    texts_csv: Path,
    new_process: NewProcess,
) -> Iterator[Process]:
    roots = [*tiny_models.values(), texts_csv.parent]
    home = tmp_path_factory.mktemp("home")
    found = new_process(home, roots, LORAONE_EXECUTOR="ray", RAY_ADDRESS=cluster.address)
    yield found
    found.stop(signal.SIGTERM)


@pytest.fixture
def long_spec(tiny_models: dict[str, Path], texts_csv: Path) -> dict[str, Any]:
    training = {"steps": 200, "batch_size": 8, "warmup_steps": 1, "eval_every": 100}
    return tiny_experiment(
        tiny_models["bert"], texts_csv, training=training, methods=["lora", "lora_one"]
    )


def lanes(server: Process) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = server.get("/api/queue")["lanes"]
    return found


def test_every_node_is_a_lane_and_both_work_at_once(
    server: Process, long_spec: dict[str, Any]
) -> None:
    assert len(lanes(server)) == 2
    key = server.post("/api/experiments", long_spec)["id"]
    server.wait(lambda: all(lane["run"] for lane in lanes(server)))
    server.wait(lambda: any(lane["memory_bytes"] for lane in lanes(server)))
    runs = server.settle(key)
    assert [run["status"] for run in runs] == ["succeeded"] * 2
    for run in runs:
        steps = server.get(f"/api/experiments/{key}")["steps"]
        assert steps[-1] == 200
        packed = server.http.get(f"/api/runs/{run['id']}/adapter.zip").content
        names = zipfile.ZipFile(io.BytesIO(packed)).namelist()
        assert {"adapter_config.json", "adapter_model.safetensors"} <= set(names)
        log = server.get(f"/api/runs/{run['id']}/log")
        assert log["attempt"] == 1


def test_a_wrong_spec_fails_once_with_the_same_words_as_on_a_local_lane(
    server: Process, tiny_models: dict[str, Path], texts_csv: Path
) -> None:
    spec = tiny_experiment(
        tiny_models["bert"], texts_csv, grid={"ranks": [17], "learning_rates": [0.01]}
    )
    (run,) = server.settle(server.post("/api/experiments", spec)["id"])
    assert (run["status"], run["attempt"]) == ("failed", 1)
    assert "above min(m, n) = 16" in run["error"]["message"]


def test_a_cancelled_run_stops_within_two_seconds(
    server: Process, cluster: RayNodes, long_spec: dict[str, Any]
) -> None:
    long_spec["training"]["steps"] = 20_000
    long_spec["methods"] = ["lora"]
    key = server.post("/api/experiments", long_spec)["id"]
    run = server.wait(lambda: server.training(key))
    before = {process.pid for process in cluster.actors()}
    began = time.monotonic()
    server.post(f"/api/runs/{run['id']}/cancel")
    server.wait(lambda: len({p.pid for p in cluster.actors()} & before) < len(before), 5)
    assert time.monotonic() - began < 2 * busy()
    assert server.runs(key)[0]["status"] == "cancelled"


def test_a_killed_actor_costs_its_run_an_attempt(
    server: Process, cluster: RayNodes, long_spec: dict[str, Any]
) -> None:
    long_spec["methods"] = ["lora"]
    key = server.post("/api/experiments", long_spec)["id"]
    server.wait(lambda: server.training(key))
    for process in cluster.actors():
        process.kill()
    (run,) = server.settle(key)
    assert (run["status"], run["attempt"]) == ("succeeded", 2)


def test_an_actor_that_dies_idle_costs_no_run_an_attempt(
    server: Process, cluster: RayNodes, long_spec: dict[str, Any]
) -> None:
    long_spec["training"]["steps"] = 100
    server.settle(server.post("/api/experiments", long_spec)["id"])
    idle = cluster.actors()
    assert len(idle) == 2
    for process in idle:
        process.kill()
    server.wait(lambda: not cluster.actors())
    runs = server.settle(server.post("/api/experiments", long_spec)["id"])
    assert [(run["status"], run["attempt"]) for run in runs] == [("succeeded", 1)] * 2


def test_the_runs_of_a_node_that_dies_go_on_at_another(
    server: Process, cluster: RayNodes, long_spec: dict[str, Any]
) -> None:
    long_spec["training"]["steps"] = 1000
    key = server.post("/api/experiments", long_spec)["id"]
    server.wait(lambda: all(r["phase"] == "train" and r["done"] for r in server.runs(key)))
    cluster.kill(cluster.nodes[0])
    server.wait(lambda: len(lanes(server)) == 1, 30)
    runs = server.settle(key)
    assert [run["status"] for run in runs] == ["succeeded"] * 2
    assert sorted(run["attempt"] for run in runs) == [1, 2]
    cluster.nodes[0] = cluster.add()
    server.wait(lambda: len(lanes(server)) == 2, 30)


def test_when_the_server_stops_no_actor_is_left(
    cluster: RayNodes,
    tmp_path: Path,
    new_process: NewProcess,
    tiny_models: dict[str, Path],
    texts_csv: Path,
    long_spec: dict[str, Any],
    server: Process,
) -> None:
    for process in cluster.actors():  # those of the other server's lanes
        process.kill()
    roots = [*tiny_models.values(), texts_csv.parent]
    second = new_process(tmp_path, roots, LORAONE_EXECUTOR="ray", RAY_ADDRESS=cluster.address)
    key = second.post("/api/experiments", long_spec)["id"]
    second.wait(lambda: second.training(key))
    assert cluster.actors()
    second.stop(signal.SIGKILL)
    server.wait(lambda: not cluster.actors(), 20)


def test_what_an_actor_writes_stays_inside_the_runs_folder(tmp_path: Path) -> None:
    assert _inside(tmp_path, "adapter/a.bin") == tmp_path / "adapter" / "a.bin"
    for path in ("../x", "/etc/passwd", "a/../../x"):
        with pytest.raises(ValueError, match="not inside"):
            _inside(tmp_path, path)
