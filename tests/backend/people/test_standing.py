"""Who was shut out while their request was on its way makes nothing with which they come back."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient

from backend.api import sign_in
from backend.people import invitations, sign_ins
from backend.storage.database import Database
from backend.storage.tables import AccessToken, Invitation, Person, ShareLink, SignIn
from tests.backend.people import accounts
from tests.backend.people.accounts import PASSWORD, browser, with_password

NEW = "quince-lantern-brook"
ASKED = [
    ("POST", "/api/tokens", {"name": "t"}),
    ("POST", "/api/people/invite", {"role": "administrator"}),
    ("POST", "/api/people/2/reset", None),
    ("PATCH", "/api/people/2", {"role": "administrator"}),
    ("POST", "/api/shares", {"view": "/experiments/1", "of": ["1"]}),
]


def known(app: FastAPI) -> TestClient:
    """Somebody who has just asked, so that the next request is let in without a look."""
    key = with_password(app, "ana", "administrator")
    with_password(app, "bob", "viewer")
    client = accounts.signed_in(app, key)
    assert client.get("/api/people").status_code == 200
    return client


def sign_out(database: Database) -> None:
    with database.write() as session:
        sign_ins.end_all(session, 1)


def disable(database: Database) -> None:
    with database.write() as session:
        session.get_one(Person, 1).disabled = True


def demote(database: Database) -> None:
    with database.write() as session:
        session.get_one(Person, 1).role = "viewer"


@pytest.mark.parametrize(("shut_out", "status"), [(sign_out, 401), (disable, 401), (demote, 403)])
def test_nothing_is_made_by_whoever_was_shut_out_meanwhile(
    local_app: FastAPI, shut_out: Callable[[Database], None], status: int
) -> None:
    client, database = known(local_app), local_app.state.database
    shut_out(database)
    for method, path, body in ASKED:
        assert client.request(method, path, json=body).status_code == status, path
    with database.read() as session:
        for table in (AccessToken, Invitation, ShareLink):
            assert session.query(table).count() == 0
        assert session.get_one(Person, 2).role == "viewer"


def reset(app: FastAPI) -> None:
    """What an administrator does whose colleague's session was stolen."""
    with app.state.database.write() as session:
        invitations.reset(session, session.get_one(Person, 1))


def test_a_password_is_not_changed_after_it_was_reset(
    local_app: FastAPI, monkeypatch: pytest.MonkeyPatch
) -> None:
    client = known(local_app)
    hashes, do = local_app.state.passwords, local_app.state.passwords.hash
    monkeypatch.setattr(hashes, "hash", lambda new: (reset(local_app), do(new))[1])
    answer = client.post("/api/me/password", json={"current": PASSWORD, "new": NEW})
    assert answer.status_code == 401
    with local_app.state.database.read() as session:
        assert session.get_one(Person, 1).password is None
        assert session.query(SignIn).count() == 0


@pytest.mark.parametrize("shut_out", [reset, lambda app: disable(app.state.database)])
def test_nobody_is_signed_in_who_was_shut_out_after_the_password_was_looked_at(
    local_app: FastAPI, shut_out: Callable[[FastAPI], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    with_password(local_app, "ana", "viewer")
    check = sign_in._check_password

    def late(*given: object) -> object:
        checked = check(*given)  # type: ignore[arg-type]
        shut_out(local_app)
        return checked

    monkeypatch.setattr(sign_in, "_check_password", late)
    assert accounts.sign_in(browser(local_app), "ana") == 401
    with local_app.state.database.read() as session:
        assert session.query(SignIn).count() == 0
