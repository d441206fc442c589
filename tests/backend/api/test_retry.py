"""A run that cannot run any more is refused without waiting for those who write."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient
from sqlalchemy import select

from backend.storage.tables import Run

SPEC: dict[str, Any] = {"task": "teacher-student", "methods": ["lora"], "grid": {"seeds": [0, 1]}}


@pytest.mark.parametrize("path", ["/api/runs/retry?of=e1", "/api/runs/1/retry"])
def test_what_a_run_is_is_looked_at_before_others_are_kept_from_writing(
    app: FastAPI, client: TestClient, path: str
) -> None:
    assert client.post("/api/experiments", json=SPEC).status_code == 201
    with app.state.database.write() as session:
        for run in session.scalars(select(Run)):
            run.status = "failed"
            run.spec = run.spec | {"method": {"name": "gone"}}
    with ThreadPoolExecutor() as beside:
        with app.state.database.write():
            answer = beside.submit(client.post, path).result(timeout=20)
        assert answer.status_code == 422
        assert "gone is not installed" in answer.json()["detail"]
    assert {run["status"] for run in client.get("/api/experiments/1").json()["runs"]} == {"failed"}
