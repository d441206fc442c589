"""What Prometheus reads, and whether a server can take work."""

from __future__ import annotations

from fastapi import FastAPI
from fastapi.testclient import TestClient
from prometheus_client.parser import text_string_to_metric_families

from backend.storage.tables import LaneRow, Run
from tests.backend.api.test_owners import SPEC

Samples = dict[tuple[str, frozenset[tuple[str, str]]], float]


def _read(client: TestClient) -> Samples:
    answer = client.get("/metrics")
    assert answer.status_code == 200, answer.text
    return {
        (sample.name, frozenset(sample.labels.items())): sample.value
        for family in text_string_to_metric_families(answer.text)
        for sample in family.samples
    }


def _of(samples: Samples, name: str, **labels: str) -> float:
    return samples[name, frozenset(labels.items())]


def test_runs_and_lanes_are_counted(app: FastAPI, client: TestClient) -> None:
    launched = client.post("/api/experiments", json={**SPEC, "name": "x"}).json()
    queued = launched["counts"]["queued"]
    with app.state.database.write() as session:
        session.add(LaneRow(name="gpu:0", mode="paused", memory=5))
        run = session.query(Run).order_by(Run.id).first()
        run.status, run.lane = "running", "gpu:0"
    samples = _read(client)
    assert _of(samples, "loraone_runs", status="queued") == queued - 1
    assert _of(samples, "loraone_runs", status="running") == 1
    assert _of(samples, "loraone_runs", status="failed") == 0
    assert _of(samples, "loraone_lane_busy", lane="gpu:0") == 1
    assert _of(samples, "loraone_lane_open", lane="gpu:0") == 0
    assert _of(samples, "loraone_lane_memory_bytes", lane="gpu:0") == 5
    assert _of(samples, "loraone_queue_oldest_seconds") >= 0
    assert _of(samples, "loraone_disk_free_bytes") > 0


def test_answers_are_timed_by_route_and_never_by_what_stands_in_a_path(client: TestClient) -> None:
    for key in (1, 2, 3):
        client.get(f"/api/experiments/{key}")
    client.get("/api/nothing-here")
    samples = _read(client)
    labels = {"route": "/api/experiments/{experiment_id}", "method": "GET", "status": "404"}
    assert _of(samples, "loraone_request_seconds_count", **labels) == 3
    routes = {dict(labels).get("route") for _, labels in samples} - {None}
    assert all("{" in route or not any(map(str.isdigit, route)) for route in routes if route)
    assert "/api/nothing-here" not in routes


def test_a_server_is_ready_once_its_queue_is_seen_to(app: FastAPI) -> None:
    client = TestClient(app, base_url="http://127.0.0.1:8111")
    assert client.get("/api/ready").status_code == 503
    assert client.get("/api/health").status_code == 200
    with client:
        assert client.get("/api/ready").json()["status"] == "ok"
    assert client.get("/api/ready").status_code == 503
