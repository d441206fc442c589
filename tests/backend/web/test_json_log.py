"""A server's standard error with LORAONE_LOG_FORMAT=json: every line, whatever happens to it."""

from __future__ import annotations

import json
import sqlite3
from pathlib import Path
from typing import Any

import psutil
import pytest

from backend.logs import about, logged
from backend.web.exchange import logged_of, question
from backend.web.requests import request_id
from tests.backend.web.conftest import Served
from tests.backend.web.test_secrets import use

DIVERGES = {
    "task": "teacher-student",
    "methods": ["lora"],
    "problem": {
        "inputs": 8,
        "outputs": 6,
        "samples": 32,
        "true_rank": 2,
        "init_std": 100.0,
        "scaling": 100.0,
    },
    "training": {"steps": 60, "warmup_steps": 0, "optimizer": "sgd"},
    "grid": {"ranks": [2], "learning_rates": [10.0]},
}


@pytest.mark.sqlite
def test_each_line_of_a_first_day_a_failed_run_and_an_error_is_json_without_secrets(
    tmp_path: Path,
) -> None:
    file = tmp_path / "log"
    with file.open("w") as errors:
        server = Served(
            tmp_path / "home", errors, LORAONE_AUTH="local", LORAONE_LOG_FORMAT="json",
            LORAONE_READERS="1", LORAONE_DATABASE_URL=f"sqlite:///{tmp_path}/lab.db",
        )  # fmt: skip
        secrets, _ = use(server)
        answer = server.http.get(
            "/api/me?code=s3cret-of-a-query", headers={"X-Request-ID": "of-mine-1"}
        )
        assert answer.headers["x-request-id"] == "of-mine-1"
        for waiting in server.get("/api/experiments?q=is:any")["experiments"]:
            for each in server.runs(waiting["id"]):  # of the first day, which take longer
                server.http.post(f"/api/runs/{each['id']}/cancel")
        experiment = server.post("/api/experiments", DIVERGES)["id"]
        (run,) = server.settle(experiment)
        assert run["status"] == "failed"
        with sqlite3.connect(tmp_path / "lab.db") as database:
            database.execute("ALTER TABLE saved_views RENAME TO gone")
        broken = server.http.get("/api/views", headers={"X-Request-ID": "bad id\twith spaces"})
        assert broken.status_code >= 500
        made = broken.headers["x-request-id"]
        assert len(made) == 32
        children = psutil.Process(server.process.pid).children()
        assert len(children) >= 2  # a reader, and a worker
        for child in children:
            Path(f"/proc/{child.pid}/fd/2").write_text(f"{child.pid} aborts\n")  # as C does
        server.stop()
    text = file.read_text()
    lines = [json.loads(line) for line in text.splitlines()]
    assert all({"time", "level", "logger", "message"} <= {*line} for line in lines)
    assert [what for what, secret in secrets.items() if secret in text] == []
    assert "s3cret-of-a-query" not in text

    def lines_about(**asked: Any) -> list[dict[str, Any]]:
        return [line for line in lines if asked.items() <= line.items()]

    (mine,) = lines_about(request_id="of-mine-1")
    assert mine["path"] == "/api/me"
    assert (mine["status"], mine["method"], mine["person"]) == (200, "GET", 1)
    assert 0 < mine["duration"] < 20
    (ended,) = lines_about(logger="loraone.runs", run=run["id"])
    assert (ended["status"], ended["experiment"], ended["lane"]) == ("failed", experiment, "CPU")
    (answered,) = lines_about(request_id=made)
    assert (answered["status"], answered["person"]) == (broken.status_code, 1)
    stray = "\n".join(line["message"] for line in lines_about(logger="stderr"))
    assert all(f"{child.pid} aborts" in stray for child in children)
    assert len(lines_about(path="/api/sign-in", status=401)) == 2


def test_what_a_reader_logs_is_about_the_request_that_it_answers() -> None:
    scope = {"path": "/api/views", "query_string": b"", "headers": []}
    with logged(request_id="of-mine-1", path="/api/views", person=1):
        asked = question(scope)
    assert about() == {}
    with logged_of(asked):
        assert about() == {"request_id": "of-mine-1", "path": "/api/views", "person": 1}


@pytest.mark.parametrize(
    ("sent", "kept"),
    [
        ([b"0af7651916cd43dd8448eb211c80319c"], True),
        ([b"a.b_c-d1"], True),
        ([b"short"], False),
        ([b"x" * 65], False),
        ([b"with space"], False),
        ([b"<script>alert"], False),
        ([b"line\nbreak1"], False),
        ([b"\xff" * 8], False),
        ([b"first-one", b"second-one"], False),
        ([], False),
    ],
)
def test_an_id_is_taken_where_it_is_well_formed_and_one(sent: list[bytes], kept: bool) -> None:
    found = request_id({"headers": [(b"x-request-id", value) for value in sent]})
    assert (found.encode() in sent) == kept
    assert kept or len(found) == 32
