"""What belongs to somebody: others see it unless it is private, and change nothing of it."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient
from starlette.datastructures import Headers

from backend.settings import Settings
from backend.storage.audience import TEAM, reading_for
from backend.storage.tables import LaneRow, Run
from backend.web.app import create_app
from tests.backend.people import accounts
from tests.conftest import DatabaseUrl

SPEC = {
    "task": "teacher-student",
    "methods": ["lora"],
    "grid": {"ranks": [2]},
    "problem": {"inputs": 8, "outputs": 6, "samples": 32, "true_rank": 2},
}


@dataclass
class Team:
    """Browsers of two editors, a viewer and an administrator, and what Ada launched."""

    app: FastAPI
    ada: TestClient
    bob: TestClient
    eve: TestClient
    root: TestClient
    shared: dict[str, Any]
    private: dict[str, Any]


@pytest.fixture
def team(tmp_path: Path, database_url: DatabaseUrl) -> Iterator[Team]:
    home = tmp_path / "home"
    app = create_app(Settings(home=home, auth="local", database_url=database_url(home)))
    roles = {"ada": "editor", "bob": "editor", "eve": "viewer", "root": "administrator"}
    clients = {
        name: accounts.signed_in(app, accounts.person(app.state.database, name, role))
        for name, role in roles.items()
    }
    launched = [
        clients["ada"].post("/api/experiments", json={**SPEC, "name": name}, params=params)
        for name, params in (("shared", {}), ("private", {"private": True}))
    ]
    assert [answer.status_code for answer in launched] == [201, 201], launched[0].text
    yield Team(app, **clients, shared=launched[0].json(), private=launched[1].json())


def _names(client: TestClient, q: str = "") -> set[str]:
    answer = client.get("/api/experiments", params={"q": q})
    assert answer.status_code == 200, answer.text
    return {row["name"] for row in answer.json()["experiments"]}


def _first_run(team: Team, of: dict[str, Any]) -> int:
    runs = team.root.get(f"/api/experiments/{of['id']}").json()["runs"]
    return int(runs[0]["id"])


def test_what_is_launched_belongs_to_whoever_launched_it(team: Team) -> None:
    assert (team.shared["author"], team.shared["private"]) == ("ada", False)
    assert (team.private["author"], team.private["private"]) == ("ada", True)


def test_a_private_experiment_is_its_owners_and_the_administrators_to_see(team: Team) -> None:
    assert _names(team.ada) == _names(team.root) == {"shared", "private"}
    assert _names(team.bob) == _names(team.eve) == {"shared"}


READ = (
    "/api/experiments/{e}",
    "/api/experiments/{e}/notes",
    "/api/experiments/{e}/report.html",
    "/api/experiments/{e}/export.json",
    "/api/runs/{r}",
    "/api/runs/{r}/log",
    "/api/runs/{r}/template",
    "/api/basket?of=e{e}",
    "/api/basket?of=r{r}",
    "/api/overview?of=e{e}",
    "/api/runs?of=e{e}",
    "/api/runs/file?of=r{r}",
    "/api/figures/curves?of=e{e}",
    "/api/figures/spectra?of=r{r}",
)


@pytest.mark.parametrize("path", READ)
def test_nothing_of_it_is_there_for_others(team: Team, path: str) -> None:
    run = _first_run(team, team.private)
    asked = path.format(e=team.private["id"], r=run)
    assert team.ada.get(asked).status_code == 200
    for other in (team.bob, team.eve):
        answer = other.get(asked)
        assert answer.status_code == 404, (asked, answer.text)


def test_lists_and_the_queue_say_nothing_of_it_to_others(team: Team) -> None:
    for path in ("/api/queue", "/api/experiments", "/api/experiments/file"):
        assert "private" in team.ada.get(path).text.replace('"private":', "")
        assert "private" not in team.bob.get(path).text.replace('"private":', "").replace(
            ",private,", ""
        )


def test_that_others_wait_and_a_lane_is_busy_is_no_secret(team: Team) -> None:
    run = _first_run(team, team.private)
    with team.app.state.database.write() as session:
        session.add(LaneRow(name="cpu"))
        row = session.get_one(Run, run)
        row.status, row.lane = "running", "cpu"
    for client, sees in ((team.bob, False), (team.ada, True)):
        queue = client.get("/api/queue").json()
        assert queue["lanes"][0]["busy"]
        assert (queue["lanes"][0]["run"] is not None) == sees
        private = len(team.root.get(f"/api/experiments/{team.private['id']}").json()["runs"])
        assert queue["waiting_hidden"] == (0 if sees else private - 1)


def test_a_feed_that_reads_for_its_follower_as_they_were_does_not_decide_who_they_are(
    team: Team,
) -> None:
    callers = team.app.state.callers
    callers.forget()
    headers = Headers(accounts.cookies(team.ada))

    async def as_a_feed_does() -> None:
        with reading_for(TEAM):  # she owned nothing private when it began
            await callers.of(headers, "127.0.0.1")

    asyncio.run(as_a_feed_does())
    assert team.ada.get(f"/api/experiments/{team.private['id']}").status_code == 200


def test_shared_it_is_there_for_all_and_taken_back_it_is_gone(team: Team) -> None:
    path = f"/api/experiments/{team.private['id']}"
    assert team.ada.patch(path, json={"private": False}).status_code == 200
    assert _names(team.bob) == {"shared", "private"}
    assert team.ada.patch(path, json={"private": True}).status_code == 200
    assert _names(team.bob) == {"shared"}
    assert _names(team.ada) == {"shared", "private"}


CHANGES = (
    ("PATCH", "/api/experiments/{e}", {"name": "mine now"}),
    ("PATCH", "/api/experiments/{e}", {"private": True}),
    ("POST", "/api/experiments/bulk", {"ids": ["{e}"], "archived": True}),
    ("POST", "/api/experiments/{e}/notes", {"text": "no", "base": 0}),
    ("POST", "/api/runs/cancel?of=e{e}", None),
    ("POST", "/api/runs/retry?of=e{e}", None),
    ("POST", "/api/runs/priority?of=e{e}&priority=5", None),
    ("POST", "/api/runs/{r}/cancel", None),
    ("POST", "/api/runs/{r}/top", None),
    ("POST", "/api/runs/{r}/retry", None),
)


@pytest.mark.parametrize(("method", "path", "body"), CHANGES)
def test_another_editor_changes_nothing_of_it_and_is_told_whose_it_is(
    team: Team, method: str, path: str, body: dict[str, Any] | None
) -> None:
    key, run = team.shared["id"], _first_run(team, team.shared)
    filled = (
        None
        if body is None
        else {name: [key] if name == "ids" else value for name, value in body.items()}
    )
    before = team.root.get(f"/api/experiments/{key}").json()
    answer = team.bob.request(method, path.format(e=key, r=run), json=filled)
    assert answer.status_code == 403, answer.text
    assert "belongs to ada" in answer.json()["detail"]
    assert team.root.get(f"/api/experiments/{key}").json() == before
    done = team.ada.request(method, path.format(e=key, r=run), json=filled)
    assert done.status_code in (200, 201, 409), done.text


def test_an_administrator_changes_what_is_anybodys(team: Team) -> None:
    path = f"/api/experiments/{team.shared['id']}"
    assert team.root.patch(path, json={"name": "in order"}).json()["name"] == "in order"


def test_by_me_finds_what_is_mine_for_everybody_who_asks(team: Team) -> None:
    assert team.bob.post("/api/experiments", json={**SPEC, "name": "bobs"}).status_code == 201
    assert _names(team.ada, "by:me") == {"shared", "private"}
    assert _names(team.bob, "by:me") == {"bobs"}
    assert _names(team.eve, "by:me") == set()
    assert _names(team.bob, "-by:me") == {"shared"}
    assert _names(team.bob, "by:ada") == {"shared"}


def test_a_saved_view_is_its_owners_to_change(team: Team) -> None:
    saved = team.ada.post("/api/views", json={"name": "hers", "query": "by:me"}).json()
    assert team.bob.post("/api/views", json={"name": "hers", "query": "x"}).status_code == 403
    assert team.bob.delete(f"/api/views/{saved['id']}").status_code == 403
    assert [view["query"] for view in team.bob.get("/api/views").json()] == ["by:me"]
    assert team.ada.delete(f"/api/views/{saved['id']}").status_code == 204


def test_lists_say_whose_things_are_so_that_a_page_offers_what_one_may(team: Team) -> None:
    ada = team.shared["owner"]
    assert ada is not None
    key = str(team.shared["id"])
    assert team.bob.get("/api/queue").json()["owners"] == {key: ada}
    team.ada.post("/api/views", json={"name": "hers", "query": "by:me"})
    assert [view["owner"] for view in team.bob.get("/api/views").json()] == [ada]


def test_who_only_looks_reads_what_a_spec_would_do_and_launches_nothing(team: Team) -> None:
    assert "lora" in team.eve.post("/api/plan", json=SPEC).json()["yaml"]
    assert team.eve.post("/api/experiments", json=SPEC).status_code == 403
