"""Share links: one view for whoever has the link, and nothing else by any route."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient

from backend.api.rights import Needs
from backend.settings import Settings
from backend.storage.tables import Person, ShareLink, now
from backend.web.app import create_app
from tests.backend.api.test_owners import SPEC
from tests.backend.people import accounts
from tests.backend.storage import binned
from tests.backend.storage.plans import listening_to
from tests.backend.web.test_access import ROUTES
from tests.conftest import DatabaseUrl


@dataclass
class Shares:
    """Ada's two experiments, both private; a viewer; and how a link is opened."""

    app: FastAPI
    ada: TestClient
    bob: TestClient
    eve: TestClient
    root: TestClient
    one: dict[str, Any]
    other: dict[str, Any]

    def opened(self, *of: str, view: str = "/compare", days: float = 1) -> TestClient:
        """A browser without an account that has a new link of Ada's."""
        made = self.ada.post("/api/shares", json={"view": view, "of": list(of), "days": days})
        assert made.status_code == 201, made.text
        client = accounts.nobody(self.app)
        client.headers["Authorization"] = f"Share {made.json()['secret']}"
        return client


@pytest.fixture
def shares(tmp_path: Path, database_url: DatabaseUrl) -> Iterator[Shares]:
    home = tmp_path / "home"
    app = create_app(Settings(home=home, auth="local", database_url=database_url(home)))
    roles = {"ada": "editor", "bob": "editor", "eve": "viewer", "root": "administrator"}
    clients = {
        name: accounts.signed_in(app, accounts.person(app.state.database, name, role))
        for name, role in roles.items()
    }
    spec = {**SPEC, "grid": {"ranks": [2], "learning_rates": [0.1, 0.2]}}
    made = [
        clients["ada"].post(
            "/api/experiments", json={**spec, "name": name}, params={"private": True}
        )
        for name in ("one", "other")
    ]
    assert made[0].status_code == 201, made[0].text
    yield Shares(app, **clients, one=made[0].json(), other=made[1].json())


def _runs(shares: Shares, of: dict[str, Any]) -> list[int]:
    detail = shares.ada.get(f"/api/experiments/{of['id']}").json()
    return [run["id"] for run in detail["runs"]]


def test_a_link_shows_its_experiment_to_whoever_has_it(shares: Shares) -> None:
    key = shares.one["id"]
    link = shares.opened(f"e{key}", view=f"/experiments/{key}?tab=spectra")
    shown = link.get("/api/shared").json()
    assert (shown["view"], shown["author"]) == (f"/experiments/{key}?tab=spectra", "ada")
    assert link.get(f"/api/experiments/{key}").json()["name"] == "one"
    for path in ("basket", "overview", "runs", "figures/curves", "runs/file"):
        assert link.get(f"/api/{path}?of=e{key}").status_code == 200, path


def test_nothing_else_is_there_for_it(shares: Shares) -> None:
    link, other = shares.opened(f"e{shares.one['id']}"), shares.other["id"]
    run = _runs(shares, shares.other)[0]
    for path in (
        f"/api/experiments/{other}",
        f"/api/experiments/{other}/notes",
        f"/api/runs/{run}",
        f"/api/basket?of=e{other}",
        f"/api/basket?of=e{shares.one['id']}&of=r{run}",
        f"/api/figures/curves?of=r{run}",
    ):
        assert link.get(path).status_code == 404, path


def test_a_link_of_runs_shows_these_and_not_the_rest_of_their_experiment(shares: Shares) -> None:
    first, second = _runs(shares, shares.one)[:2]
    link = shares.opened(f"r{first}")
    assert link.get(f"/api/runs/{first}").status_code == 200
    assert link.get(f"/api/overview?of=r{first}").status_code == 200
    assert link.get(f"/api/runs/{second}").status_code == 404
    assert link.get(f"/api/experiments/{shares.one['id']}").status_code == 404
    assert link.get(f"/api/experiments/{shares.one['id']}/notes").status_code == 404
    whole = link.get(f"/api/runs?of=e{shares.one['id']}").json()
    assert str(second) not in [str(row.get("run", row.get("run_id"))) for row in whole["rows"]]


def test_a_link_of_runs_says_nothing_of_the_others_methods_and_of_what_is_ahead(
    shares: Shares,
) -> None:
    database = shares.app.state.database
    with database.read() as session:
        ada = session.query(Person).filter_by(name="ada").one().id
    key = binned.finished(database, shares.app.state.settings.home, "ada", ada)
    change = {"description": "LoRA-One is ahead", "tags": ["lora-one"]}
    assert shares.ada.patch(f"/api/experiments/{key}", json=change).is_success
    run = _runs(shares, {"id": key})[0]
    link, whole = shares.opened(f"r{run}"), shares.opened(f"e{key}")
    shown = [
        client.get(f"/api/basket?of=r{run}").json()["experiments"][0] for client in (link, whole)
    ]
    said = [(row["methods"], row["best"]["label"], row["description"]) for row in shown]
    assert said == [
        (["LoRA"], "LoRA", ""),
        (["LoRA", "LoRA-One (spectral)"], "LoRA-One (spectral)", "LoRA-One is ahead"),
    ]
    assert [row["tags"] for row in shown] == [[], ["lora-one"]]
    for path in ("basket", "overview", "runs"):
        assert "LoRA-One" not in link.get(f"/api/{path}?of=r{run}").text, path


def test_every_route_that_is_not_for_links_refuses_them(shares: Shares) -> None:
    link = shares.opened(f"e{shares.one['id']}")
    asked = [
        (method, re.sub(r"\{\w+\}", str(shares.one["id"]), path))
        for method, path, mark in (route.values for route in ROUTES)
        if isinstance(mark, Needs) and not mark.shared
    ]
    assert len(asked) > 20
    assert {(way, link.request(*way).status_code) for way in asked} == {(w, 403) for w in asked}


def test_an_expired_a_revoked_and_an_unknown_link_open_nothing(shares: Shares) -> None:
    path = f"/api/experiments/{shares.one['id']}"
    link = shares.opened(f"e{shares.one['id']}")
    assert link.get(path).status_code == 200
    made = shares.ada.get("/api/shares").json()[0]
    assert shares.bob.delete(f"/api/shares/{made['id']}").status_code == 404
    assert shares.ada.delete(f"/api/shares/{made['id']}").status_code == 204
    assert link.get(path).status_code == 401
    late = shares.opened(f"e{shares.one['id']}")
    with shares.app.state.database.write() as session:
        row = session.query(ShareLink).order_by(ShareLink.id.desc()).first()
        row.expires_at = now() - timedelta(seconds=1)
    assert late.get(path).status_code == 401
    late.headers["Authorization"] = "Share " + "a" * 43
    assert late.get(path).status_code == 401


def test_what_somebody_shared_ends_with_their_account(shares: Shares) -> None:
    link = shares.opened(f"e{shares.one['id']}")
    with shares.app.state.database.write() as session:
        session.query(Person).filter_by(name="ada").one().disabled = True
    shares.app.state.callers.forget()
    assert link.get(f"/api/experiments/{shares.one['id']}").status_code == 401


@pytest.mark.parametrize("item", ["e", "r"])
def test_a_link_ends_where_its_experiment_is_given_to_another(shares: Shares, item: str) -> None:
    run, other = _runs(shares, shares.one)[0], f"e{shares.other['id']}"
    shown = f"r{run}" if item == "r" else f"e{shares.one['id']}"
    link, kept = shares.opened(shown, other), shares.opened(other)
    path = f"/api/experiments/{shares.other['id']}"
    with shares.app.state.database.read() as session:
        bob = session.query(Person).filter_by(name="bob").one().id
    assert link.get(path).status_code == 200
    shares.root.patch(f"/api/experiments/{shares.one['id']}", json={"owner": bob})
    assert link.get(path).status_code == 401
    assert kept.get(path).status_code == 200


def test_a_viewers_link_opens_nothing_and_they_can_still_end_it(shares: Shares) -> None:
    link = shares.opened(f"e{shares.one['id']}")
    made = shares.ada.get("/api/shares").json()[0]["id"]
    with shares.app.state.database.write() as session:
        session.query(Person).filter_by(name="ada").one().role = "viewer"
    shares.app.state.callers.forget()
    assert link.get(f"/api/experiments/{shares.one['id']}").status_code == 401
    assert shares.eve.get("/api/shares").json() == []
    assert [row["id"] for row in shares.ada.get("/api/shares").json()] == [made]
    assert shares.eve.delete(f"/api/shares/{made}").status_code == 404
    assert shares.ada.delete(f"/api/shares/{made}").status_code == 204
    assert shares.ada.get("/api/shares").json()[0]["revoked_at"] is not None


def test_only_what_is_ones_own_is_shared(shares: Shares) -> None:
    key = shares.one["id"]
    shares.ada.patch(f"/api/experiments/{key}", json={"private": False})
    body = {"view": f"/experiments/{key}", "of": [f"e{key}"]}
    assert shares.bob.post("/api/shares", json=body).status_code == 403
    assert shares.eve.post("/api/shares", json=body).status_code == 403
    assert shares.root.post("/api/shares", json=body).status_code == 201
    assert len(shares.root.get("/api/shares").json()) == 1
    assert shares.ada.get("/api/shares").json() == []


@pytest.mark.parametrize(
    "view",
    [
        "https://elsewhere.example/compare",
        "//elsewhere.example/compare",
        "/compare/../settings",
        "/settings",
        "/experiments/1/../../x",
        "/experiments/1\n",
        "javascript:alert(1)",
        "/compare#x\u2028",
    ],
)
def test_a_link_opens_a_view_of_this_page_alone(shares: Shares, view: str) -> None:
    body = {"view": view, "of": [f"e{shares.one['id']}"]}
    answer = shares.ada.post("/api/shares", json=body)
    assert answer.status_code == 422
    assert answer.json()["errors"][0]["path"] == "view"


def test_its_secret_is_said_once_and_stored_as_a_hash(shares: Shares) -> None:
    body = {"view": "/compare", "of": [f"e{shares.one['id']}"]}
    secret = shares.ada.post("/api/shares", json=body).json()["secret"]
    assert len(secret) >= 43
    assert secret not in shares.ada.get("/api/shares").text
    with shares.app.state.database.read() as session:
        assert secret not in session.query(ShareLink).one().secret


def test_a_list_of_links_asks_for_all_their_authors_at_once(shares: Shares) -> None:
    counts = []
    for _ in range(2):
        for client in (shares.ada, shares.root):
            body = {"view": "/compare", "of": [f"e{shares.one['id']}"]}
            assert client.post("/api/shares", json=body).status_code == 201
        with listening_to(shares.app.state.database.engine) as sent:
            listed = shares.root.get("/api/shares").json()
        counts.append(len(sent.statements))
    assert {row["author"] for row in listed} == {"ada", "root"}
    assert counts[0] == counts[1]
