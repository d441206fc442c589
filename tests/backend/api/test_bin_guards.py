"""What of the bin is refused, and what is not written down as nothing was done: each of these
guards was taken out once, and nothing else had noticed."""

from __future__ import annotations

from pathlib import Path

import pytest
from fastapi import FastAPI
from fastapi.routing import APIRoute
from fastapi.testclient import TestClient
from sqlalchemy import select

from backend.api import deletions, stored, wastebin
from backend.api.rights import Needs, mark
from backend.api.schemas.deletions import MOST
from backend.settings import Settings
from backend.storage.audience import looking_into_bin
from backend.storage.store import changes
from backend.storage.tables import AuditRow, Deletion, Experiment, Note, Tag
from backend.web.app import create_app
from tests.backend.people import accounts
from tests.backend.storage import binned
from tests.conftest import DatabaseUrl


@pytest.fixture
def key(app: FastAPI) -> int:
    """An experiment whose runs have succeeded."""
    home: Path = app.state.settings.home
    return binned.finished(app.state.database, home)


def test_all_that_changes_what_is_stored_needs_the_right_to_launch_and_is_for_ones_own() -> None:
    routes = [*deletions.router.routes, *wastebin.router.routes, *stored.router.routes]
    changing = [one for one in routes if isinstance(one, APIRoute) and one.methods != {"GET"}]
    assert len(changing) == 8
    assert {mark(route) for route in changing} == {Needs("launch", own=True)}


def test_what_is_not_there_cannot_be_deleted(client: TestClient) -> None:
    for path in ("experiments/77", "runs/77", "runs/77/adapter"):
        assert client.delete(f"/api/{path}").status_code == 404, path


def test_where_nothing_was_deleted_nothing_is_noted(
    app: FastAPI, client: TestClient, key: int
) -> None:
    for path in ("runs/delete?of=e1&what=adapters", "runs/delete?of=e1&what=adapters"):
        client.post(f"/api/{path}").raise_for_status()
    ids = {"ids": [77]}
    assert client.post("/api/experiments/bulk-delete", json=ids).json()["deletions"] == []
    assert client.post("/api/storage/free", json=ids | {"now": True}).json()["deletions"] == []
    with app.state.database.read() as session:
        (noted,) = session.scalars(select(AuditRow.target))
    assert noted == "adapter of runs 1, 2, 3, 4"


def test_what_would_be_deleted_are_adapters_where_those_are_asked_for(
    client: TestClient, key: int
) -> None:
    asked = f"/api/bin/selected?experiment={key}&what=adapters"
    found = client.get(asked).json()
    assert (found["runs"], found["size"]["total"]) == (binned.RUNS, binned.RUNS * 1000)
    client.delete("/api/runs/1/adapter").raise_for_status()
    found = client.get(asked).json()
    assert (found["runs"], found["size"]["total"]) == (binned.RUNS - 1, (binned.RUNS - 1) * 1000)


def test_no_more_are_named_at_once_than_can_be_looked_up(client: TestClient) -> None:
    most = list(range(1, MOST + 1))
    for method, path, name in (
        ("GET", "bin/selected", "experiment"),
        ("DELETE", "bin", "deletion"),
    ):
        params: dict[str, list[int]] = {name: most}
        assert client.request(method, f"/api/{path}", params=params).status_code in (200, 404)
        params[name].append(MOST + 1)
        assert client.request(method, f"/api/{path}", params=params).status_code == 422
        params[name].pop()
    for path, name in (
        ("experiments/bulk-delete", "ids"),
        ("bin/restore", "deletions"),
        ("storage/free", "ids"),
    ):
        for given in ([], [*most, MOST + 1], [0]):
            answer = client.post(f"/api/{path}", json={name: given})
            assert answer.status_code == 422, (path, len(given))


def test_one_deletion_that_is_named_twice_is_restored_once(
    app: FastAPI, client: TestClient, key: int
) -> None:
    (made,) = client.delete(f"/api/experiments/{key}").json()["deletions"]
    restored = client.post("/api/bin/restore", json={"deletions": [made, made]})
    assert restored.json() == {"experiments": [key]}
    with app.state.database.read() as session:
        actions = session.scalars(select(AuditRow.action).order_by(AuditRow.id)).all()
    assert actions == ["deleted", "restored"]


def test_what_is_being_removed_for_good_does_not_come_back(
    app: FastAPI, client: TestClient, key: int
) -> None:
    (made,) = client.delete(f"/api/experiments/{key}").json()["deletions"]
    with app.state.database.write() as session:
        row = session.get_one(Deletion, made)
        row.state, row.trouble = "emptying", "the files of run 1 cannot be removed"
    assert [row["id"] for row in client.get("/api/bin").json()["deletions"]] == [made]
    refused = client.post("/api/bin/restore", json={"deletions": [made]})
    assert (refused.status_code, client.get(f"/api/experiments/{key}").status_code) == (409, 404)


def test_only_adapters_that_are_there_are_put_into_the_bin(client: TestClient, key: int) -> None:
    client.delete("/api/runs/1/adapter").raise_for_status()
    deleted = client.post(f"/api/runs/delete?of=e{key}&what=adapters").json()
    assert (deleted["runs"], deleted["size"]["total"]) == (binned.RUNS - 1, 3000)


def test_open_pages_are_told_of_adapters_too(app: FastAPI, client: TestClient, key: int) -> None:
    with app.state.database.read() as session:
        _, newest = changes.bounds(session)
    client.delete("/api/runs/1/adapter").raise_for_status()
    with app.state.database.read() as session:
        told = [(row.kind, row.experiment_id) for row in changes.after(session, newest, None)]
    assert told == [("status", key)]


def test_of_what_is_held_for_its_number_no_word_is_left(
    app: FastAPI, client: TestClient, key: int
) -> None:
    path = f"/api/experiments/{key}"
    client.patch(path, json={"tags": ["secret"]}).raise_for_status()
    client.post(f"{path}/notes", json={"text": "secret", "base": 0}).raise_for_status()
    client.delete(path).raise_for_status()
    client.delete("/api/bin").raise_for_status()
    with looking_into_bin(), app.state.database.read() as session:
        assert session.scalars(select(Experiment.id)).all() == [key]
        assert not [*session.scalars(select(Tag.name)), *session.scalars(select(Note.text))]


def test_whoever_does_not_see_what_is_in_the_bin_looks_into_theirs(
    tmp_path: Path, database_url: DatabaseUrl
) -> None:
    home = tmp_path / "home"
    app = create_app(Settings(home=home, auth="local", database_url=database_url(home)))
    ada, bob = (accounts.person(app.state.database, name, "editor") for name in ("ada", "bob"))
    owner, other = accounts.signed_in(app, ada), accounts.signed_in(app, bob)
    path = f"/api/experiments/{binned.finished(app.state.database, home, 'ada', ada)}"
    owner.patch(path, json={"private": True}).raise_for_status()
    owner.delete(path).raise_for_status()
    assert other.get("/api/bin").json()["deletions"] == []
    assert len(owner.get("/api/bin").json()["deletions"]) == 1
    assert other.delete("/api/bin").json()["runs"] == 0
