"""Access tokens: made, used, listed without their secret, deleted."""

from __future__ import annotations

from datetime import timedelta

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient

from backend.people import tokens
from backend.people.roles import Right, Role
from backend.storage.tables import AccessToken, now
from tests.backend.people import accounts


def program(app: FastAPI, secret: str) -> TestClient:
    """A client that comes with a token."""
    client = accounts.nobody(app)
    client.headers["Authorization"] = f"Bearer {secret}"
    return client


def test_a_token_is_shown_once_and_works_until_it_is_deleted(local_app: FastAPI) -> None:
    client = accounts.signed_in(local_app, accounts.person(local_app.state.database, "a", "editor"))
    made = client.post("/api/tokens", json={"name": "laptop", "scope": "launch"}).json()
    assert made["secret"].startswith("loraone_")
    assert program(local_app, made["secret"]).get("/api/me").json()["person"]["way"] == "token"
    (listed,) = client.get("/api/tokens").json()
    assert "secret" not in listed
    assert (listed["name"], listed["scope"]) == ("laptop", "launch")
    assert listed["used_at"] is not None
    assert client.delete(f"/api/tokens/{made['id']}").status_code == 204
    assert program(local_app, made["secret"]).get("/api/people").status_code == 401
    assert client.delete(f"/api/tokens/{made['id']}").status_code == 404
    with local_app.state.database.read() as session:
        assert session.query(AccessToken).count() == 0


@pytest.mark.parametrize(
    ("role", "scopes"),
    [("viewer", ["read"]), ("editor", ["read", "launch"]), ("administrator", None)],
)
def test_a_token_may_no_more_than_its_owner(
    local_app: FastAPI, role: Role, scopes: list[Right] | None
) -> None:
    client = accounts.signed_in(local_app, accounts.person(local_app.state.database, "a", role))
    for scope in ("read", "launch", "admin"):
        answer = client.post("/api/tokens", json={"name": "t", "scope": scope})
        assert (answer.status_code == 201) == (scopes is None or scope in scopes), answer.text


def test_a_token_runs_out(local_app: FastAPI) -> None:
    client = accounts.signed_in(local_app, accounts.person(local_app.state.database, "a", "viewer"))
    made = client.post("/api/tokens", json={"name": "t", "days": 1}).json()
    assert client.post("/api/tokens", json={"name": "t", "days": None}).json()["expires_at"] is None
    with local_app.state.database.write() as session:
        session.get_one(AccessToken, made["id"]).expires_at = now() - timedelta(seconds=1)
    assert program(local_app, made["secret"]).get("/api/people").status_code == 401


def test_a_token_makes_no_other_and_has_an_end(local_app: FastAPI) -> None:
    key = accounts.person(local_app.state.database, "a", "administrator")
    client = accounts.signed_in(local_app, key)
    made = client.post("/api/tokens", json={"name": "t", "scope": "admin"}).json()
    assert (
        program(local_app, made["secret"]).post("/api/tokens", json={"name": "t"}).status_code
        == 403
    )
    with local_app.state.database.write() as session:
        rows = [
            AccessToken(person_id=key, name="t", scope="read", secret=f"{i}")
            for i in range(tokens.MOST - 1)
        ]
        session.add_all(rows)
    assert client.post("/api/tokens", json={"name": "t"}).status_code == 409


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("POST", "/api/tokens", {"name": "t"}),
        ("DELETE", "/api/tokens/1", None),
        ("POST", "/api/sign-out-everywhere", None),
        ("DELETE", "/api/me/sign-ins/1", None),
        ("PUT", "/api/notices/kinds", {"kinds": []}),
    ],
)
def test_a_token_changes_nothing_of_its_owners_account(
    local_app: FastAPI, method: str, path: str, body: object
) -> None:
    key = accounts.person(local_app.state.database, "a", "administrator")
    client, program = (
        accounts.signed_in(local_app, key),
        accounts.with_token(local_app, key, "admin"),
    )
    answer = program.request(method, path, json=body)
    assert answer.status_code == 403
    assert "an access token changes no account" in answer.json()["detail"]
    assert [row["id"] for row in client.get("/api/tokens").json()] == [1]
    assert client.request(method, path, json=body).status_code < 300


def test_nobody_sees_or_deletes_the_tokens_of_another(local_app: FastAPI) -> None:
    database = local_app.state.database
    first = accounts.signed_in(local_app, accounts.person(database, "a", "viewer"))
    second = accounts.signed_in(local_app, accounts.person(database, "b", "administrator"))
    made = first.post("/api/tokens", json={"name": "t"}).json()
    assert second.get("/api/tokens").json() == []
    assert second.delete(f"/api/tokens/{made['id']}").status_code == 404
