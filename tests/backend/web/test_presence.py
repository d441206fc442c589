"""Who looks at an experiment is told to who else does, on real streams, while they are open."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient

from backend.people.colours import colour
from backend.settings import Settings
from backend.web.app import create_app
from tests.backend.people import accounts
from tests.backend.people.accounts import cookies
from tests.backend.serving import serving
from tests.conftest import DatabaseUrl

SPEC = {
    "task": "teacher-student",
    "methods": ["lora"],
    "grid": {"ranks": [2]},
    "problem": {"inputs": 8, "outputs": 6, "samples": 32, "true_rank": 2},
}


class Team:
    """Browsers of two editors and an administrator, and experiment 1, which is Ada's."""

    def __init__(self, app: FastAPI, address: str) -> None:
        self.app, self.address = app, address
        self.keys: dict[str, int] = {}
        self.clients: dict[str, TestClient] = {}
        for name, role in (("ada", "editor"), ("bob", "editor"), ("root", "administrator")):
            self.keys[name] = accounts.person(app.state.database, name, role)
            self.clients[name] = accounts.signed_in(app, self.keys[name])
        assert self.clients["ada"].post("/api/experiments", json=SPEC).status_code == 201

    @contextmanager
    def at(
        self, name: str, experiment: int = 1, client: TestClient | None = None
    ) -> Iterator[Iterator[list[str]]]:
        """Somebody's page is open at an experiment: who it is told looks there, each time."""
        client = client or self.clients[name]
        headers = cookies(client)
        if "Authorization" in client.headers:
            headers = {"Authorization": client.headers["Authorization"]}
        url = f"{self.address}/api/changes"
        params = {"at": experiment}
        with httpx.stream("GET", url, params=params, headers=headers, timeout=10) as stream:
            lines = stream.iter_lines()
            assert next(lines) == "event: following"
            yield _people(lines)


def _people(lines: Iterator[str]) -> Iterator[list[str]]:
    for said in _said(lines):
        yield [person["name"] for person in said["people"]]


def _said(lines: Iterator[str]) -> Iterator[dict[str, Any]]:
    for line in lines:
        if line == "event: presence":
            yield json.loads(next(lines).removeprefix("data: "))


@pytest.fixture(scope="module")
def team(tmp_path_factory: pytest.TempPathFactory, database_url: DatabaseUrl) -> Iterator[Team]:
    home: Path = tmp_path_factory.mktemp("presence")
    app = create_app(Settings(home=home, database_url=database_url(home), auth="local"))
    with serving(app) as address:
        yield Team(app, address)


def test_each_is_told_who_else_is_there_and_who_has_left(team: Team) -> None:
    with team.at("ada") as ada:
        assert next(ada) == ["ada"]
        with team.at("bob") as bob, team.at("bob") as again:
            assert next(bob) == next(again) == ["ada", "bob"]
            assert next(ada) == ["ada", "bob"]  # once, in however many tabs
        assert next(ada) == ["ada"]
    until = time.monotonic() + 5
    while team.app.state.feed.presence.at(1) and time.monotonic() < until:
        time.sleep(0.02)
    assert team.app.state.feed.presence.at(1) == []


def test_they_have_their_name_and_colour_and_an_answer_that_is_kept_stays(team: Team) -> None:
    asked = team.clients["bob"].get("/api/experiments/1")
    headers = cookies(team.clients["ada"])
    url = f"{team.address}/api/changes?at=1"
    with httpx.stream("GET", url, headers=headers, timeout=10) as stream:
        said = next(_said(stream.iter_lines()))
        key = team.keys["ada"]
        assert said == {
            "experiment": 1,
            "people": [{"name": "ada", "id": key, "colour": colour(key)}],
        }
        etag = {"If-None-Match": asked.headers["etag"]}
        assert team.clients["bob"].get("/api/experiments/1", headers=etag).status_code == 304


def test_who_is_at_another_experiment_is_not_told(team: Team) -> None:
    assert team.clients["ada"].post("/api/experiments", json=SPEC).status_code == 201
    with team.at("ada", 1) as ada, team.at("bob", 2) as bob:
        assert next(ada) == ["ada"]
        assert next(bob) == ["bob"]


def test_of_what_becomes_private_nobody_is_told_who_may_not_see_it(team: Team) -> None:
    with team.at("ada") as ada, team.at("bob") as bob:
        assert ["ada", "bob"] in (next(ada), next(ada))
        assert next(bob) == ["ada", "bob"]
        changed = team.clients["ada"].patch("/api/experiments/1", json={"private": True})
        assert changed.status_code == 200
        assert next(ada) == ["ada"]  # Bob is not there any more
        assert next(bob) == []  # and is told of nobody
        with team.at("root") as root:
            assert next(root) == ["ada", "root"]
            assert next(ada) == ["ada", "root"]
    with team.at("bob") as bob:
        team.clients["root"].patch("/api/experiments/1", json={"private": False})
        assert next(bob) == ["bob"]  # it is there for him again


def test_a_program_is_nobody_and_a_guest_follows_nothing(team: Team) -> None:
    program = accounts.with_token(team.app, team.keys["bob"], "read")
    with team.at("ada") as ada:
        assert next(ada) == ["ada"]
        with team.at("bob", client=program) as told:
            assert next(told) == ["ada"]
            assert [one.name for one in team.app.state.feed.presence.at(1)] == ["ada"]
    share = {"of": ["e1"], "view": "/experiments/1"}
    secret = team.clients["ada"].post("/api/shares", json=share).json()["secret"]
    guest = accounts.nobody(team.app)
    guest.headers["Authorization"] = f"Share {secret}"
    assert guest.get("/api/changes?at=1").status_code == 403


def test_without_accounts_nobody_is_named(tmp_path: Path, database_url: DatabaseUrl) -> None:
    app = create_app(Settings(home=tmp_path, database_url=database_url(tmp_path)))
    with serving(app) as address:
        httpx.post(f"{address}/api/experiments", json=SPEC).raise_for_status()
        with httpx.stream("GET", f"{address}/api/changes?at=1", timeout=10) as stream:
            lines = stream.iter_lines()
            assert next(lines) == "event: following"
            httpx.patch(f"{address}/api/experiments/1", json={"starred": True}).raise_for_status()
            events = []
            while "event: experiment" not in events:
                events.append(next(lines))
    assert "event: presence" not in events
