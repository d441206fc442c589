"""Notices: of what one launched and who mentioned one, gathered by experiment, for nobody else."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient

from backend.settings import Settings
from backend.storage.store import runs
from backend.storage.tables import Run
from backend.web.app import create_app
from tests.backend.api.test_comments import Team, team, write
from tests.conftest import DatabaseUrl

__all__ = ["team"]


def told(client: TestClient) -> dict[str, Any]:
    answer = client.get("/api/notices")
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


def end(team: Team, experiment: int, status: str) -> None:
    """All its runs end so, one after the other."""
    error = {"code": "x", "message": "out of memory"} if status == "failed" else None
    with team.app.state.database.write() as session:
        for run in session.query(Run).filter_by(experiment_id=experiment).all():
            runs.finish(session, run, status, error=error)


def test_failures_of_an_experiment_are_one_notice_of_whoever_launched_it(team: Team) -> None:
    end(team, 1, "failed")
    found = told(team.ada)
    kinds = {row["kind"]: row for row in found["notices"]}
    assert set(kinds) == {"failed", "finished"} and found["unread"] == 2
    assert kinds["failed"]["count"] == 2 and "out of memory" in kinds["failed"]["text"]
    assert "2 failed" in kinds["finished"]["text"]
    for client in (team.bob, team.root):
        assert told(client)["notices"] == []


def test_whoever_cancels_is_not_told_that_it_ended(team: Team) -> None:
    assert team.ada.post("/api/runs/cancel", params={"of": "e1"}).status_code == 200
    assert told(team.ada)["notices"] == []


def test_those_who_are_mentioned_are_told_once_and_not_of_what_they_wrote(team: Team) -> None:
    key = write(team.ada, "@bob and @ada, look")["id"]
    team.ada.patch(f"/api/comments/{key}", json={"text": "@bob, please look"})
    (notice,) = told(team.bob)["notices"]
    assert (notice["kind"], notice["experiment"], notice["comment"]) == ("mentioned", 1, key)
    assert notice["count"] == 1 and "ada mentioned you" in notice["text"]
    assert told(team.ada)["unread"] == 0
    team.ada.patch("/api/experiments/1", json={"private": True})
    assert told(team.bob) == {**told(team.bob), "notices": [], "unread": 0}


def test_what_was_read_stays_read_until_it_happens_again(team: Team) -> None:
    write(team.ada, "@bob")
    (notice,) = told(team.bob)["notices"]
    # Nobody reads for another.
    team.ada.post("/api/notices/read", json={"ids": [notice["id"]]})
    assert told(team.bob)["unread"] == 1
    assert team.bob.post("/api/notices/read", json={}).json()["unread"] == 0
    assert team.bob.post("/api/notices/read", json={"read": False}).json()["unread"] == 1
    team.bob.post("/api/notices/read", json={"ids": [notice["id"]]})
    write(team.ada, "@bob again")
    (again,) = told(team.bob)["notices"]
    assert again["id"] == notice["id"] and again["read_at"] is None and again["count"] == 1


def test_one_is_told_of_the_kinds_that_one_wants(team: Team) -> None:
    kinds = ["failed", "verdict"]
    assert team.ada.put("/api/notices/kinds", json={"kinds": kinds}).json()["kinds"] == kinds
    assert team.ada.put("/api/notices/kinds", json={"kinds": ["all"]}).status_code == 422
    end(team, 1, "failed")
    assert [row["kind"] for row in told(team.ada)["notices"]] == ["failed"]
    assert len(told(team.bob)["kinds"]) == 6


@pytest.fixture
def alone(tmp_path: Path, database_url: DatabaseUrl) -> Iterator[TestClient]:
    home = tmp_path / "home"
    app = create_app(Settings(home=home, user="solo", database_url=database_url(home)))
    yield TestClient(app, base_url="http://127.0.0.1:8111")
    app.state.database.close()


def test_without_accounts_one_is_told_of_the_machine_and_a_restart_loses_nothing(
    alone: TestClient, tmp_path: Path, database_url: DatabaseUrl
) -> None:
    assert told(alone)["notices"] == []
    app: Any = alone.app
    with app.state.database.write() as session:
        app.state.scheduler._work.tell(session, "disk", "disk", "The disk is filling up.")
    app.state.database.close()
    home = tmp_path / "home"
    again = create_app(Settings(home=home, user="solo", database_url=app.state.database.url))
    client = TestClient(again, base_url="http://127.0.0.1:8111")
    assert [row["text"] for row in told(client)["notices"]] == ["The disk is filling up."]
    again.state.database.close()
