"""The audit trail as administrators read it: what is in it, in pages and as a file."""

from __future__ import annotations

import json

import pytest
from fastapi import FastAPI

from backend.web.app import create_app
from tests.backend.api.audited import SPEC, launched
from tests.backend.api.test_audit import administrator, trail
from tests.backend.people import accounts
from tests.backend.people.accounts import PASSWORD, nobody, with_password


def test_what_is_refused_leaves_no_row_but_a_wrong_password_does(local_app: FastAPI) -> None:
    client = administrator(local_app)
    launched(local_app, client)
    stranger = accounts.signed_in(local_app, with_password(local_app, "eve", "editor"))
    before = len(trail(local_app))
    assert stranger.patch("/api/experiments/1", json={"name": "mine"}).status_code == 403
    assert client.post("/api/runs/7/cancel").status_code == 404
    assert client.post("/api/runs/retry?of=e1").json() == {"changed": 0}
    assert len(trail(local_app)) == before
    assert accounts.sign_in(nobody(local_app), "eve", "wrong") == 401
    assert accounts.sign_in(nobody(local_app), PASSWORD, "wrong") == 401
    unknown, known = trail(local_app)[:2]
    assert (known.action, known.name, known.person_id) == ("sign-in failed", "eve", 2)
    assert (unknown.action, unknown.name, unknown.person_id) == ("sign-in failed", "", None)


def test_without_accounts_it_says_the_name_of_the_setting(local_app: FastAPI) -> None:
    app = create_app(local_app.state.settings.model_copy(update={"auth": "none"}))
    client = nobody(app)
    client.post("/api/experiments", json=SPEC).raise_for_status()
    (row,) = client.get("/api/audit").json()
    user = client.get("/api/me").json()["person"]["name"]
    assert (row["action"], row["name"], row["person"]) == ("launched", user, None)
    app.state.database.close()


def test_it_is_read_by_pages_by_person_and_by_action(local_app: FastAPI) -> None:
    client = administrator(local_app)
    other = with_password(local_app, "ana", "viewer")
    for _ in range(3):
        client.post("/api/people/invite", json={})
    accounts.sign_in(nobody(local_app), "ana")
    rows = client.get("/api/audit", params={"limit": 2}).json()
    assert [row["action"] for row in rows] == ["sign-in", "link made"]
    older = client.get("/api/audit", params={"before": rows[-1]["id"]}).json()
    assert [row["action"] for row in older] == ["link made"] * 2
    assert [row["name"] for row in client.get(f"/api/audit?person={other}").json()] == ["ana"]
    assert len(client.get("/api/audit", params={"action": "link made"}).json()) == 3


def test_all_of_it_comes_as_json_lines(local_app: FastAPI, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("backend.api.audit._PART", 2)
    client = administrator(local_app)
    for _ in range(5):
        client.post("/api/people/invite", json={})
    answer = client.get("/api/audit/file")
    assert answer.headers["content-type"].startswith("application/jsonl")
    rows = [json.loads(line) for line in answer.text.splitlines()]
    assert rows == list(reversed(client.get("/api/audit").json()))
    assert len(rows) == 5


def test_it_stays_when_a_name_changes(local_app: FastAPI) -> None:
    client = administrator(local_app)
    client.post("/api/people/invite", json={})
    client.patch("/api/people/1", json={"name": "chief"})
    client.post("/api/people/invite", json={})
    assert [row.name for row in trail(local_app)] == ["chief", "root", "root"]


def test_the_page_is_told_what_the_trail_can_say(local_app: FastAPI) -> None:
    client = administrator(local_app)
    actions = client.get("/api/audit/actions").json()
    assert {"sign-in", "commented", "quotas set"} <= set(actions)
    for action in actions:
        assert client.get("/api/audit", params={"action": action}).status_code == 200
    assert client.get("/api/audit", params={"action": "thought"}).status_code == 422
