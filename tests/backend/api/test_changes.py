"""Whatever changes an answer is told of, with the experiment and the kind of the change."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient
from sqlalchemy.exc import OperationalError

from backend.settings import Settings
from backend.storage.store import changes, lanes, results, runs
from backend.storage.tables import ArtifactRow, Change, Run, Tag
from backend.web.app import create_app
from loraone.events import Alignment, Event, InitReport, Layers, Progress, Spectra, UpdateReport
from tests.backend.serving import serving
from tests.conftest import DatabaseUrl

SPEC = {"methods": ["lora"], "task": "teacher-student"}
# Routes that store nothing: they answer, or start a process.
STORES_NOTHING = {"/api/plan", "/api/markdown", "/api/theory", "/api/theory/warm"} | {
    "/api/tables/parquet",
    "/api/invitations/look",
}
# What they store is in answers for oneself and for administrators, which a page reads when it is
# opened; what of it others see, such as a name, is told (below).
TELLS_NOBODY = (
    "/api/sign-",
    "/api/me/",
    "/api/invitations/",
    "/api/people/",
    "/api/tokens",
    "/api/shares",
    "/api/notices/kinds",
    "/api/notices/channels",
)


@pytest.fixture
def app(tmp_path: Path, database_url: DatabaseUrl) -> Iterator[FastAPI]:
    """A server that runs nothing, with two experiments."""
    home = tmp_path / "home"
    app = create_app(Settings(home=home, database_url=database_url(home)))
    client = TestClient(app, base_url="http://127.0.0.1:8111")
    for _ in range(2):
        assert client.post("/api/experiments", json=SPEC).status_code == 201
    with app.state.database.write() as session:
        lanes.present(session, ["CPU"])
    yield app
    app.state.database.close()


def told(app: FastAPI, since: int) -> list[tuple[str, int]]:
    """Kind and experiment of the changes after ``since``."""
    with app.state.database.read() as session:
        return [(row.kind, row.experiment_id) for row in changes.after(session, since, None)]


def last(app: FastAPI) -> int:
    with app.state.database.read() as session:
        return changes.bounds(session)[1]


ACTIONS: list[tuple[str, str, Any, list[tuple[str, int]]]] = [
    ("POST /api/experiments", "", SPEC, [("status", 3)]),
    ("PATCH /api/experiments/{experiment_id}", "2", {"starred": True}, [("experiment", 2)]),
    ("PATCH /api/experiments/{experiment_id}", "1", {"tags": ["a"]}, [("experiment", 1)]),
    ("PATCH /api/experiments/{experiment_id}", "1", {"name": "New"}, [("experiment", 1)]),
    (
        "POST /api/experiments/bulk",
        "",
        {"ids": [2, 1, 9], "archived": True},
        [("experiment", 1), ("experiment", 2)],
    ),
    ("POST /api/experiments/import", "", "exported", [("experiment", 3)]),
    (
        "POST /api/experiments/{experiment_id}/notes",
        "2",
        {"text": "so", "base": 0},
        [("notes", 2)],
    ),
    (
        "POST /api/experiments/{experiment_id}/comments",
        "2",
        {"text": "seen"},
        [("comments", 2)],
    ),
    ("PATCH /api/comments/{comment_id}", "1", {"text": "seen twice"}, [("comments", 1)]),
    ("DELETE /api/comments/{comment_id}", "1", None, [("comments", 1)]),
    ("POST /api/notices/read", "", {}, [("notices", 0)]),
    ("POST /api/views", "", {"name": "Mine", "query": "by:ana"}, [("views", 0)]),
    ("DELETE /api/views/{view_id}", "1", None, [("views", 0)]),
    ("POST /api/lanes/{name}", "CPU?mode=paused", None, [("lanes", 0)]),
    ("POST /api/runs/priority", "?of=e2&priority=5", None, [("status", 2)]),
    ("POST /api/runs/{run_id}/top", "2", None, [("status", 2)]),
    ("POST /api/runs/{run_id}/cancel", "2", None, [("status", 2)]),
    ("POST /api/runs/cancel", "?of=e1", None, [("status", 1)]),
    ("POST /api/runs/{run_id}/retry", "3", None, [("status", 3)]),
    ("POST /api/runs/retry", "?of=e3", None, [("status", 3)]),
    # What waits is cancelled first; an experiment that comes back has its runs again.
    ("DELETE /api/runs/{run_id}/adapter", "1", None, [("status", 1)]),
    ("POST /api/storage/free", "", {"ids": [1]}, [("status", 1)]),
    ("DELETE /api/runs/{run_id}", "1", None, [("status", 1)] * 2),
    ("POST /api/runs/delete", "?of=e2", None, [("status", 2)] * 2),
    (
        "DELETE /api/experiments/{experiment_id}",
        "1",
        None,
        [("experiment", 1), ("status", 1)],
    ),
    (
        "POST /api/experiments/bulk-delete",
        "",
        {"ids": [2, 1, 9]},
        [("experiment", 1), ("experiment", 2), ("status", 1), ("status", 2)],
    ),
    (
        "POST /api/bin/restore",
        "",
        {"deletions": [1]},
        [("experiment", 3), ("status", 3)],
    ),
    ("DELETE /api/bin", "", None, [("experiment", 3)]),
]


def prepare(app: FastAPI, client: TestClient, route: str) -> None:
    """There is what an action is about."""
    if "/comments/" in route:
        client.post("/api/experiments/1/comments", json={"text": "first"})
    if "/bin" in route:
        made = client.post("/api/experiments", json=SPEC).json()
        assert client.delete(f"/api/experiments/{made['id']}").is_success
    if "adapter" in route or "storage" in route:
        row = {"name": "adapter", "path": "1/1/adapter", "bytes": 3, "max_error": 0.0}
        with app.state.database.write() as session:
            session.merge(ArtifactRow(run_id=1, verified=True, **row))


def asked(app: FastAPI, route: str, key: str, body: Any) -> tuple[str, str, Any]:
    """Method, address and body of an action, once there is what it is about."""
    client = TestClient(app, base_url="http://127.0.0.1:8111")
    prepare(app, client, route)
    if body == "exported":
        body = client.get("/api/experiments/1/export.json").json()
    if "views" in route:
        client.post("/api/views", json={"name": "First", "query": ""})
    if "retry" in route:
        client.post("/api/experiments", json=SPEC)
        client.post("/api/runs/cancel?of=e3")
    method, path = route.split(" ")
    address = path[: path.index("{")] + key + path[path.index("}") + 1 :] if "{" in path else path
    return method, address if "{" in path else address + key, body


@pytest.mark.sqlite
def test_a_disk_that_is_full_is_said_by_all_of_them_and_declared_by_every_route(
    app: FastAPI,
) -> None:
    client = TestClient(app, base_url="http://127.0.0.1:8111")
    actions = [asked(app, route, key, body) for route, key, body, _ in ACTIONS]
    with app.state.database._writer.connect() as connection:
        filled = connection.exec_driver_sql("PRAGMA max_page_count = 1").scalar()
        assert filled > 1, "SQLite takes it as: not one page more"
    with pytest.raises(OperationalError, match="full"), app.state.database.write() as session:
        # What is left of the last pages.
        session.add_all(Tag(experiment_id=1, name=f"{i:040d}") for i in range(5000))
    for _ in range(200):  # each of them is small, and one may still fit
        with suppress(OperationalError), app.state.database.write() as session:
            changes.add_lanes(session)
    answers = {address: client.request(method, address, json=body)
               for method, address, body in actions}  # fmt: skip
    said = {address: answer.status_code for address, answer in answers.items()}
    assert {status for status in said.values() if status >= 400} == {507}, said
    assert sum(status == 507 for status in said.values()) >= len(said) // 2, said
    for path, operations in app.openapi()["paths"].items():
        for method, operation in operations.items():
            assert "507" in operation["responses"], f"{method} {path}"


@pytest.mark.parametrize(("route", "key", "body", "expected"), ACTIONS)
def test_what_somebody_does_is_told_and_wakes_those_who_follow(
    app: FastAPI,
    route: str,
    key: str,
    body: Any,
    expected: list[tuple[str, int]],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    client = TestClient(app, base_url="http://127.0.0.1:8111")
    method, address, body = asked(app, route, key, body)
    since, woken = last(app), []
    monkeypatch.setattr(app.state.feed, "wake", lambda: woken.append(last(app)))
    answer = client.request(method, address, json=body)
    assert answer.is_success, answer.text
    assert sorted(told(app, since)) == expected
    assert woken[-1:] == [last(app)], "woken after it was stored"


def test_every_route_that_stores_something_is_among_them(app: FastAPI) -> None:
    changing = {
        f"{method.upper()} {path}"
        for path, methods in app.openapi()["paths"].items()
        for method in methods
        if method != "get" and path not in STORES_NOTHING and not path.startswith(TELLS_NOBODY)
    }
    assert changing == {route for route, *_ in ACTIONS}


def moved(app: FastAPI, *events: Event) -> list[Change]:
    """The changes that events of a run make."""
    with app.state.database.write() as session:
        run = session.get_one(Run, 1)
        runs.begin(session, run, "CPU")
        attempt = run.attempt
    since = last(app)
    with app.state.database.write() as session:
        for seq, event in enumerate(events):
            assert results.append(session, 1, attempt, seq, event, Path())
    with app.state.database.read() as session:
        found = changes.after(session, since, None)
    assert {(row.experiment_id, row.run_id) for row in found} == {(1, 1)}
    return found


def test_progress_says_where_a_phase_begins(app: FastAPI) -> None:
    steps = [Progress(phase, done, 3) for phase in ("load", "train") for done in range(3)]
    found = moved(app, *steps)
    assert {change.kind for change in found} == {"progress"}
    assert [change.payload.get("began", False) for change in found] == [True, False, False] * 2


def test_what_is_measured_in_the_middle_of_a_phase_is_told(app: FastAPI) -> None:
    angles = np.ones((1, 2), np.float32)
    measured: list[Event] = [
        Layers(("layer",), (4,), (4,)),
        Spectra("layer", "gradient", np.ones(4, np.float32), {}),
        InitReport({"relative": angles[:, 0]}, {}, {}),
        Alignment(0, angles, angles, angles[:, 0]),
        UpdateReport({"update_left": angles[:, 0]}),
    ]
    # Single spectra are many: they are complete when a phase or a report follows them.
    assert [change.kind for change in moved(app, *measured)] == ["report", "alignment", "report"]


@pytest.fixture
def address(app: FastAPI) -> Iterator[str]:
    """The same server on a socket."""
    with serving(app) as address:
        yield address


def first(address: str, count: int, **query: int) -> list[tuple[str, Any]]:
    """The first events of a stream: kind and data."""
    found: list[tuple[str, Any]] = []
    with httpx.stream("GET", f"{address}/api/changes", params=query, timeout=10) as stream:
        kind = ""
        for line in stream.iter_lines():
            if line.startswith("event: "):
                kind = line[7:]
            elif line.startswith("data: "):
                found.append((kind, json.loads(line[6:])))
            if len(found) == count:
                break
    return found


def test_a_stream_begins_with_where_it_stands_and_whose_it_is(app: FastAPI, address: str) -> None:
    ((kind, data),) = first(address, 1)
    assert (kind, data["after"]) == ("following", last(app))
    ((_, again), (kind, change)) = first(address, 2, after=last(app) - 1)
    assert again == {"after": last(app) - 1, "server": data["server"], "unread": 0}
    assert (kind, change["experiment"]) == ("lanes", 0)


@pytest.mark.parametrize("ahead", [1, 10**9])
def test_numbers_of_another_database_are_not_followed_silently(
    app: FastAPI, address: str, ahead: int
) -> None:
    """Such as after a backup was restored: the page would show what is not there any more."""
    (reset, (kind, data)) = first(address, 2, after=last(app) + ahead)
    assert reset == ("reset", {})
    assert (kind, data["after"]) == ("following", last(app))
