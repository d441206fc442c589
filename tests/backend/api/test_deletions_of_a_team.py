"""Who deletes, looks into the bin and restores: whoever owns it, and administrators."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient
from sqlalchemy import select

from backend.api.changes import _seen
from backend.settings import Settings
from backend.storage.audience import TEAM, looking_into_bin
from backend.storage.tables import AuditRow, Deletion, Experiment
from backend.web.app import create_app
from tests.backend.people import accounts
from tests.backend.storage import binned
from tests.conftest import DatabaseUrl


@dataclass
class Team:
    """Browsers of two editors and an administrator, and an experiment of Ada's."""

    app: FastAPI
    ada: TestClient
    bob: TestClient
    root: TestClient
    people: dict[str, int]
    experiment: int


@pytest.fixture
def team(tmp_path: Path, database_url: DatabaseUrl) -> Iterator[Team]:
    home = tmp_path / "home"
    app = create_app(Settings(home=home, auth="local", database_url=database_url(home)))
    database = app.state.database
    roles = {"ada": "editor", "bob": "editor", "root": "administrator"}
    people = {name: accounts.person(database, name, role) for name, role in roles.items()}
    clients = {name: accounts.signed_in(app, key) for name, key in people.items()}
    key = binned.finished(database, home, "ada", people["ada"])
    yield Team(app, **clients, people=people, experiment=key)


def test_what_is_anothers_is_neither_deleted_nor_restored_nor_seen_in_the_bin(team: Team) -> None:
    path = f"/api/experiments/{team.experiment}"
    for method, asked, body in (
        ("DELETE", path, None),
        ("POST", "/api/experiments/bulk-delete", {"ids": [team.experiment]}),
        ("DELETE", "/api/runs/1", None),
        ("POST", "/api/runs/delete?of=r1", None),
        ("DELETE", "/api/runs/1/adapter", None),
        ("POST", "/api/storage/free", {"ids": [team.experiment]}),
    ):
        answer = team.bob.request(method, asked, json=body)
        assert answer.status_code == 403, (asked, answer.text)
    assert team.bob.get("/api/storage").json()["experiments"] == []
    deleted = team.ada.delete(path).json()["deletions"]
    assert team.bob.get("/api/bin").json()["deletions"] == []
    given = {"deletions": deleted}
    assert team.bob.post("/api/bin/restore", json=given).status_code == 404
    assert team.bob.delete("/api/bin", params={"deletion": deleted}).status_code == 404
    assert team.bob.delete("/api/bin").json()["runs"] == 0
    for own in (team.ada, team.root):
        assert [row["id"] for row in own.get("/api/bin").json()["deletions"]] == deleted
    assert team.root.post("/api/bin/restore", json=given).status_code == 200
    assert team.bob.get(path).status_code == 200


def test_it_is_noted_who_deleted_restored_and_removed(team: Team) -> None:
    made = team.ada.delete(f"/api/experiments/{team.experiment}").json()["deletions"]
    team.root.post("/api/bin/restore", json={"deletions": made})
    team.ada.post("/api/runs/delete?of=r1&of=r2&what=adapters")
    team.ada.delete("/api/bin")
    with team.app.state.database.read() as session:
        rows = session.scalars(select(AuditRow).order_by(AuditRow.id)).all()
    assert [(row.name, row.action, row.target) for row in rows] == [
        ("ada", "deleted", "experiment 1"),
        ("root", "restored", "experiment 1"),
        ("ada", "deleted", "adapter of runs 1, 2"),
        ("ada", "removed for good", "2 adapters of experiment 1"),
    ]


def test_whoever_has_it_open_is_told_that_it_was_deleted(team: Team) -> None:
    team.ada.delete(f"/api/experiments/{team.experiment}")
    row = (1, "experiment", {"experiment": team.experiment, "run": 0})
    assert team.experiment in _seen(team.app.state.database, [row], None, TEAM)


def test_an_administrator_gives_an_experiment_to_another_person(team: Team) -> None:
    path = f"/api/experiments/{team.experiment}"
    to_bob = {"owner": team.people["bob"]}
    assert team.ada.patch(path, json=to_bob).status_code == 403
    assert team.root.patch(path, json={"owner": 77}).status_code == 404
    given = team.root.patch(path, json=to_bob).json()
    assert (given["owner"], given["author"]) == (team.people["bob"], "bob")
    assert team.ada.delete(path).status_code == 403
    found = team.root.get("/api/experiments", params={"q": "by:bob"}).json()
    assert [facet["value"] for facet in found["facets"]["by"]] == ["bob"]
    assert team.bob.delete(path).status_code == 200


@pytest.mark.parametrize("state", ["held", "emptying"])
def test_emptying_the_bin_takes_anothers_private_files_along_and_keeps_their_numbers(
    team: Team, state: str
) -> None:
    database, home = team.app.state.database, team.app.state.settings.home
    key = binned.finished(database, home, "ada", team.people["ada"])
    assert team.ada.patch(f"/api/experiments/{key}", json={"private": True}).is_success
    team.ada.delete(f"/api/experiments/{key}")
    if state == "held":
        assert team.ada.delete("/api/bin").json()["runs"] == 3
    else:  # a server that was killed while it removed it
        with database.write() as session:
            session.scalars(select(Deletion)).one().state = "emptying"
    assert team.bob.delete("/api/bin").is_success
    with database.read() as session, looking_into_bin():
        assert session.scalars(select(Deletion.state)).all() == ["held"]
        assert session.get(Experiment, key) is not None
    assert not any((home / "artifacts" / str(run)).exists() for run in range(5, 9))
    assert binned.finished(database, home) == key + 1


def test_whoever_deletes_their_only_private_experiment_finds_it_in_the_bin(team: Team) -> None:
    path = f"/api/experiments/{team.experiment}"
    team.ada.patch(path, json={"private": True})
    deleted = team.ada.delete(path).json()["deletions"]
    assert [row["id"] for row in team.ada.get("/api/bin").json()["deletions"]] == deleted
    assert team.ada.post("/api/bin/restore", json={"deletions": deleted}).is_success
    assert team.ada.get(path).json()["private"]
