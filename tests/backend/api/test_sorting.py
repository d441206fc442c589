"""The history is sorted as a whole, before it is cut into pages."""

from __future__ import annotations

import io
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pandas as pd
import pytest
from fastapi.testclient import TestClient
from sqlalchemy import select

from backend.settings import Settings
from backend.storage.store import experiments
from backend.storage.store.sorting import SORTS
from backend.storage.tables import Experiment, Run
from backend.web.app import create_app
from loraone.spec.experiment import ExperimentSpec
from tests.conftest import DatabaseUrl

NAMES = ("beta", "Alpha", "delta", "Gamma", "alpha", "epsilon", "Zeta")
METHODS = (["pissa"], ["lora", "pissa"], ["lora_one"], ["lora"], ["lora", "full"])
STATUSES = ("succeeded", "running", "failed", "queued", "cancelled", "succeeded", "running")


@pytest.fixture(scope="module")
def client(
    tmp_path_factory: pytest.TempPathFactory, database_url: DatabaseUrl
) -> Iterator[TestClient]:
    """A history whose columns all sort differently, with values that are equal, and without."""
    home = tmp_path_factory.mktemp("home")
    app = create_app(Settings(home=home, database_url=database_url(home)))
    with app.state.database.write() as session:
        for i, name in enumerate(NAMES):
            model = {"id": ("org/small", "builtin:minilm", "Org/big")[i % 3]}
            grid = {"seeds": list(range(1 + (5 * i) % 4))}
            spec = {"name": name, "methods": METHODS[i % 5], "grid": grid, "model": model}
            row = experiments.create(
                session, ExperimentSpec.model_validate(spec), ("bo", "", "Ana")[i % 3]
            )
            # Imported ones keep when they were launched.
            row.created_at = datetime(2026, 9, 1, tzinfo=UTC) + timedelta(days=(3 * i) % 7)
            for run in session.scalars(select(Run).where(Run.experiment_id == row.id)):
                run.status = STATUSES[i]
                if STATUSES[i] == "succeeded":
                    run.summary = {"eval_loss": 2.0 - i / 10}
        session.get_one(Experiment, 2).archived = True
    yield TestClient(app, base_url="http://127.0.0.1:8111")
    app.state.database.close()


def listed(client: TestClient, sort: str, q: str = "is:any", per_page: int = 2) -> list[Any]:
    """All experiments, as a browser gets them page by page."""
    found: list[Any] = []
    while True:
        query: dict[str, Any] = {"q": q, "limit": per_page, "offset": len(found), "sort": sort}
        page = client.get("/api/experiments", params=query).json()
        found += page["experiments"]
        if len(found) >= page["total"]:
            return found


LIVELIEST = ("running", "queued", "failed", "cancelled", "succeeded")
# What each column shows, written down independently of how the database orders it.
SHOWN = {
    "name": lambda row: row["name"].lower(),
    "status": lambda row: LIVELIEST.index(row["status"]),
    "runs": lambda row: sum(row["counts"].values()),
    "methods": lambda row: row["methods"][0].lower(),
    "best": lambda row: row["best"] and row["best"]["value"],
    "model": lambda row: row["model"].lower(),
    "author": lambda row: row["author"].lower() or None,
    "created": lambda row: row["created_at"],
}


@pytest.mark.parametrize("sort", SORTS)
def test_pages_one_after_the_other_are_the_sorted_whole(client: TestClient, sort: str) -> None:
    value = SHOWN[sort.removeprefix("-")]
    rows = listed(client, sort)
    assert sorted(row["id"] for row in rows) == list(range(1, len(NAMES) + 1))
    known = [row for row in rows if value(row) is not None]
    newest_first = sorted(known, key=lambda row: -row["id"])
    expected = sorted(newest_first, key=value, reverse=sort.startswith("-"))
    assert [row["id"] for row in known] == [row["id"] for row in expected]
    without = [row["id"] for row in rows[len(known) :]]
    assert without == sorted(without, reverse=True), "what has no value is last, either way"
    assert len({value(row) for row in rows}) > 1


def test_the_columns_that_sort_are_those_of_the_page() -> None:
    assert {sort.removeprefix("-") for sort in SORTS} == set(SHOWN)


def test_a_sorted_search_narrows_and_its_file_has_the_same_order(client: TestClient) -> None:
    rows = listed(client, "-name", q="method:lora")
    # Alpha is archived; beta and epsilon are of PiSSA alone.
    assert [row["name"] for row in rows] == ["Zeta", "Gamma", "delta", "alpha"]
    query = {"q": "method:lora", "sort": "-name"}
    file = pd.read_csv(io.StringIO(client.get("/api/experiments/file", params=query).text))
    assert list(file["id"]) == [row["id"] for row in rows]


@pytest.mark.parametrize("sort", ["nme", "--name", "name desc", "NAME", "id;drop table runs", ""])
@pytest.mark.parametrize("path", ["/api/experiments", "/api/experiments/file"])
def test_a_column_that_is_none_is_refused_with_those_that_are(
    client: TestClient, path: str, sort: str
) -> None:
    answer = client.get(path, params={"sort": sort})
    assert answer.status_code == 422
    (error,) = answer.json()["errors"]
    assert error["path"] == "sort"
    assert all(known in f"{error['message']} {error['allowed']}" for known in SORTS)
