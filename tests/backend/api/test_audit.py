"""The audit trail: whatever changes something leaves a row, and only administrators read it."""

from __future__ import annotations

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient

from backend.storage.tables import AuditRow
from tests.backend.api.audited import CHANGES, CHANGES_NOTHING, CHANGING, OF_ONES_OWN_READING
from tests.backend.people import accounts
from tests.backend.people.accounts import with_password


def administrator(app: FastAPI) -> TestClient:
    """A browser with an administrator, who is person 1, in session 1."""
    return accounts.signed_in(app, with_password(app, "root", "administrator"))


def trail(app: FastAPI) -> list[AuditRow]:
    """All rows, the newest first."""
    with app.state.database.read() as session:
        return list(session.query(AuditRow).order_by(AuditRow.id.desc()))


def test_every_route_that_changes_something_is_known_here() -> None:
    assert CHANGES.keys() | CHANGES_NOTHING | OF_ONES_OWN_READING == CHANGING


@pytest.mark.parametrize("route", CHANGES)
def test_whatever_changes_something_leaves_a_row(local_app: FastAPI, route: str) -> None:
    path, prepare, body, action, target = CHANGES[route]
    client = administrator(local_app)
    prepared = prepare(local_app, client) if prepare is not None else None
    body = body if body is not None else prepared if isinstance(prepared, dict) else None
    before = len(trail(local_app))
    answer = client.request(route.split()[0], f"/api/{path}", json=body)
    assert answer.is_success, answer.text
    new = trail(local_app)[: len(trail(local_app)) - before]
    (row,) = [row for row in new if row.action == action]
    assert row.target == target
    assert row.name == ("ana" if action == "account made" else "root")
    assert row.address == "testclient"
    for said in (row.target, row.detail):
        assert "private" not in said


def test_what_is_counted_is_one_or_several(local_app: FastAPI) -> None:
    client = administrator(local_app)
    for key, methods in enumerate((["lora"], ["lora", "lora_one"]), 1):
        spec = {"task": "teacher-student", "methods": methods}
        assert client.post("/api/experiments", json=spec).status_code == 201
        assert client.post(f"/api/runs/cancel?of=e{key}").is_success
    details = [row.detail for row in reversed(trail(local_app))]
    assert details == ["1 run", "1 run", "2 runs", "2 runs"]
