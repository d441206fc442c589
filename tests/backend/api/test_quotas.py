"""How much of the machine each may use: said before a launch, and held where more is taken in."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient

from backend.settings import Settings
from backend.storage.measuring import measure
from backend.storage.store import queue, runs
from backend.storage.tables import LaneTime, Run, RunSize, now
from backend.web.app import create_app
from tests.backend.people import accounts
from tests.conftest import DatabaseUrl

SPEC: dict[str, Any] = {
    "task": "teacher-student",
    "methods": ["lora"],
    "grid": {"ranks": [2], "seeds": [0, 1, 2]},
    "problem": {"inputs": 8, "outputs": 6, "samples": 32, "true_rank": 2},
}
GB = 10**9

Make = Callable[..., "Team"]


@dataclass
class Team:
    """Browsers of an editor and an administrator, and their numbers."""

    app: FastAPI
    ada: TestClient
    root: TestClient
    keys: dict[str, int]

    def quotas(self, client: TestClient | None = None) -> dict[str, dict[str, Any]]:
        """What Ada's plan says, by name."""
        answer = (client or self.ada).post("/api/plan", json=SPEC)
        assert answer.status_code == 200, answer.text
        return {row["name"]: row for row in answer.json()["quotas"]}

    def own(self, **numbers: float | None) -> None:
        """Set Ada's own."""
        answer = self.root.patch(f"/api/people/{self.keys['ada']}", json={"quotas": numbers})
        assert answer.status_code == 200, answer.text


@pytest.fixture
def make(local_app: FastAPI) -> Iterator[Make]:
    """People of a server with these settings."""
    app = local_app
    before = app.state.settings

    def team(**settings: Any) -> Team:
        app.state.settings = before.model_copy(update=settings)
        keys = {
            name: accounts.person(app.state.database, name, role)
            for name, role in (("ada", "editor"), ("root", "administrator"))
        }
        clients = [accounts.signed_in(app, keys[name]) for name in ("ada", "root")]
        return Team(app, *clients, keys)

    yield team
    app.state.settings = before


def launch(client: TestClient) -> int:
    return client.post("/api/experiments", json=SPEC).status_code


def refused(answer: Any) -> dict[str, Any]:
    """The one quota that a refusal names."""
    assert answer.status_code == 409, answer.text
    (problem,) = answer.json()["errors"]
    assert problem["message"] in answer.json()["detail"]
    return dict(problem)


def end(team: Team, *ids: int) -> None:
    """These runs have run, and were cancelled."""
    with team.app.state.database.write() as session:
        for key in ids:
            run = session.get_one(Run, key)
            runs.begin(session, run, "CPU")
            runs.finish(session, run, "cancelled")


def test_nobody_is_limited_unless_somebody_says_so(make: Make) -> None:
    team = make()
    assert [launch(team.ada) for _ in range(3)] == [201] * 3
    assert {row["allowed"] for row in team.quotas().values()} == {None}
    assert team.quotas()["runs"]["used"] == 9


def test_a_plan_says_what_one_uses_and_what_a_launch_would_come_to(make: Make) -> None:
    team = make(quota_runs=5, quota_disk_gb=10, quota_lane_hours=20)
    assert launch(team.ada) == 201
    said = team.quotas()["runs"]
    assert said == {
        "name": "runs", "used": 3, "asked": 3, "allowed": 5, "own": False, "beyond": "refused",
    }  # fmt: skip
    assert [team.quotas()[name]["allowed"] for name in ("disk_gb", "lane_hours")] == [10, 20]
    assert team.quotas(team.root)["runs"]["used"] == 0


def test_a_launch_beyond_it_is_refused_with_quota_value_and_what_is_allowed(make: Make) -> None:
    team = make(quota_runs=5)
    assert launch(team.ada) == 201
    problem = refused(team.ada.post("/api/experiments", json=SPEC))
    assert (problem["path"], problem["value"], problem["allowed"]) == ("quota.runs", 6, "up to 5")
    assert "LORAONE_QUOTA_RUNS" in problem["message"]
    assert launch(team.root) == 201  # it is hers alone


def test_of_two_launches_at_once_one_is_refused(make: Make) -> None:
    team = make(quota_runs=3)
    start = threading.Barrier(6)
    answers: list[int] = []

    def go() -> None:
        start.wait()
        answers.append(launch(team.ada))

    threads = [threading.Thread(target=go) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(answers) == [201, 409, 409, 409, 409, 409]


@pytest.mark.parametrize("path", ["/api/runs/1/retry", "/api/runs/retry?of=e1"])
def test_a_retry_beyond_it_is_refused_and_queues_nothing(make: Make, path: str) -> None:
    team = make(quota_runs=3)
    assert launch(team.ada) == 201
    end(team, 1, 2, 3)
    assert launch(team.ada) == 201
    assert refused(team.ada.post(path))["path"] == "quota.runs"
    # An administrator who retries them does so for her.
    assert refused(team.root.post(path))["path"] == "quota.runs"
    assert team.quotas()["runs"]["used"] == 3


def test_what_is_stored_of_her_runs_counts_also_in_the_bin(make: Make) -> None:
    team = make(quota_disk_gb=1)
    assert launch(team.ada) == 201
    end(team, 1, 2, 3)
    database, logs = team.app.state.database, team.app.state.settings.logs
    (logs / "2").mkdir(parents=True)
    (logs / "2" / "1.log").write_bytes(b"x" * 5000)
    assert measure(database, logs, 10) == 3
    before = team.quotas()["disk_gb"]["used"] * GB
    assert 5000 < before < 20_000
    assert team.ada.delete("/api/experiments/1").status_code < 300
    assert team.quotas()["disk_gb"]["used"] * GB == before
    with database.write() as session:
        session.get_one(RunSize, 1).bytes = GB
    assert refused(team.ada.post("/api/experiments", json=SPEC))["path"] == "quota.disk_gb"
    assert launch(team.root) == 201


def test_an_import_that_takes_more_than_is_left_is_refused_and_leaves_nothing(make: Make) -> None:
    team = make()
    assert launch(team.ada) == 201
    end(team, 1, 2, 3)
    document = team.ada.get("/api/experiments/1/export.json").json()
    imported = team.ada.post("/api/experiments/import", json=document)
    assert imported.status_code == 201
    used = team.quotas()["disk_gb"]["used"]
    assert used > 0  # before it was measured
    measure(team.app.state.database, team.app.state.settings.logs, 10)
    measured = team.quotas()["disk_gb"]["used"]
    team.own(disk_gb=measured + 1e-9)
    problem = refused(team.ada.post("/api/experiments/import", json=document))
    assert problem["path"] == "quota.disk_gb"
    assert team.ada.get("/api/experiments").json()["total"] == 2


def spend(team: Team, hours: float, ago: timedelta = timedelta()) -> None:
    """Ada has had a lane for so long."""
    at = int((now() - ago).timestamp()) // 3600
    with team.app.state.database.write() as session:
        session.add(LaneTime(person_id=team.keys["ada"], hour=at, seconds=hours * 3600))


def claimed(team: Team) -> int | None:
    """Whose run a lane takes next."""
    from backend.people import quotas

    with team.app.state.database.write() as session:
        held = quotas.out_of_hours(session, team.app.state.settings)
        run = queue.claim(session, "CPU", None, held)
        return None if run is None else run.experiment_id


def test_runs_of_whoever_has_had_their_hours_wait_and_those_of_others_do_not(make: Make) -> None:
    team = make(quota_lane_hours=2)
    assert launch(team.ada) == 201
    assert claimed(team) == 1
    spend(team, 2)
    assert launch(team.ada) == 201  # taken in: its hours come back by themselves
    assert team.quotas()["lane_hours"]["beyond"] == "waits"
    assert claimed(team) is None
    page = team.ada.get("/api/queue").json()
    assert page["out_of_hours"] == [team.keys["ada"]]
    assert [run["status"] for run in page["queued"]] == ["queued"] * 5
    assert launch(team.root) == 201
    assert claimed(team) == 3
    with team.app.state.database.read() as session:
        assert session.get_one(Run, 1).status == "running"  # what runs goes on


def test_hours_are_those_of_the_last_seven_days(make: Make) -> None:
    team = make(quota_lane_hours=2)
    spend(team, 3, ago=timedelta(days=7, hours=1))
    spend(team, 1, ago=timedelta(days=6))
    assert team.quotas()["lane_hours"]["used"] == pytest.approx(1)
    assert launch(team.ada) == 201
    assert claimed(team) == 1


def test_time_on_a_lane_counts_while_it_goes_on_after_it_and_when_the_run_is_gone(
    make: Make,
) -> None:
    team = make(quota_lane_hours=2)
    assert launch(team.ada) == 201
    with team.app.state.database.write() as session:
        run = session.get_one(Run, 1)
        runs.begin(session, run, "CPU")
        run.started_at = now() - timedelta(hours=1)
    assert team.quotas()["lane_hours"]["used"] == pytest.approx(1, abs=0.01)
    assert team.ada.post("/api/runs/cancel?of=e1").status_code == 200
    assert team.quotas()["lane_hours"]["used"] == pytest.approx(1, abs=0.01)
    assert team.ada.delete("/api/experiments/1").status_code < 300
    assert team.ada.post("/api/bin/empty", json={}).status_code < 500
    assert team.quotas()["lane_hours"]["used"] == pytest.approx(1, abs=0.01)


def test_who_may_have_no_hours_at_all_is_told_at_once(make: Make) -> None:
    team = make(quota_lane_hours=0)
    assert refused(team.ada.post("/api/experiments", json=SPEC))["path"] == "quota.lane_hours"


def test_an_administrator_sets_a_persons_own_which_goes_before_the_settings(make: Make) -> None:
    team = make(quota_runs=2)
    team.own(runs=3)
    assert launch(team.ada) == 201
    people = {row["name"]: row for row in team.root.get("/api/people").json()}
    assert people["ada"]["more"]["quotas"] == {"runs": 3, "disk_gb": None, "lane_hours": None}
    problem = refused(team.ada.post("/api/experiments", json=SPEC))
    assert problem["message"].endswith("allowed: up to 3 (set for this person)")
    team.own()  # as the settings say
    assert team.quotas()["runs"]["allowed"] == 2


def test_what_one_uses_is_said_to_oneself_and_to_administrators(make: Make) -> None:
    team = make(quota_runs=7)
    ada, root = (f"/api/people/{team.keys[name]}/quotas" for name in ("ada", "root"))
    assert [team.ada.get(ada).status_code, team.root.get(ada).status_code] == [200, 200]
    assert team.ada.get(root).status_code == 404
    assert team.root.get("/api/people/99/quotas").status_code == 404


@pytest.mark.parametrize("quotas", [{"runs": -1}, {"disk_gb": 1e7}, {"lane_hours": "x"}, {"x": 1}])
def test_numbers_out_of_range_are_refused(make: Make, quotas: dict[str, Any]) -> None:
    team = make()
    answer = team.root.patch(f"/api/people/{team.keys['ada']}", json={"quotas": quotas})
    assert answer.status_code == 422


def test_without_accounts_there_are_quotas_where_the_settings_have_some(
    tmp_path: Path, database_url: DatabaseUrl
) -> None:
    home = tmp_path / "home"
    app = create_app(Settings(home=home, database_url=database_url(home), quota_runs=4))
    client = TestClient(app, base_url="http://127.0.0.1:8111")
    assert [launch(client), launch(client)] == [201, 409]
    app.state.database.close()
