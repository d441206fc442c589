"""Comments: written by those who may, seen where the experiment is, changed by their author."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient

from backend.settings import Settings
from backend.storage.tables import Experiment, Run
from backend.web.app import create_app
from tests.backend.people import accounts
from tests.conftest import DatabaseUrl

SPEC = {
    "task": "teacher-student",
    "methods": ["lora", "lora_one"],
    "grid": {"ranks": [2]},
    "problem": {"inputs": 8, "outputs": 6, "samples": 32, "true_rank": 2},
}


@dataclass
class Team:
    """Browsers of two editors, a viewer and an administrator; Ada launched 1, and 2 privately."""

    app: FastAPI
    ada: TestClient
    bob: TestClient
    eve: TestClient
    root: TestClient
    ids: dict[str, int]


@pytest.fixture
def team(tmp_path: Path, database_url: DatabaseUrl) -> Iterator[Team]:
    home = tmp_path / "home"
    app = create_app(Settings(home=home, auth="local", database_url=database_url(home)))
    roles = {"ada": "editor", "bob": "editor", "eve": "viewer", "root": "administrator"}
    ids = {name: accounts.person(app.state.database, name, role) for name, role in roles.items()}
    clients = {name: accounts.signed_in(app, key) for name, key in ids.items()}
    for private in (False, True):
        answer = clients["ada"].post("/api/experiments", json=SPEC, params={"private": private})
        assert answer.status_code == 201, answer.text
    yield Team(app, **clients, ids=ids)
    app.state.database.close()


def write(client: TestClient, text: str, experiment: int = 1, **about: Any) -> dict[str, Any]:
    answer = client.post(f"/api/experiments/{experiment}/comments", json={"text": text, **about})
    assert answer.status_code == 201, answer.text
    written: dict[str, Any] = answer.json()
    return written


def read(client: TestClient, experiment: int = 1) -> list[dict[str, Any]]:
    answer = client.get(f"/api/experiments/{experiment}/comments")
    assert answer.status_code == 200, answer.text
    found: list[dict[str, Any]] = answer.json()["comments"]
    return found


def test_what_one_writes_all_who_see_the_experiment_read_in_order(team: Team) -> None:
    write(team.ada, "why does $\\gamma$ matter?")
    write(team.bob, "it does not")
    for client in (team.eve, team.bob, team.root):
        assert [(row["author"], row["text"]) for row in read(client)] == [
            ("ada", "why does $\\gamma$ matter?"), ("bob", "it does not")]  # fmt: skip
    assert 'class="formula"' in read(team.eve)[0]["html"]
    assert read(team.eve)[1]["person"] == team.ids["bob"]


def test_an_experiment_says_how_many_comments_there_are(team: Team) -> None:
    def said(client: TestClient) -> int:
        return int(client.get("/api/experiments/1").json()["comments"])

    assert said(team.eve) == 0
    key = write(team.ada, "one")["id"]
    write(team.bob, "two")
    assert (said(team.eve), said(team.bob)) == (2, 2)
    team.ada.delete(f"/api/comments/{key}")
    assert said(team.eve) == 1


def test_a_comment_is_on_a_run_or_a_figure_of_the_experiment_and_on_no_others(team: Team) -> None:
    with team.app.state.database.read() as session:
        first, other = (session.query(Run).filter_by(experiment_id=k).first().id for k in (1, 2))
    view = "/experiments/1?tab=spectra&layer=1"
    made = write(team.bob, "a gap", run=first, view=view, figure="Spectra")
    assert (made["run"], made["view"], made["figure"]) == (first, view, "Spectra")
    for field, value in (
        ("run", other),
        ("view", "/experiments/2?tab=spectra"),
        ("view", "https://example.org/"),
        ("view", "//example.org"),
        ("text", "   "),
        ("text", "x" * 10_001),
    ):
        body = {"text": "a", field: value}
        answer = team.bob.post("/api/experiments/1/comments", json=body)
        assert answer.status_code == 422, (field, value)
        assert answer.json()["errors"][0]["path"].endswith(field)
    assert len(read(team.bob)) == 1


def test_its_author_alone_changes_it_and_administrators_delete_it_too(team: Team) -> None:
    key = write(team.ada, "first")["id"]
    for client in (team.bob, team.root, team.eve):
        assert client.patch(f"/api/comments/{key}", json={"text": "x"}).status_code == 403
    for client in (team.bob, team.eve):
        assert client.delete(f"/api/comments/{key}").status_code == 403
    answer = team.ada.patch(f"/api/comments/{key}", json={"text": "second"})
    assert answer.json()["text"] == "second" and answer.json()["edited_at"]
    assert team.root.delete(f"/api/comments/{key}").status_code == 204
    assert read(team.ada) == []
    assert team.ada.delete(f"/api/comments/{key}").status_code == 404


def test_a_viewer_reads_and_writes_none(team: Team) -> None:
    answer = team.eve.post("/api/experiments/1/comments", json={"text": "a"})
    assert answer.status_code == 403
    assert team.eve.get("/api/experiments/1/commenters").json()["writes"] is False
    assert team.bob.get("/api/experiments/1/commenters").json()["writes"] is True


def test_what_is_said_of_a_private_experiment_is_there_for_nobody_else(team: Team) -> None:
    key = write(team.ada, "secret", experiment=2)["id"]
    assert team.bob.get("/api/experiments/2/comments").status_code == 404
    assert team.bob.get("/api/experiments/2/commenters").status_code == 404
    assert team.bob.post("/api/experiments/2/comments", json={"text": "a"}).status_code == 404
    for verb in (lambda: team.bob.delete(f"/api/comments/{key}"),
                 lambda: team.bob.patch(f"/api/comments/{key}", json={"text": "a"})):  # fmt: skip
        assert verb().status_code == 404
    assert [row["text"] for row in read(team.root, 2)] == ["secret"]


def test_people_are_mentioned_who_see_it_by_their_names_in_any_case(team: Team) -> None:
    html = write(team.ada, "@Bob and @nobody, see")["html"]
    assert f'data-person="{team.ids["bob"]}">@Bob</span> and @nobody' in html
    assert "mention" not in write(team.ada, "@bob", experiment=2)["html"]
    names = [row["name"] for row in team.ada.get("/api/experiments/2/commenters").json()["people"]]
    assert names == ["ada", "root"]


def test_comments_go_out_with_their_authors_and_come_in_on_the_same_runs(team: Team) -> None:
    with team.app.state.database.read() as session:
        last = session.query(Run).filter_by(experiment_id=1).all()[-1].id
    write(team.ada, "see *this*", run=last, view="/experiments/1?tab=curves", figure="Curves")
    write(team.bob, "@ada yes", view="/compare?of=e1")
    document = team.ada.get("/api/experiments/1/export.json").json()
    assert [row["author"] for row in document["comments"]] == ["ada", "bob"]
    key = team.bob.post("/api/experiments/import", json=document).json()["id"]
    first, second = read(team.bob, key)
    assert (first["author"], first["person"]) == ("ada", None)
    assert first["view"] == f"/experiments/{key}?tab=curves"
    with team.app.state.database.read() as session:
        run = session.get(Run, first["run"])
        assert run.experiment_id == key and run.method == session.get(Run, last).method
    # What it compared is not here, and whom it mentioned is a name.
    assert second["view"] is None and "mention" not in second["html"]
    assert team.ada.patch(f"/api/comments/{first['id']}", json={"text": "x"}).status_code == 403
    again = team.bob.get(f"/api/experiments/{key}/export.json").json()["comments"]
    assert [row["text"] for row in again] == ["see *this*", "@ada yes"]


def test_a_report_says_what_was_said_and_runs_nothing_of_it(team: Team) -> None:
    write(team.ada, "a **gap** <script>alert(1)</script>", figure="<b>Curves</b>")
    report = team.ada.get("/api/experiments/1/report.html").text
    assert "<h2>Comments</h2>" in report and "a <strong>gap</strong>" in report
    assert "<script>alert(1)" not in report and "<b>Curves" not in report


def test_comments_go_with_their_experiment(team: Team) -> None:
    key = write(team.ada, "gone soon")["id"]
    with team.app.state.database.write() as session:
        session.delete(session.get(Experiment, 1))
    assert team.ada.delete(f"/api/comments/{key}").status_code == 404


def test_without_accounts_one_comments_under_the_name_that_is_set(
    tmp_path: Path, database_url: DatabaseUrl
) -> None:
    home = tmp_path / "home"
    app = create_app(Settings(home=home, user="solo", database_url=database_url(home)))
    client = TestClient(app, base_url="http://127.0.0.1:8111")
    assert client.post("/api/experiments", json=SPEC).status_code == 201
    made = write(client, "to myself, @solo")
    assert made["author"] == "solo" and "mention" in made["html"]
    said = client.get("/api/experiments/1/commenters").json()
    assert (said["person"], said["writes"], said["deletes_any"]) == (made["person"], True, True)
    changed = client.patch(f"/api/comments/{made['id']}", json={"text": "again"})
    assert changed.json()["text"] == "again"
    app.state.database.close()


def test_long_conversations_come_in_parts(team: Team) -> None:
    for number in range(23):
        write(team.ada, f"{number} " + "x" * 9_900)
    answer = team.ada.get("/api/experiments/1/comments").json()
    shown = answer["comments"]
    assert answer["total"] == 23 and len(shown) < 23
    assert shown[-1]["text"].startswith("22 ")
    older = team.ada.get("/api/experiments/1/comments", params={"before": shown[0]["id"]}).json()
    assert len(older["comments"]) == 23 - len(shown)
