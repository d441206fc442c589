"""What is deleted is nowhere, comes back as it was, or goes for good with all that it took."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient
from sqlalchemy import func, select

from backend.people.registry import named
from backend.storage.audience import looking_into_bin
from backend.storage.store import changes, experiments, runs
from backend.storage.tables import (
    ArtifactRow,
    BinnedRun,
    Deletion,
    Experiment,
    MetricRow,
    Run,
)
from tests.backend.storage import binned


@pytest.fixture
def home(app: FastAPI) -> Path:
    """The data folder of the server."""
    found: Path = app.state.settings.home
    return found


@pytest.fixture
def two(app: FastAPI, home: Path) -> tuple[int, int]:
    """Two experiments whose runs have all succeeded."""
    database = app.state.database
    return binned.finished(database, home), binned.finished(database, home)


def ask(client: TestClient, method: str, path: str, expected: int = 200, **more: Any) -> Any:
    answer = client.request(method, f"/api{path}", **more)
    assert answer.status_code == expected, answer.text
    return answer.json()


def listed(client: TestClient, q: str = "") -> list[int]:
    found = ask(client, "GET", "/experiments", params={"q": q})
    assert found["total"] == len(found["experiments"])
    return [row["id"] for row in found["experiments"]]


OF_ONE = (
    "/experiments/{e}",
    "/experiments/{e}/notes",
    "/basket?of=e{e}",
    "/basket?of=r{r}",
    "/overview?of=e{e}",
    "/runs?of=e{e}",
    "/runs/{r}",
    "/runs/{r}/log",
    "/runs/{r}/template",
    "/figures/curves?of=e{e}",
)


def test_a_deleted_experiment_is_in_no_answer_and_comes_back_as_it_was(
    client: TestClient, two: tuple[int, int]
) -> None:
    first, second = two
    asked = [path.format(e=first, r=1) for path in OF_ONE]
    before = {path: ask(client, "GET", path) for path in asked}
    facets = ask(client, "GET", "/experiments")["facets"]
    deleted = ask(client, "DELETE", f"/experiments/{first}")
    assert (deleted["experiments"], deleted["runs"]) == (1, binned.RUNS)
    for path in asked:
        ask(client, "GET", path, 404)
    for path in (f"/experiments/{first}/export.json", f"/experiments/{first}/report.html"):
        assert client.get(f"/api{path}").status_code == 404
    assert listed(client) == [second]
    assert listed(client, "status:succeeded") == [second]
    counted = ask(client, "GET", "/experiments")["facets"]["model"]
    assert [facet["count"] for facet in counted] == [1]
    server = ask(client, "GET", "/server")
    assert (server["experiments"], server["runs"]) == (1, binned.RUNS)
    ask(client, "POST", "/bin/restore", json={"deletions": deleted["deletions"]})
    assert {path: ask(client, "GET", path) for path in asked} == before
    assert ask(client, "GET", "/experiments")["facets"] == facets
    assert ask(client, "GET", "/bin")["deletions"] == []


def test_single_runs_go_and_what_is_said_of_their_experiment_is_right(
    client: TestClient, two: tuple[int, int]
) -> None:
    first, _ = two
    path = f"/experiments/{first}"
    before = ask(client, "GET", path)
    assert before["best"]["label"].lower().startswith("lora-one")
    ahead = [run["id"] for run in before["runs"] if run["method"] == "lora_one"]
    deleted = ask(client, "POST", "/runs/delete", params={"of": [f"r{key}" for key in ahead]})
    assert deleted["runs"] == 2
    after = ask(client, "GET", path)
    assert [run["id"] for run in after["runs"]] == [1, 2]
    assert after["best"]["label"] == "LoRA"
    assert first not in listed(client, "method:lora-one")
    assert ask(client, "GET", f"/runs/{ahead[0]}", 404)
    figure = ask(client, "GET", f"/overview?of=e{first}")
    assert "LoRA-One" not in str(figure)
    (row,) = ask(client, "GET", "/bin")["deletions"]
    assert (row["kind"], row["experiment_id"], row["runs"]) == ("runs", first, 2)
    ask(client, "POST", "/bin/restore", json={"deletions": [row["id"]]})
    assert ask(client, "GET", path) == before


def test_an_experiment_without_any_run_still_opens(
    client: TestClient, two: tuple[int, int]
) -> None:
    first, _ = two
    ask(client, "POST", "/runs/delete", params={"of": f"e{first}"})
    left = ask(client, "GET", f"/experiments/{first}")
    assert (left["runs"], left["best"], sum(left["counts"].values())) == ([], None, 0)
    for path in OF_ONE:
        if "{r}" not in path:
            ask(client, "GET", path.format(e=first))
    assert client.get(f"/api/experiments/{first}/export.json").status_code == 200
    assert client.get(f"/api/experiments/{first}/report.html").status_code == 200


def test_an_adapter_goes_alone_and_all_numbers_stay(
    client: TestClient, two: tuple[int, int], home: Path
) -> None:
    run = ask(client, "GET", "/runs/1")
    assert run["has_adapter"]
    deleted = ask(client, "DELETE", "/runs/1/adapter")
    assert deleted["size"] == {"rows": 0, "files": 1000, "logs": 0, "total": 1000}
    assert ask(client, "GET", "/runs/1") == {**run, "has_adapter": False}
    assert client.get("/api/runs/1/adapter.zip").status_code == 404
    ask(client, "DELETE", "/runs/1/adapter", 404)
    ask(client, "POST", "/bin/restore", json={"deletions": deleted["deletions"]})
    assert client.get("/api/runs/1/adapter.zip").status_code == 200
    ask(client, "DELETE", "/runs/1/adapter")
    freed = ask(client, "DELETE", "/bin")
    assert (freed["files"], freed["runs"], freed["trouble"]) == (1000, 1, [])
    assert not (home / "artifacts/1/1/adapter").exists()
    assert (home / "artifacts/1/1/directions").exists()
    assert ask(client, "GET", "/runs/1") == {**run, "has_adapter": False}


def test_a_run_that_is_run_again_keeps_nothing_in_the_bin(
    app: FastAPI, client: TestClient, two: tuple[int, int]
) -> None:
    ask(client, "DELETE", "/runs/1/adapter")
    with app.state.database.write() as session:
        run = session.get_one(Run, 1)
        assert runs.retry(session, run)
        runs.begin(session, run, "CPU")
    assert ask(client, "GET", "/bin")["deletions"] == []


def test_what_runs_is_not_deleted_and_what_waits_is_cancelled(
    app: FastAPI, client: TestClient
) -> None:
    with app.state.database.write() as session:
        key = binned.launch(session).id
        runs.begin(session, session.get_one(Run, 2), "CPU")
    for method, path in (
        ("DELETE", f"/experiments/{key}"),
        ("DELETE", "/runs/2"),
        ("POST", f"/runs/delete?of=e{key}"),
    ):
        refused = ask(client, method, path, 409)
        assert refused["detail"].startswith("run 2 is running")
    refused = ask(client, "POST", "/experiments/bulk-delete", 409, json={"ids": [key]})
    assert "run 2 is running" in refused["detail"]
    counts = ask(client, "GET", f"/experiments/{key}")["counts"]
    assert (counts["queued"], counts["running"], counts["cancelled"]) == (3, 1, 0)
    selected = ask(client, "GET", f"/bin/selected?experiment={key}")
    assert (selected["running"], selected["queued"], selected["runs"]) == ([2], 3, 4)
    ask(client, "POST", "/runs/2/cancel")
    deleted = ask(client, "DELETE", f"/experiments/{key}")
    assert ask(client, "GET", "/queue")["waiting"] == 0
    ask(client, "POST", "/bin/restore", json={"deletions": deleted["deletions"]})
    assert ask(client, "GET", f"/experiments/{key}")["counts"]["cancelled"] == 4


def test_what_is_freed_is_said_before_and_measured_after(
    app: FastAPI, client: TestClient, two: tuple[int, int], home: Path
) -> None:
    first, second = two
    said = ask(client, "GET", f"/bin/selected?experiment={first}")["size"]
    assert (said["files"], said["logs"]) == (4 * 1100, 4 * len("ten letters"))
    deleted = ask(client, "DELETE", f"/experiments/{first}")
    assert deleted["size"] == said
    assert ask(client, "GET", "/bin")["size"] == said
    freed = ask(client, "DELETE", "/bin")
    assert (freed["files"], freed["logs"], freed["runs"]) == (said["files"], said["logs"], 4)
    assert (freed["trouble"], freed["goes_on"]) == ([], False)
    with looking_into_bin(), app.state.database.read() as session:
        assert list(session.scalars(select(Experiment.id))) == [second]
        for table in (MetricRow, ArtifactRow):
            assert set(session.scalars(select(table.run_id))) == {5, 6, 7, 8}
        assert session.scalar(select(func.count()).select_from(Deletion)) == 0
    assert {path.name for path in (home / "artifacts").iterdir()} == {"5", "6", "7", "8"}
    assert {path.name for path in (home / "logs").iterdir()} == {"5", "6", "7", "8"}
    ask(client, "POST", "/bin/restore", 404, json={"deletions": deleted["deletions"]})


def test_no_number_is_ever_given_twice(
    app: FastAPI, client: TestClient, two: tuple[int, int], home: Path
) -> None:
    first, second = two
    chosen = {"json": {"ids": [first, second, 77]}}
    assert ask(client, "POST", "/experiments/bulk-delete", **chosen)["experiments"] == 2
    assert ask(client, "DELETE", "/bin")["trouble"] == []
    assert not list((home / "artifacts").iterdir())
    assert (listed(client), ask(client, "GET", "/bin")["deletions"]) == ([], [])
    with looking_into_bin(), app.state.database.read() as session:
        # What has the highest number has nothing else.
        (row,) = session.scalars(select(Experiment)).all()
        assert (row.id, row.name, row.spec, row.description) == (second, "", {}, "")
        (run,) = session.scalars(select(Run)).all()
        assert (run.id, run.spec, run.summary) == (8, {}, None)
        assert not list(session.scalars(select(MetricRow.run_id)))
    with app.state.database.write() as session:
        experiment = binned.launch(session)
        assert experiment.id > second
        assert min(experiments.run_ids(session, experiment.id)) > 8
    app.state.scheduler.emptying.go_on(10)
    with looking_into_bin(), app.state.database.read() as session:
        assert list(session.scalars(select(Experiment.id))) == [second + 1]
        assert min(session.scalars(select(Run.id))) == 9
        assert session.scalar(select(func.count()).select_from(Deletion)) == 0


def test_an_experiment_in_the_bin_takes_its_deleted_runs_along(
    app: FastAPI, client: TestClient, two: tuple[int, int]
) -> None:
    first, _ = two
    run = ask(client, "DELETE", "/runs/1")["deletions"]
    whole = ask(client, "DELETE", f"/experiments/{first}")["deletions"]
    assert [row["id"] for row in ask(client, "GET", "/bin")["deletions"]] == whole
    ask(client, "POST", "/bin/restore", 404, json={"deletions": run})
    ask(client, "POST", "/bin/restore", json={"deletions": whole})
    assert [row["id"] for row in ask(client, "GET", "/bin")["deletions"]] == run
    assert len(ask(client, "GET", f"/experiments/{first}")["runs"]) == binned.RUNS - 1
    ask(client, "DELETE", f"/experiments/{first}")
    ask(client, "DELETE", "/bin")
    with looking_into_bin(), app.state.database.read() as session:
        assert set(session.scalars(select(Run.id))) == {5, 6, 7, 8}
        assert not list(session.scalars(select(BinnedRun.run_id)))


def test_space_is_found_by_age_and_size_and_freed_without_the_numbers(
    app: FastAPI, client: TestClient, two: tuple[int, int], home: Path
) -> None:
    first, second = two
    with app.state.database.write() as session:
        session.get_one(ArtifactRow, (5, "adapter")).bytes = 9000
        person = named(session, "bo")
        session.get_one(Experiment, second).owner_id = person.id
        owner = person.id
    found = ask(client, "GET", "/storage")
    assert [row["id"] for row in found["experiments"]] == [second, first]
    assert (found["total"], found["bytes"]) == (2, 8800 + 8000)
    for params, kept in (
        ({"larger_than": 5000}, [second]),
        ({"older_than": 1}, []),
        ({"older_than": 0}, [second, first]),
        ({"owner": owner}, [second]),
    ):
        rows = ask(client, "GET", "/storage", params=params)["experiments"]
        assert [row["id"] for row in rows] == kept, params
    freed = ask(client, "POST", "/storage/free", json={"ids": [first]})
    assert (freed["size"]["files"], freed["runs"], freed["emptied"]) == (4000, 4, None)
    assert (home / "artifacts/1/1/adapter").exists()
    sizes = {row["id"]: row for row in ask(client, "GET", "/storage")["experiments"]}
    assert (sizes[first]["bytes"], sizes[first]["adapters"]) == (4400, 0)
    at_once = ask(client, "POST", "/storage/free", json={"ids": [second], "now": True})
    assert at_once["emptied"]["runs"] == 4
    assert not (home / "artifacts/5/1/adapter").exists()
    assert (home / "artifacts/1/1/adapter").exists()  # that is in the bin still
    assert ask(client, "GET", f"/experiments/{second}")["best"]


def test_open_pages_are_told(app: FastAPI, client: TestClient, two: tuple[int, int]) -> None:
    first, _ = two
    with app.state.database.read() as session:
        _, newest = changes.bounds(session)
    deleted = ask(client, "DELETE", f"/experiments/{first}")
    ask(client, "POST", "/bin/restore", json={"deletions": deleted["deletions"]})
    ask(client, "DELETE", "/runs/1")
    with app.state.database.read() as session:
        told = [(row.kind, row.experiment_id) for row in changes.after(session, newest, None)]
    assert told == [("experiment", 1), ("experiment", 1), ("status", 1), ("status", 1)]
