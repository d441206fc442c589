"""Links: the first administrator's, those of invitations, and those for a new password."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import httpx
import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient

from backend.people import invitations, registry
from backend.storage.tables import Invitation, Person, Role, now
from tests.backend.people import accounts
from tests.backend.people.accounts import PASSWORD, nobody, sign_in, with_password


def setup_secret(app: FastAPI) -> str:
    """What the terminal shows of a server without an administrator."""
    with app.state.database.write() as session:
        secret = invitations.setup(session)
    assert secret is not None
    return secret


def accept(app: FastAPI, secret: str, name: str | None = None) -> httpx.Response:
    """Follow a link."""
    body = {"secret": secret, "name": name, "password": PASSWORD}
    return nobody(app).post("/api/invitations/accept", json=body)


def administrator(app: FastAPI) -> TestClient:
    """A browser with an administrator."""
    return accounts.signed_in(app, with_password(app, "root", "administrator"))


def made(answer: httpx.Response) -> str:
    """The secret of a link that was made."""
    assert answer.status_code == 201, answer.text
    link = str(answer.json()["link"])
    assert link.startswith("http://127.0.0.1:8111/invitation#")
    return link.partition("#")[2]


def test_the_first_link_makes_the_administrator_once(local_app: FastAPI) -> None:
    secret = setup_secret(local_app)
    looked = nobody(local_app).post("/api/invitations/look", json={"secret": secret}).json()
    assert (looked["kind"], looked["role"], looked["name"]) == ("setup", "administrator", None)
    answer = accept(local_app, secret, "ana")
    assert answer.status_code == 200
    assert answer.json()["person"]["role"] == "administrator"
    assert "set-cookie" in answer.headers, "whoever has made it is signed in"
    assert accept(local_app, secret, "eve").status_code == 404
    with local_app.state.database.write() as session:
        assert invitations.setup(session) is None, "there is an administrator"


def test_each_start_has_another_first_link(local_app: FastAPI) -> None:
    first, second = setup_secret(local_app), setup_secret(local_app)
    assert accept(local_app, first, "eve").status_code == 404
    assert accept(local_app, second, "ana").status_code == 200


def test_who_comes_second_to_a_first_link_is_no_administrator(local_app: FastAPI) -> None:
    secret = setup_secret(local_app)
    with_password(local_app, "root", "administrator")
    answer = accept(local_app, secret, "eve")
    assert answer.status_code == 409
    assert "there is an administrator by now" in answer.json()["detail"]


@pytest.mark.parametrize("role", ["viewer", "editor", "administrator"])
def test_an_invitation_makes_an_account_of_its_role(local_app: FastAPI, role: Role) -> None:
    client = administrator(local_app)
    secret = made(client.post("/api/people/invite", json={"role": role}))
    assert accept(local_app, secret, "bob").json()["person"]["role"] == role
    assert accept(local_app, secret, "carla").status_code == 404
    assert sign_in(nobody(local_app), "bob") == 200


def test_the_first_administrator_may_be_who_launched_without_accounts(local_app: FastAPI) -> None:
    with local_app.state.database.write() as session:
        key = registry.named(session, "lab").id
    assert accept(local_app, setup_secret(local_app), "lab").json()["person"]["id"] == key


def test_nobody_else_takes_the_name_of_another(local_app: FastAPI) -> None:
    client = administrator(local_app)
    with local_app.state.database.write() as session:
        key = registry.named(session, "Lab").id
    secret = made(client.post("/api/people/invite", json={}))
    for name, words in (("root", "is taken"), ("ROOT", "is taken"), ("lab", "invite you as Lab")):
        answer = accept(local_app, secret, name)
        assert answer.status_code == 422
        assert words in answer.json()["errors"][0]["message"]
    assert accept(local_app, secret).status_code == 422, "one without a name"
    theirs = made(client.post("/api/people/invite", json={"role": "editor", "person": key}))
    looked = nobody(local_app).post("/api/invitations/look", json={"secret": theirs}).json()
    assert looked["name"] == "Lab"
    assert accept(local_app, theirs, "eve").status_code == 422
    assert accept(local_app, theirs).json()["person"]["id"] == key
    again = client.post("/api/people/invite", json={"person": key})
    assert again.status_code == 409
    assert client.post("/api/people/invite", json={"person": 99}).status_code == 404


def test_a_reset_voids_everything_and_the_link_sets_a_new_password(local_app: FastAPI) -> None:
    client = administrator(local_app)
    key = with_password(local_app, "bob", "editor", "another-otter-plinth")
    browser, program = (
        accounts.signed_in(local_app, key),
        accounts.with_token(local_app, key, "read"),
    )
    secret = made(client.post(f"/api/people/{key}/reset"))
    assert sign_in(nobody(local_app), "bob", "another-otter-plinth") == 401
    assert [each.get("/api/people").status_code for each in (browser, program)] == [401, 401]
    answer = accept(local_app, secret)
    assert (answer.json()["person"]["name"], answer.json()["person"]["role"]) == ("bob", "editor")
    assert sign_in(nobody(local_app), "bob") == 200


def test_a_reset_is_of_no_use_to_whoever_was_disabled_since(local_app: FastAPI) -> None:
    client = administrator(local_app)
    key = with_password(local_app, "bob", "editor")
    secret = made(client.post(f"/api/people/{key}/reset"))
    client.patch(f"/api/people/{key}", json={"disabled": True})
    assert accept(local_app, secret).status_code == 404
    assert client.post(f"/api/people/{key}/reset").status_code == 409


def test_a_link_runs_out_and_can_be_withdrawn(local_app: FastAPI) -> None:
    client = administrator(local_app)
    late, unwanted = (made(client.post("/api/people/invite", json={"days": 1})) for _ in range(2))
    first, second = (row["id"] for row in reversed(client.get("/api/invitations").json()))
    with local_app.state.database.write() as session:
        session.get_one(Invitation, first).expires_at = now() - timedelta(seconds=1)
    assert [row["id"] for row in client.get("/api/invitations").json()] == [second]
    assert client.delete(f"/api/invitations/{second}").status_code == 204
    assert client.delete(f"/api/invitations/{second}").status_code == 404
    for secret in (late, unwanted):
        answer = accept(local_app, secret, "bob")
        assert answer.status_code == 404
        assert secret not in answer.text
        assert (
            nobody(local_app).post("/api/invitations/look", json={"secret": secret}).status_code
            == 404
        )


@pytest.mark.parametrize(
    "body", [{"name": "bob\nroot", "password": PASSWORD}, {"name": "bob", "password": "password12"}]
)
def test_a_refused_name_or_password_does_not_use_up_the_link(
    local_app: FastAPI, body: dict[str, Any]
) -> None:
    secret = setup_secret(local_app)
    answer = nobody(local_app).post("/api/invitations/accept", json=body | {"secret": secret})
    assert answer.status_code == 422
    assert accept(local_app, secret, "ana").status_code == 200


UNSEEN = ["", "   ", "\u3000", "\u200b\u200b", "\u2800", "\u3164", "\ufe0f", "\u0301", "\u00ad"]


def test_a_name_that_nobody_can_see_is_refused_with_what_is_allowed(local_app: FastAPI) -> None:
    secret = setup_secret(local_app)
    for name in (*UNSEEN, "a" * 101, "bob\u202eeve"):
        answer = accept(local_app, secret, name)
        assert answer.status_code == 422, ascii(name)
        (problem,) = answer.json()["errors"]
        assert (problem["path"], problem["value"]) == ("name", name)
        assert problem["allowed"] == "1 to 100 characters that can be seen, on one line"
        assert problem["message"].endswith(f"; allowed: {problem['allowed']}")
        assert problem["message"] in answer.json()["detail"]
    assert accept(local_app, secret, "ana").status_code == 200  # the link is still good


def test_what_nobody_can_see_makes_no_second_name_of_one(local_app: FastAPI) -> None:
    client = administrator(local_app)
    secret = made(client.post("/api/people/invite", json={}))
    for name in ("root\u3164", "\u2800root", "ro\u034fot", " root "):
        answer = accept(local_app, secret, name)
        assert answer.status_code == 422, ascii(name)
        assert "is taken" in answer.json()["errors"][0]["message"]
    assert accept(local_app, secret, "❤\ufe0f").json()["person"]["name"] == "❤"
    assert sign_in(nobody(local_app), "❤\ufe0f") == 200


def test_secrets_are_stored_as_hashes_alone(local_app: FastAPI) -> None:
    secret = setup_secret(local_app)
    accept(local_app, secret, "ana")
    with local_app.state.database.read() as session:
        assert session.get_one(Invitation, 1).secret != secret
        assert str(session.get_one(Person, 1).password).startswith("$argon2id$")
