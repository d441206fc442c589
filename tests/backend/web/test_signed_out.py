"""What a page has open ends with the session, on a real socket."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from fastapi import FastAPI

from backend.settings import Settings
from backend.web.app import create_app
from tests.backend.people import accounts
from tests.backend.people.accounts import cookies
from tests.backend.serving import serving
from tests.conftest import DatabaseUrl


@pytest.fixture
def team(tmp_path: Path, database_url: DatabaseUrl) -> Iterator[tuple[FastAPI, str]]:
    """A server with accounts that runs nothing, and its address."""
    app = create_app(Settings(home=tmp_path, database_url=database_url(tmp_path), auth="local"))
    with serving(app) as address:
        yield app, address


def test_an_open_page_is_told_how_much_one_has_not_read_oneself(
    team: tuple[FastAPI, str],
) -> None:
    app, address = team
    keys = {name: accounts.person(app.state.database, name, "editor") for name in ("ada", "bob")}
    ada, bob = (accounts.signed_in(app, keys[name]) for name in ("ada", "bob"))
    spec = {"task": "teacher-student", "methods": ["lora"]}
    assert ada.post("/api/experiments", json=spec).status_code == 201
    written = ada.post("/api/experiments/1/comments", json={"text": "@bob, look"})
    assert written.status_code == 201

    def unread(headers: dict[str, str]) -> int:
        with httpx.stream("GET", f"{address}/api/changes", headers=headers, timeout=10) as stream:
            lines = stream.iter_lines()
            assert next(lines) == "event: following"
            return int(json.loads(next(lines).removeprefix("data: "))["unread"])

    assert (unread(cookies(bob)), unread(cookies(ada))) == (1, 0)
    hidden = ada.patch("/api/experiments/1", json={"private": True})
    assert hidden.status_code == 200
    assert unread(cookies(bob)) == 0


@pytest.mark.parametrize("how", ["disabled", "reset", "signed out"])
def test_an_open_page_stops_when_its_session_ends(team: tuple[FastAPI, str], how: str) -> None:
    app, address = team
    root = accounts.signed_in(app, accounts.person(app.state.database, "root", "administrator"))
    key = accounts.person(app.state.database, "eve", "editor")
    eve = accounts.signed_in(app, key)
    headers = cookies(eve)
    asked = {
        "disabled": lambda: root.patch(f"/api/people/{key}", json={"disabled": True}),
        "reset": lambda: root.post(f"/api/people/{key}/reset"),
        "signed out": lambda: eve.post("/api/sign-out"),
    }
    # Without being woken it would ask again after 15 seconds.
    with httpx.stream("GET", f"{address}/api/changes", headers=headers, timeout=10) as stream:
        lines = stream.iter_lines()
        assert next(lines) == "event: following"
        asked[how]().raise_for_status()
        assert "event: signed-out" in list(lines)
