"""The list of people says what each uses beside what they may."""

from __future__ import annotations

from datetime import timedelta

import pytest

from backend.storage.measuring import measure
from tests.backend.api.test_quotas import GB, Make, end, launch, make, spend

# The same as of the tests of quotas.
__all__ = ["make"]


def test_administrators_see_what_each_uses_beside_what_they_may(make: Make) -> None:
    team = make(quota_runs=7, quota_lane_hours=20)
    assert launch(team.ada) == 201
    end(team, 1)
    measure(team.app.state.database, team.app.state.settings.logs, 10)
    assert team.ada.delete("/api/runs/1").status_code < 300  # in the bin it takes room too
    spend(team, 2, ago=timedelta(days=1))
    spend(team, 3, ago=timedelta(days=8))
    team.own(runs=9)
    rows = {row["name"]: row["more"]["usage"] for row in team.root.get("/api/people").json()}
    ada = {quota["name"]: quota for quota in rows["ada"]}
    assert rows["ada"] == team.root.get(f"/api/people/{team.keys['ada']}/quotas").json()
    assert (ada["runs"]["used"], ada["runs"]["allowed"], ada["runs"]["own"]) == (2, 9, True)
    assert 0 < ada["disk_gb"]["used"] * GB < 20_000
    assert ada["lane_hours"]["used"] == pytest.approx(2, abs=0.01)
    assert ada["lane_hours"]["allowed"] == 20
    assert [quota["used"] for quota in rows["root"]] == [0, 0, 0]
    assert all(row["more"] is None for row in team.ada.get("/api/people").json())
    root = f"/api/people/{team.keys['root']}"
    assert team.root.patch(root, json={"role": "administrator"}).json()["more"]["usage"][0] == {
        "name": "runs", "used": 0, "asked": 0, "allowed": 7, "own": False, "beyond": None,
    }  # fmt: skip
