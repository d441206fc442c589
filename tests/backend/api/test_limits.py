"""A limit on everything: what is too much is refused in words, and nothing half of it is kept."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from fastapi.testclient import TestClient

from backend.scheduling import disk
from backend.settings import Settings
from backend.storage.store import queue, results, runs
from backend.web.app import create_app
from backend.web.security import MAX_BODY
from loraone.events import Note
from tests.backend.people import accounts
from tests.conftest import DatabaseUrl

SPEC: dict[str, Any] = {"task": "teacher-student", "methods": ["lora"]}


def client(home: Path, database_url: DatabaseUrl, **settings: Any) -> TestClient:
    app = create_app(Settings(home=home, database_url=database_url(home), **settings))
    return TestClient(app, base_url="http://127.0.0.1:8111")  # no lifespan: nothing runs


def test_a_request_that_is_too_large_is_refused_before_it_is_read(client: TestClient) -> None:
    answer = client.post("/api/experiments", json={**SPEC, "description": "x" * MAX_BODY})
    assert answer.status_code == 413
    assert answer.json()["detail"] == "the request is too large; allowed: up to 2 MB"


def test_a_request_that_does_not_say_its_length_is_counted(client: TestClient) -> None:
    def body() -> Iterator[bytes]:
        for _ in range(30):
            yield b"x" * 100_000

    answer = client.post("/api/experiments", content=body())
    assert answer.status_code == 413


def test_an_upload_has_a_limit_of_its_own_that_can_be_set(
    tmp_path: Path, database_url: DatabaseUrl
) -> None:
    small = client(tmp_path, database_url, max_upload_mb=3)
    within = small.post("/api/experiments/import", json={"name": "x" * 2_500_000})
    assert within.status_code == 422
    beyond = small.post("/api/experiments/import", json={"name": "x" * 3_500_000})
    assert beyond.status_code == 413
    assert "LORAONE_MAX_UPLOAD_MB" in beyond.json()["detail"]


def test_an_upload_that_does_not_say_its_length_needs_disk_space_too(
    tmp_path: Path, database_url: DatabaseUrl, monkeypatch: pytest.MonkeyPatch
) -> None:
    free = disk.read(Settings(home=tmp_path)).free
    # Others write meanwhile, too: what is free stands still here.
    monkeypatch.setattr(disk.shutil, "disk_usage", lambda path: SimpleNamespace(free=free))
    full = client(tmp_path, database_url, disk_stop_gb=(free - 50e6) / 1e9)

    def body() -> Iterator[bytes]:
        yield b"{"
        for _ in range(100):
            yield b" " * 1_000_000
        yield b"}"

    headers = {"content-type": "application/json"}
    answer = full.post("/api/experiments/import", content=body(), headers=headers)
    assert answer.status_code == 507, answer.text
    assert "would leave less than" in answer.json()["detail"]


def test_the_queue_has_an_end_and_says_how_many_wait(
    tmp_path: Path, database_url: DatabaseUrl
) -> None:
    full = client(tmp_path, database_url, max_queued=3)
    assert full.post("/api/experiments", json={**SPEC, "grid": {"seeds": [0, 1]}}).is_success
    answer = full.post("/api/experiments", json={**SPEC, "grid": {"seeds": [0, 1]}})
    assert answer.status_code == 429
    assert "2 runs wait already, and 2 more" in answer.json()["detail"]
    assert full.get("/api/experiments").json()["total"] == 1


def test_what_waits_in_private_is_in_the_queue_of_everybody(
    tmp_path: Path, database_url: DatabaseUrl
) -> None:
    settings = Settings(
        home=tmp_path, database_url=database_url(tmp_path), auth="local", max_queued=3
    )
    app = create_app(settings)
    ada, bob = (
        accounts.signed_in(app, accounts.person(app.state.database, name, "editor"))
        for name in ("ada", "bob")
    )
    two = {**SPEC, "grid": {"seeds": [0, 1]}}
    assert ada.post("/api/experiments", json=two, params={"private": True}).is_success
    answer = bob.post("/api/experiments", json=two)
    assert answer.status_code == 429
    assert "2 runs wait already, and 2 more" in answer.json()["detail"]
    assert bob.post("/api/experiments", json=SPEC).is_success
    assert ada.post("/api/runs/2/top").json()["priority"] == 1
    assert bob.post("/api/runs/3/top").json()["priority"] == 2


def test_on_a_disk_that_is_almost_full_nothing_is_taken_in_and_the_queue_says_why(
    tmp_path: Path, database_url: DatabaseUrl
) -> None:
    full = client(tmp_path, database_url, disk_stop_gb=10**6)
    answer = full.post("/api/experiments", json=SPEC)
    assert answer.status_code == 507
    assert "LORAONE_DISK_STOP_GB" in answer.json()["detail"]
    assert full.get("/api/experiments").json()["total"] == 0


def test_a_disk_that_fills_up_is_warned_of_and_still_taken(tmp_path: Path) -> None:
    low = disk.read(Settings(home=tmp_path, disk_warn_gb=10**6, disk_stop_gb=0))
    assert (low.state, low.sentence[:24]) == ("low", "The disk is filling up: ")
    assert disk.read(Settings(home=tmp_path, disk_warn_gb=0, disk_stop_gb=0)).sentence == ""


def test_shared_gradients_keep_to_their_share_and_the_oldest_go_first(tmp_path: Path) -> None:
    import os

    settings = Settings(home=tmp_path, gradients_gb=2.5e-6)
    assert settings.gradients is not None
    settings.gradients.mkdir()
    for age, name in enumerate(["new", "middle", "old"]):
        file = settings.gradients / f"{name}.safetensors"
        file.write_bytes(bytes(1000))
        os.utime(file, (10**9 - age, 10**9 - age))
    disk.trim(settings)
    assert {file.stem for file in settings.gradients.iterdir()} == {"new", "middle"}


def test_a_run_that_says_too_much_keeps_what_it_said_first(client: TestClient) -> None:
    assert client.post("/api/experiments", json=SPEC).is_success
    database = client.app.state.database  # type: ignore[attr-defined]
    with database.write() as session:
        run = queue.claim(session, "CPU")
        assert run is not None
        for seq in range(results.MAX_NOTES + 50):
            results.append(session, run.id, 1, seq, Note(f"{seq} {'x' * 9000}"), Path("/"))
        assert len(run.notes) == results.MAX_NOTES
        assert len(run.notes[0]) == results.MAX_NOTE
        assert runs.live(session, run.id, 1) is not None


@pytest.mark.parametrize("priority", [-101, 101])
def test_a_priority_has_a_range(client: TestClient, priority: int) -> None:
    assert client.post("/api/experiments", json=SPEC).is_success
    answer = client.post("/api/runs/priority", params={"of": "e1", "priority": priority})
    assert answer.status_code == 422
    assert "100" in answer.json()["errors"][0]["message"]
