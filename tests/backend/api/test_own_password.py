"""One's own password: what changing it ends, which are refused, and how it is kept."""

from __future__ import annotations

import pytest
from fastapi import FastAPI
from pwdlib.hashers.argon2 import Argon2Hasher

from backend.people.passwords import Passwords
from backend.storage.tables import Person
from tests.backend.people import accounts
from tests.backend.people.accounts import PASSWORD, browser, sign_in, who, with_password


def test_changing_the_password_ends_all_other_sessions(local_app: FastAPI) -> None:
    key = with_password(local_app, "ana", "viewer")
    client, other = browser(local_app), accounts.signed_in(local_app, key)
    sign_in(client, "ana")
    before = browser(local_app)
    before.cookies.update(client.cookies)
    body = {"current": PASSWORD, "new": "quince-lantern-brook"}
    wrong = client.post("/api/me/password", json=body | {"current": "wrong"})
    assert wrong.status_code == 401
    assert client.post("/api/me/password", json=body).status_code == 204
    assert (who(client), who(other), who(before)) == ("ana", None, None)
    assert sign_in(browser(local_app), "ana") == 401
    assert sign_in(browser(local_app), "ana", "quince-lantern-brook") == 200


def test_only_whoever_is_signed_in_changes_the_password(local_app: FastAPI) -> None:
    key = with_password(local_app, "ana", "administrator")
    body = {"current": PASSWORD, "new": "quince-lantern-brook"}
    program = accounts.with_token(local_app, key, "admin")
    assert program.post("/api/me/password", json=body).status_code == 403


@pytest.mark.parametrize(
    ("new", "words"),
    [
        ("short", "5 characters; allowed: 10 to 200"),
        ("Password123!", "easily guessed"),
        ("qwertyuiop", "easily guessed"),
        ("anastasia1", "is the name with little beside it"),
    ],
)
def test_a_weak_password_is_refused_and_not_repeated(
    local_app: FastAPI, new: str, words: str
) -> None:
    with_password(local_app, "Anastasia", "viewer")
    client = browser(local_app)
    sign_in(client, "anastasia")
    answer = client.post("/api/me/password", json={"current": PASSWORD, "new": new})
    assert answer.status_code == 422
    (problem,) = answer.json()["errors"]
    assert problem["path"] == "new"
    assert words in problem["message"]
    assert new not in answer.text


def test_a_field_that_is_wrong_does_not_repeat_a_password(local_app: FastAPI) -> None:
    client = browser(local_app)
    for secret in ("s3cret" * 100, ["s3cret"], 53):
        for body in (
            {"name": "ana", "password": secret},
            {"password": secret},
            {"name": 5, "password": secret},
        ):
            answer = client.post("/api/sign-in", json=body)
            assert answer.status_code in (401, 422)
            assert "s3cret" not in answer.text
            assert "53" not in answer.json()["detail"]


def test_a_hash_by_other_parameters_is_renewed_when_it_is_right(local_app: FastAPI) -> None:
    key = with_password(local_app, "ana", "viewer")

    def stored() -> str:
        with local_app.state.database.read() as session:
            return str(session.get_one(Person, key).password)

    before = stored()
    local_app.state.passwords = Passwords(Argon2Hasher(time_cost=2, memory_cost=16, parallelism=1))
    assert sign_in(browser(local_app), "ana", "wrong") == 401
    assert stored() == before
    assert sign_in(browser(local_app), "ana") == 200
    assert "m=16,t=2" in stored()
    after = stored()
    assert sign_in(browser(local_app), "ana") == 200
    assert stored() == after
