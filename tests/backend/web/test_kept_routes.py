"""Answers that are kept are those that would be computed now, whatever was written and by whom."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from fastapi.routing import APIRoute
from fastapi.testclient import TestClient

from backend.api.kept import Fresh, Kept, KeptRoutes, mark
from backend.settings import Settings
from backend.storage.database import Database
from backend.storage.store import queue, results, runs
from backend.storage.tables import Run
from backend.web.app import PARTS, create_app
from loraone.events import Finished, Metric, Note
from tests.conftest import DatabaseUrl

URL = "http://127.0.0.1:8111"
SPEC = {
    "task": "teacher-student",
    "methods": ["lora", "lora_one"],
    "grid": {"learning_rates": [0.1], "seeds": [0, 1]},
}
READING = [
    route
    for part in PARTS
    for route in part.router.routes
    if isinstance(route, APIRoute) and "GET" in (route.methods or ())
]


@pytest.fixture
def pair(
    tmp_path: Path, database_url: DatabaseUrl
) -> Iterator[tuple[TestClient, TestClient, Database]]:
    """A server that keeps answers, one on the same database that does not, and the database."""
    url = database_url(tmp_path)
    made = [
        create_app(Settings(home=tmp_path, database_url=url, cache_mb=size)) for size in (64, 0)
    ]
    keeps, anew = (TestClient(app, base_url=URL) for app in made)
    yield keeps, anew, made[0].state.database
    for app in made:
        app.state.database.close()


def test_every_route_that_reads_says_what_its_answer_depends_on_or_why_it_is_not_kept() -> None:
    assert {type(mark(route)) for route in READING} == {Kept, Fresh}
    assert all(row.because for row in map(mark, READING) if isinstance(row, Fresh))
    # What the page asks for again and again.
    found = KeptRoutes("/api", READING)
    for path in ("experiments", "experiments/3", "overview", "figures/curves", "queue", "runs/3"):
        assert found.find(f"/api/{path}") is not None
    for path in ("experiments/file", "runs/3/log", "changes", "server", "health", "none"):
        assert found.find(f"/api/{path}") is None


def launch(draw: random.Random, http: TestClient, database: Database) -> None:
    http.post("/api/experiments", json={**SPEC, "name": f"E{draw.random()}"}).raise_for_status()


def change(draw: random.Random, http: TestClient, database: Database) -> None:
    body = draw.choice([{"starred": True}, {"starred": False}, {"tags": ["a"]}, {"name": "other"}])
    http.patch(f"/api/experiments/{draw.choice((1, 2))}", json=body).raise_for_status()


def change_many(draw: random.Random, http: TestClient, database: Database) -> None:
    body = {"ids": [1, 2], "archived": draw.random() < 0.5, "add_tag": draw.choice("xyz")}
    http.post("/api/experiments/bulk", json=body).raise_for_status()


def note(draw: random.Random, http: TestClient, database: Database) -> None:
    known = http.get("/api/experiments/1/notes").json()
    body = {"text": f"{draw.random()}", "base": known[0]["version"] if known else 0}
    http.post("/api/experiments/1/notes", json=body).raise_for_status()


def act(draw: random.Random, http: TestClient, database: Database) -> None:
    verb = draw.choice(("cancel", "retry", "top"))
    http.post(f"/api/runs/{draw.randint(1, 8)}/{verb}")  # some are refused: nothing changes


def act_on_all(draw: random.Random, http: TestClient, database: Database) -> None:
    verb = draw.choice(("cancel", "retry", "priority"))
    params: dict[str, Any] = {"of": draw.choice(("e1", "e2:LoRA", "r3")), "priority": 1}
    http.post(f"/api/runs/{verb}", params=params).raise_for_status()


def save_view(draw: random.Random, http: TestClient, database: Database) -> None:
    http.post("/api/views", json={"name": "v", "query": f"E{draw.randint(1, 9)}"})


def take_in(draw: random.Random, http: TestClient, database: Database) -> None:
    document = http.get("/api/experiments/2/export.json").json()
    http.post("/api/experiments/import", json=document).raise_for_status()


def lane(draw: random.Random, http: TestClient, database: Database) -> None:
    """A run as a lane writes it, or another server does."""
    url = database.engine.url.render_as_string(hide_password=False)
    own = draw.random() < 0.7
    used = database if own else Database(url)
    with used.write() as session:
        run = queue.claim(session, "CPU")
    if run is None:
        return
    step = Metric(1, {"train_loss": draw.random(), "eval_loss": 1.0}, 1.0, 1)
    ending = draw.choice([Finished({"eval_loss": draw.random()}), Note("a"), None])
    for seq, event in enumerate([step, ending]):
        with used.write() as session:
            if event is not None:
                assert results.append(session, run.id, run.attempt, seq, event, Path())
            else:
                runs.lose(session, session.get_one(Run, run.id), "it died")
    if not own:
        used.close()


def by_hand(draw: random.Random, http: TestClient, database: Database) -> None:
    with database.engine.begin() as connection:
        connection.exec_driver_sql("UPDATE runs SET label = 'LoRA ' WHERE id = 5")
        connection.exec_driver_sql("UPDATE runs SET label = 'LoRA' WHERE id = 6")


OPERATIONS: list[Callable[[random.Random, TestClient, Database], None]] = [
    launch, change, change_many, note, act, act_on_all, save_view, take_in, by_hand,
    lane, lane, lane,
]  # fmt: skip


def paths() -> list[str]:
    """One question to each route whose answer is kept, of both experiments."""
    asked = []
    for route in READING:
        if isinstance(mark(route), Kept):
            of = "of" in {parameter.name for parameter in route.dependant.query_params}
            for key in (1, 2):
                path = route.path.replace("{experiment_id}", f"{key}")
                path = path.replace("{run_id}", f"{4 * key}")
                asked.append(f"/api{path}" + (f"?of=e{key}" if of else ""))
    return list(dict.fromkeys(asked))


def same(answer: httpx.Response) -> tuple[int, Any]:
    """What must be the same in two answers."""
    body = answer.json()
    if isinstance(body, dict):
        body.pop("seconds_left", None)  # it goes on with the time
        for row in body.get("lanes", ()):
            row.pop("seconds_left", None)
    return answer.status_code, body


@pytest.mark.parametrize("seed", range(2))
def test_whatever_is_done_in_whatever_order_what_is_kept_is_what_would_be_computed(
    pair: tuple[TestClient, TestClient, Database], seed: int
) -> None:
    keeps, anew, database = pair
    draw = random.Random(seed)
    for _ in range(2):
        launch(draw, keeps, database)
    asked = [*paths(), "/api/experiments?q=E", "/api/basket?of=r3", "/api/runs/99"]
    for number in range(12):
        operation = draw.choice(OPERATIONS)
        operation(draw, draw.choice((keeps, anew)), database)
        for path in draw.sample(asked, 9):
            wanted = same(anew.get(path))
            for _ in range(2):
                got = same(keeps.get(path))
                assert got == wanted, f"seed {seed}, {number}: {operation.__name__}, {path}"


def test_what_has_not_changed_is_not_sent_again(
    pair: tuple[TestClient, TestClient, Database],
) -> None:
    keeps, _, database = pair
    launch(random.Random(0), keeps, database)
    first = keeps.get("/api/experiments/1")
    tag = first.headers["etag"]
    assert first.headers["cache-control"] == "private, no-cache"
    assert keeps.get("/api/experiments/1").headers["etag"] == tag
    for asked in (tag, f'"other", {tag}', f"W/{tag}", "*"):
        again = keeps.get("/api/experiments/1", headers={"If-None-Match": asked})
        assert (again.status_code, again.content, again.headers["etag"]) == (304, b"", tag)
        assert again.headers["x-content-type-options"] == "nosniff"
    keeps.patch("/api/experiments/1", json={"starred": True}).raise_for_status()
    changed = keeps.get("/api/experiments/1", headers={"If-None-Match": tag})
    assert changed.status_code == 200 and changed.json()["starred"]
    assert changed.headers["etag"] != tag


def test_each_encoding_has_its_own_tag(pair: tuple[TestClient, TestClient, Database]) -> None:
    keeps, _, database = pair
    launch(random.Random(0), keeps, database)
    packed = keeps.get("/api/experiments/1")
    plain = keeps.get("/api/experiments/1", headers={"Accept-Encoding": "identity"})
    assert packed.headers["content-encoding"] == "gzip"
    assert "content-encoding" not in plain.headers
    assert packed.json() == plain.json()
    assert packed.headers["etag"] != plain.headers["etag"]
    assert packed.headers["vary"] == plain.headers["vary"] == "Accept-Encoding"


def test_an_error_is_not_kept(pair: tuple[TestClient, TestClient, Database]) -> None:
    keeps, _, database = pair
    refused = keeps.get("/api/experiments/1")
    assert refused.status_code == 404 and "etag" not in refused.headers
    launch(random.Random(0), keeps, database)
    assert keeps.get("/api/experiments/1").status_code == 200
