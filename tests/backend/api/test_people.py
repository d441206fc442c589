"""People: who is told what of whom, new names and roles, and what was launched before accounts."""

from __future__ import annotations

from typing import Any

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient

from backend.people import registry
from backend.storage.audience import looking_into_bin
from backend.storage.store import experiments, notes
from backend.storage.tables import Comment, Experiment, Note, SavedView, ShareLink, now
from loraone.spec.experiment import ExperimentSpec
from tests.backend.people import accounts
from tests.backend.people.accounts import with_password

SPEC = ExperimentSpec.model_validate({"task": "teacher-student", "methods": ["lora"]})


def administrator(app: FastAPI) -> TestClient:
    """A browser with an administrator, who is person 1."""
    return accounts.signed_in(app, with_password(app, "root", "administrator"))


def launched_by(app: FastAPI, name: str, author: str | None = None) -> int:
    """An experiment of somebody, with notes and a saved view."""
    with app.state.database.write() as session:
        person = registry.named(session, name)
        row = experiments.create(session, SPEC, author or name, person.id)
        notes.write(session, row.id, "seen", 0, author or name)
        session.add(SavedView(name=f"of {name}", query="", owner_id=person.id))
        return row.id


def of(app: FastAPI, key: int) -> dict[str, Any]:
    """Whose an experiment is, by all that says so."""
    with app.state.database.read() as session:
        row, note = session.get_one(Experiment, key), session.get_one(Note, (key, 1))
        return {"owner": row.owner_id, "author": row.author, "note": note.author}


def test_everybody_knows_names_and_colours_and_administrators_more(local_app: FastAPI) -> None:
    root = administrator(local_app)
    viewer = accounts.signed_in(local_app, with_password(local_app, "vera", "viewer"))
    launched_by(local_app, "lab")
    told = {row["name"]: row for row in viewer.get("/api/people").json()}
    assert list(told) == ["lab", "root", "vera"]
    assert [row["account"] for row in told.values()] == [False, True, True]
    assert all(row["more"] is None for row in told.values())
    assert len({row["colour"] for row in told.values()}) == 3
    more = {row["name"]: row["more"] for row in root.get("/api/people").json()}
    assert (more["lab"]["source"], more["lab"]["experiments"]) == ("named", 1)
    assert (more["vera"]["source"], more["vera"]["experiments"]) == ("local", 0)
    assert "argon2" not in root.get("/api/people").text


def test_another_name_stands_wherever_the_old_one_stood(local_app: FastAPI) -> None:
    root = administrator(local_app)
    key = with_password(local_app, "ana", "editor")
    mine, imported = launched_by(local_app, "ana"), launched_by(local_app, "bob", "carla")
    root.post("/api/people/invite", json={})  # something that has nothing to do with it
    kept = root.get("/api/experiments", params={"q": "by:ana"}).json()["total"]
    assert kept == 1
    answer = root.patch(f"/api/people/{key}", json={"name": "Ana  Lee"})
    assert answer.json()["name"] == "Ana Lee"
    assert of(local_app, mine) == {"owner": key, "author": "Ana Lee", "note": "Ana Lee"}
    assert of(local_app, imported)["author"] == "carla"
    found = root.get("/api/experiments", params={"q": 'by:"ana lee"'}).json()
    assert found["total"] == 1
    assert {"value": "Ana Lee", "count": 1} in found["facets"]["by"]
    assert root.get("/api/experiments", params={"q": "is:any"}).json()["total"] == 2


def test_two_by_another_name_are_counted_together(local_app: FastAPI) -> None:
    """What experiments are grouped by has their author in it."""
    root = administrator(local_app)
    key = with_password(local_app, "ana", "editor")
    launched_by(local_app, "ana")
    root.patch(f"/api/people/{key}", json={"name": "bea"})
    with local_app.state.database.write() as session:
        experiments.create(session, SPEC, "bea", key)
    facet = root.get("/api/experiments").json()["facets"]["by"]
    assert facet == [{"value": "bea", "count": 2}]
    with local_app.state.database.read() as session:
        assert len({row.group_key for row in session.query(Experiment)}) == 1


def test_nobody_gets_the_name_of_another(local_app: FastAPI) -> None:
    root = administrator(local_app)
    key = with_password(local_app, "ana", "editor")
    for name in ("root", "Root"):
        answer = root.patch(f"/api/people/{key}", json={"name": name})
        assert answer.status_code == 422
        assert answer.json()["errors"][0]["path"] == "name"
    assert root.patch(f"/api/people/{key}", json={"name": "Ana"}).status_code == 200


def test_a_role_holds_from_the_next_request_on(local_app: FastAPI) -> None:
    root = administrator(local_app)
    key = with_password(local_app, "ana", "viewer")
    browser = accounts.signed_in(local_app, key)
    program = accounts.with_token(local_app, key, "admin")
    body = SPEC.model_dump(mode="json")
    for role, status in (("viewer", 403), ("editor", 201), ("viewer", 403)):
        root.patch(f"/api/people/{key}", json={"role": role})
        assert browser.post("/api/experiments", json=body).status_code == status
        assert program.post("/api/experiments", json=body).status_code == status


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("POST", "/api/people/2/reset", None),
        ("POST", "/api/people/invite", {"role": "administrator"}),
        ("PATCH", "/api/people/2", {"role": "administrator"}),
    ],
)
def test_a_token_that_runs_out_makes_no_way_in_that_stays(
    local_app: FastAPI, method: str, path: str, body: object
) -> None:
    root = administrator(local_app)
    with_password(local_app, "ana", "viewer")
    program = accounts.with_token(local_app, 1, "admin")
    assert program.get("/api/invitations").status_code == 200
    assert program.request(method, path, json=body).status_code == 403
    assert root.get("/api/invitations").json() == []
    assert {row["name"]: row["role"] for row in root.get("/api/people").json()}["ana"] == "viewer"
    assert root.request(method, path, json=body).status_code < 300


def test_an_administrator_is_always_left(local_app: FastAPI) -> None:
    root = administrator(local_app)
    other = with_password(local_app, "ana", "administrator")
    assert root.patch(f"/api/people/{other}", json={"disabled": True}).status_code == 200
    for change in ({"role": "editor"}, {"disabled": True}):
        answer = root.patch("/api/people/1", json=change)
        assert answer.status_code == 409
        assert "root is the last administrator" in answer.json()["detail"]
    root.patch(f"/api/people/{other}", json={"disabled": False})
    assert root.patch("/api/people/1", json={"role": "editor"}).status_code == 200
    assert root.patch("/api/people/1", json={"role": "administrator"}).status_code == 403


def test_what_was_launched_before_accounts_is_claimed(local_app: FastAPI) -> None:
    root = administrator(local_app)
    key = with_password(local_app, "ana", "editor")
    launched_by(local_app, "ana")
    first = launched_by(local_app, "lab")
    with local_app.state.database.read() as session:
        lab = registry.named(session, "lab").id
    with local_app.state.database.write() as session:
        link = ShareLink(person_id=lab, secret="a", view="/", shows={}, expires_at=now())
        session.add(link)
    browser = accounts.signed_in(local_app, key)
    rename = {"name": "found again"}
    assert browser.patch(f"/api/experiments/{first}", json=rename).status_code == 403
    answer = root.post(f"/api/people/{key}/claim", json={"person": lab})
    assert answer.json() == {"experiments": 1, "notes": 1, "views": 1}
    assert of(local_app, first) == {"owner": key, "author": "ana", "note": "ana"}
    assert browser.patch(f"/api/experiments/{first}", json=rename).status_code == 200
    assert [row["name"] for row in root.get("/api/people").json()] == ["ana", "root"]
    with local_app.state.database.read() as session:
        assert session.get_one(ShareLink, 1).person_id == key
    facet = root.get("/api/experiments").json()["facets"]["by"]
    assert facet == [{"value": "ana", "count": 2}]


def test_comments_and_what_is_in_the_bin_follow_too(local_app: FastAPI) -> None:
    root = administrator(local_app)
    key = with_password(local_app, "ana", "editor")
    launched = launched_by(local_app, "lab")
    with local_app.state.database.write() as session:
        lab = registry.named(session, "lab").id
        session.add(Comment(experiment_id=launched, text="so it is", author="lab", person_id=lab))
    assert root.delete(f"/api/experiments/{launched}").status_code < 300
    root.post(f"/api/people/{key}/claim", json={"person": lab})
    root.patch(f"/api/people/{key}", json={"name": "Ana Lee"})
    with local_app.state.database.read() as session, looking_into_bin():
        comment = session.query(Comment).one()
        assert (comment.person_id, comment.author) == (key, "Ana Lee")
        assert session.get_one(Experiment, launched).author == "Ana Lee"


def test_an_account_is_claimed_by_nobody(local_app: FastAPI) -> None:
    root = administrator(local_app)
    key = with_password(local_app, "ana", "editor")
    launched_by(local_app, "lab")
    with local_app.state.database.read() as session:
        lab = registry.named(session, "lab").id
    for path, body, status in (
        (f"/api/people/{key}/claim", {"person": 1}, 409),
        (f"/api/people/{lab}/claim", {"person": lab}, 409),
        (f"/api/people/{key}/claim", {"person": 99}, 404),
        ("/api/people/99/claim", {"person": lab}, 404),
    ):
        assert root.post(path, json=body).status_code == status
    assert root.patch(f"/api/people/{lab}", json={"role": "editor"}).status_code == 409
