"""A trusted proxy says who asks; whoever else says so is not believed."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient

from backend.settings import Settings
from backend.storage.tables import Person
from backend.web.app import create_app
from tests.backend.people import accounts
from tests.conftest import DatabaseUrl

PUBLIC = "https://lab.example.org"
PROXY, STRANGER = ("10.0.0.1", 5000), ("10.0.0.2", 5000)
USER, GROUPS = "X-Forwarded-User", "X-Forwarded-Groups"


@pytest.fixture
def app(tmp_path: Path, database_url: DatabaseUrl) -> FastAPI:
    home = tmp_path / "home"
    return create_app(
        Settings(
            home=home,
            database_url=database_url(home),
            auth="proxy",
            public_url=PUBLIC,
            trusted_proxies="10.0.0.1",
            role_groups="lab=editor,heads=administrator",
        )
    )


def _by(app: FastAPI, address: tuple[str, int], **headers: str) -> TestClient:
    said = {name.replace("_", "-"): value for name, value in headers.items()}
    return TestClient(app, base_url=PUBLIC, client=address, headers=said)


def _who(client: TestClient) -> Any:
    person = client.get("/api/me").json()["person"]
    return None if person is None else (person["name"], person["role"], person["way"])


def test_whom_the_proxy_names_is_signed_in(app: FastAPI) -> None:
    ada = _by(app, PROXY, X_Forwarded_User="ada", X_Forwarded_Groups="x, lab")
    assert _who(ada) == ("ada", "editor", "proxy")
    assert ada.get("/api/experiments").status_code == 200
    boss = _by(app, PROXY, X_Forwarded_User="boss", X_Forwarded_Groups="heads")
    assert boss.get("/api/server").status_code == 200


def test_a_name_beyond_ascii_is_read_as_it_was_written(app: FastAPI) -> None:
    client = TestClient(app, base_url=PUBLIC, client=PROXY)
    me = client.get("/api/me", headers={USER: "Ádá Łovelace".encode()})  # type: ignore[dict-item]
    assert me.json()["person"]["name"] == "Ádá Łovelace"


@pytest.mark.parametrize(
    "headers",
    [
        {USER: "ada"},
        {USER: "ada", "X-Forwarded-For": "10.0.0.1"},
        {USER: "ada", "Forwarded": "for=10.0.0.1", "X-Real-IP": "10.0.0.1"},
    ],
)
def test_whoever_is_no_trusted_proxy_names_nobody(app: FastAPI, headers: dict[str, str]) -> None:
    stranger = TestClient(app, base_url=PUBLIC, client=STRANGER, headers=headers)
    assert _who(stranger) is None
    assert stranger.get("/api/experiments").status_code == 401
    with app.state.database.read() as session:
        assert session.query(Person).count() == 0


def test_two_names_none_and_an_empty_one_are_nobody(app: FastAPI) -> None:
    client = TestClient(app, base_url=PUBLIC, client=PROXY)
    for said in ([(USER, "ada"), (USER, "root")], [], [(USER, "")], [(USER, " ")]):
        assert client.get("/api/me", headers=said).json()["person"] is None  # type: ignore[arg-type]


def test_what_a_browser_told_the_proxy_may_be_passed_on(app: FastAPI) -> None:
    ada = _by(app, PROXY, X_Forwarded_User="ada", Authorization="Basic YWRhOmFkYQ==")
    assert _who(ada) == ("ada", "viewer", "proxy")


def test_an_access_token_counts_before_what_the_proxy_says(app: FastAPI) -> None:
    bob = accounts.person(app.state.database, "bob", "editor")
    program = accounts.with_token(app, bob, "read")
    token = program.headers["Authorization"]
    both = _by(app, PROXY, X_Forwarded_User="ada", Authorization=token)
    assert _who(both)[0] == "bob"
    wrong = _by(app, PROXY, X_Forwarded_User="ada", Authorization="Bearer loraone_x")
    assert _who(wrong) is None


@pytest.mark.parametrize(
    ("said", "status"),
    [
        ({}, 403),
        ({"Origin": PUBLIC}, 201),
        ({"Sec-Fetch-Site": "same-origin"}, 201),
        ({"Sec-Fetch-Site": "cross-site"}, 403),
        ({"Origin": "https://evil.example"}, 403),
        ({"Origin": "null"}, 403),
    ],
)
def test_a_form_on_another_site_changes_nothing_by_what_a_browser_told_the_proxy(
    app: FastAPI, said: dict[str, str], status: int
) -> None:
    ada = _by(app, PROXY, X_Forwarded_User="ada", X_Forwarded_Groups="lab")
    answer = ada.post("/api/views", json={"name": "v", "query": "x"}, headers=said)
    assert answer.status_code == status, answer.text


def test_who_has_left_a_group_or_is_disabled_loses_it_within_seconds(app: FastAPI) -> None:
    assert _who(_by(app, PROXY, X_Forwarded_User="ada", X_Forwarded_Groups="lab"))[1] == "editor"
    assert _who(_by(app, PROXY, X_Forwarded_User="ada"))[1] == "viewer"
    with app.state.database.write() as session:
        session.query(Person).one().disabled = True
    app.state.callers.forget()
    assert _who(_by(app, PROXY, X_Forwarded_User="ada")) is None
