"""A database that is gone, replaced, read-only, locked or damaged while the server runs is said."""

from __future__ import annotations

import shutil
import sqlite3
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient

from tests.backend.conftest import Start
from tests.busy import busy
from tests.postgres import Postgres

THEORY = {"task": "teacher-student", "methods": ["lora"], "training": {"steps": 5}}


def gone(file: Path) -> None:
    file.unlink()


def renamed(file: Path) -> None:
    file.rename(file.with_name("moved.db"))


def replaced(file: Path) -> None:
    shutil.copy(file, file.with_name("copy.db"))
    file.with_name("copy.db").replace(file)


def linked_elsewhere(file: Path) -> None:
    shutil.copy(file, file.with_name("copy.db"))
    file.unlink()
    file.symlink_to(file.with_name("copy.db"))


def emptied(file: Path) -> None:
    with file.open("r+b") as opened:
        opened.truncate(0)


def with_the_folder(file: Path) -> None:
    file.parent.rename(file.parent.with_name("elsewhere"))


@pytest.mark.sqlite
@pytest.mark.parametrize(
    ("what", "said"),
    [
        (gone, "is gone"),
        (renamed, "is gone"),
        (replaced, "was replaced by another file"),
        (linked_elsewhere, "was replaced by another file"),
        (emptied, "is empty"),
        (with_the_folder, "is gone"),
    ],
)
def test_a_database_file_that_is_not_what_it_was_is_a_reason_on_every_route(
    app: FastAPI, client: TestClient, what: Callable[[Path], None], said: str
) -> None:
    for kept in ("/api/health", "/api/queue", "/api/experiments"):
        assert client.get(kept).status_code == 200
    file = Path(app.state.settings.home) / "loraone.db"
    what(file)
    for answer in (
        client.get("/api/health"),
        client.get("/api/queue"),
        client.get("/api/experiments"),
        client.post("/api/experiments", json=THEORY),
    ):
        assert answer.status_code == 503, answer.text
        assert answer.headers["content-type"] == "application/problem+json"
        assert said in answer.json()["detail"]
    assert not app.state.scheduler.may_begin(app.state.executor.devices()[0])
    assert what is not gone or not file.exists(), "nothing new was made in its place"


@pytest.mark.sqlite
def test_a_database_that_comes_back_is_used_again(app: FastAPI, client: TestClient) -> None:
    file = Path(app.state.settings.home) / "loraone.db"
    file.rename(file.with_name("away.db"))
    assert client.get("/api/health").status_code == 503
    file.with_name("away.db").rename(file)
    assert client.get("/api/health").status_code == 200
    assert client.post("/api/experiments", json=THEORY).status_code == 201


@pytest.mark.sqlite
def test_a_lock_of_another_program_is_said_in_bounded_time(
    app: FastAPI, client: TestClient
) -> None:
    file = Path(app.state.settings.home) / "loraone.db"
    with sqlite3.connect(file, isolation_level=None) as other:
        other.execute("BEGIN EXCLUSIVE")
        began = time.monotonic()
        answer = client.get("/api/health")
        assert time.monotonic() - began < 4 * busy()
        assert (answer.status_code, "locked" in answer.text) == (503, True)
        other.execute("COMMIT")
    assert client.get("/api/health").status_code == 200


@pytest.mark.sqlite
def test_a_damaged_database_is_said_rather_than_an_error_of_the_server(
    app: FastAPI, client: TestClient
) -> None:
    file = Path(app.state.settings.home) / "loraone.db"
    app.state.database.close()
    with file.open("r+b") as opened:
        opened.write(b"no database".ljust(8192))
    for path in ("/api/health", "/api/queue", "/api/experiments"):
        answer = client.get(path)
        assert answer.status_code == 503, answer.text
        assert "not a database" in answer.json()["detail"]


@pytest.mark.sqlite
def test_a_running_server_begins_nothing_in_a_file_that_nobody_would_find(start: Start) -> None:
    server = start()
    file = server.home / "loraone.db"
    file.rename(file.with_name("away.db"))
    time.sleep(2.5)
    assert server.http.get("/api/health").status_code == 503
    assert not file.exists()
    file.with_name("away.db").rename(file)
    key = server.post("/api/experiments", {**THEORY, "name": "after"})["id"]
    assert {run["status"] for run in server.settle(key)} == {"succeeded"}


def test_postgresql_that_is_gone_is_said(start: Start) -> None:
    postgres = Postgres()
    try:
        server = start(LORAONE_DATABASE_URL=postgres.new_database())
        assert server.http.get("/api/health").status_code == 200
        postgres.stop("immediate")
        time.sleep(1.1)
        for path in ("/api/health", "/api/experiments"):
            began = time.monotonic()
            answer = server.http.get(path)
            assert answer.status_code == 503, answer.text
            assert time.monotonic() - began < 4 * busy()
    finally:
        postgres.remove()
