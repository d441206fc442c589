"""The history is found again by its own words and terms, and nothing written is lost."""

from __future__ import annotations

import io
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from fastapi.testclient import TestClient
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import select

from backend.settings import Settings
from backend.storage.database import Database
from backend.storage.store import experiments, settling
from backend.storage.store.search import SearchError, condition, parse
from backend.storage.tables import Experiment, Run
from backend.web.app import create_app
from loraone.spec.experiment import ExperimentSpec
from tests.conftest import DatabaseUrl

SPECS: dict[str, dict[str, Any]] = {
    "Alpha": {"methods": ["lora", "lora_one"], "grid": {"learning_rates": [1e-4]}},
    "Beta run": {"methods": ["pissa"], "grid": {"learning_rates": [1e-3, 2e-3], "ranks": [16]}},
    "Gamma": {"task": "teacher-student", "methods": ["lora"], "grid": {"seeds": [0, 7]}},
    "Delta": {"methods": ["full"], "data": {"source": "org/reviews"}, "task": "causal-lm"},
}


@pytest.fixture(scope="module")
def database(
    tmp_path_factory: pytest.TempPathFactory, database_url: DatabaseUrl
) -> Iterator[Database]:
    found = Database(database_url(tmp_path_factory.mktemp("db")))
    found.migrate()
    with found.write() as session:
        for i, (name, spec) in enumerate(SPECS.items()):
            row = experiments.create(
                session, ExperimentSpec.model_validate({"name": name, **spec}), ("ana", "bo")[i % 2]
            )
            row.created_at = datetime(2026, 9 + i % 3, 5, tzinfo=UTC)
        experiments.set_tags(session, 1, ["paper", "old"])
        experiments.set_tags(session, 2, ["paper"])
        rows = {row.name: row for row in session.scalars(select(Experiment))}
        rows["Alpha"].starred = True
        rows["Delta"].archived = True
        for run in session.scalars(select(Run).where(Run.experiment_id == 1)):
            run.status = "succeeded"
        first = session.scalars(select(Run).where(Run.experiment_id == 2)).first()
        assert first is not None
        first.status = "failed"
    yield found
    found.close()


def names(database: Database, text: str) -> set[str]:
    with database.read() as session:
        found, total = experiments.search(session, text, 50, 0)
        assert total == len(found)
        return {row.experiment.name for row in found}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", {"Alpha", "Beta run", "Gamma"}),
        ("is:any", {"Alpha", "Beta run", "Gamma", "Delta"}),
        ("is:archived", {"Delta"}),
        ("alpha", {"Alpha"}),
        ('"beta run"', {"Beta run"}),
        ("-alpha", {"Beta run", "Gamma"}),
        ("method:lora-one", {"Alpha"}),
        ("method:lora", {"Alpha", "Gamma"}),
        ("-method:pissa", {"Alpha", "Gamma"}),
        ("model:minilm", {"Alpha", "Beta run"}),
        ("task:teacher", {"Gamma"}),
        ("data:reviews is:any", {"Delta"}),
        ("by:ana", {"Alpha", "Gamma"}),
        ("tag:paper", {"Alpha", "Beta run"}),
        ("tag:paper -tag:old", {"Beta run"}),
        ("is:starred", {"Alpha"}),
        ("lr>1e-4", {"Beta run", "Gamma"}),
        ("lr>=1e-4 task:sequence", {"Alpha", "Beta run"}),
        ("lr=0.0001", {"Alpha"}),
        ("rank:16", {"Beta run"}),
        ("seed>3", {"Gamma"}),
        ("since:2026-10", {"Beta run", "Gamma"}),
        ("until:2026-09", {"Alpha"}),
        ("since:2026-10-05 until:2026-10-05", {"Beta run"}),
        ("status:succeeded", {"Alpha"}),
        ("status:queued", {"Beta run", "Gamma"}),
        ("status:failed", set()),
        ("100%", set()),
        ("a_pha", set()),
    ],
)
def test_terms_find_what_they_say(database: Database, text: str, expected: set[str]) -> None:
    assert names(database, text) == expected


@pytest.mark.parametrize(
    ("text", "allowed"),
    [
        ("colour:red", "method, model"),
        ("status:happy", "queued"),
        ("is:nice", "starred"),
        ("since:yesterday", "2026-10"),
        ("since:2026-13", "2026-10"),
        ("lr>fast", "1e-4"),
    ],
)
def test_what_makes_no_sense_is_named_with_what_would(text: str, allowed: str) -> None:
    with pytest.raises(SearchError) as caught:
        condition(text)
    assert allowed in caught.value.allowed
    assert text in str(caught.value)


@given(text=st.text(max_size=60))
def test_any_text_is_either_understood_or_refused(text: str) -> None:
    try:
        condition(text)
    except SearchError as error:
        assert error.allowed
    else:
        assert all(term.value for term in parse(text))


def test_facets_count_experiments_and_narrow_with_the_search(database: Database) -> None:
    with database.read() as session:
        found = experiments.facets(session, experiments.find(session, ""))
        narrow = experiments.facets(session, experiments.find(session, "by:bo"))
    assert (found["method"][0].value, found["method"][0].count) == ("lora", 2)
    assert {(f.value, f.count) for f in found["tag"]} == {("paper", 2), ("old", 1)}
    assert {f.value for f in narrow["method"]} == {"pissa"}


@pytest.fixture
def client(tmp_path: Path, database_url: DatabaseUrl) -> Iterator[TestClient]:
    home = tmp_path / "home"
    app = create_app(Settings(home=home, user="ana", database_url=database_url(home)))
    # No lifespan: nothing runs, so runs stay queued.
    yield TestClient(app, base_url="http://127.0.0.1:8111")
    app.state.database.close()


def created(client: TestClient, **spec: Any) -> int:
    answer = client.post("/api/experiments", json={"methods": ["lora"], **spec})
    assert answer.status_code == 201, answer.text
    key: int = answer.json()["id"]
    return key


def test_what_is_ahead_is_the_best_mean_over_seeds_at_a_learning_rate_that_none_failed_at(
    tmp_path: Path, database_url: DatabaseUrl
) -> None:
    found = Database(database_url(tmp_path))
    found.migrate()
    losses = {
        ("LoRA", 1e-3): [1.0, 2.0], ("LoRA", 1e-2): [1.4, 1.4],
        ("PiSSA", 1e-3): [0.9, 2.1], ("PiSSA", 1e-2): [None, 1.3],
    }  # fmt: skip
    grid = {"learning_rates": [1e-3, 1e-2], "seeds": [0, 1]}
    spec = ExperimentSpec.model_validate({"methods": ["lora", "pissa"], "grid": grid})
    with found.write() as session:
        key = experiments.create(session, spec).id
        empty = experiments.create(session, spec).id
        for run in session.scalars(select(Run).where(Run.experiment_id == key)):
            loss = losses[run.label, run.learning_rate][run.seed]
            run.status = "failed" if loss is None else "succeeded"
            run.summary = {"eval_loss": loss}
    with found.read() as session:
        ahead = settling.read(session, [key, empty])
    assert set(ahead) == {key}
    assert (ahead[key].label, ahead[key].learning_rate, ahead[key].seeds) == ("LoRA", 1e-2, 2)
    assert ahead[key].value == pytest.approx(1.4)
    assert ahead[key].failed == 0
    found.close()


def test_what_a_search_finds_leaves_as_a_file(client: TestClient) -> None:
    for name in ("One", "Two"):
        client.post("/api/experiments", json={"name": name, "methods": ["lora", "pissa"]})
    packed = client.get("/api/experiments/file", params={"q": "two", "format": "parquet"})
    table = pd.read_parquet(io.BytesIO(packed.content))
    assert list(table["name"]) == ["Two"]
    assert list(table["methods"]) == ["LoRA, PiSSA"]
    assert list(table["runs_queued"]) == [2]
    written = client.get("/api/experiments/file").text
    assert list(pd.read_csv(io.StringIO(written))["name"]) == ["Two", "One"]
    assert client.get("/api/experiments/file", params={"q": "colour:red"}).status_code == 422


def test_an_experiment_is_renamed_starred_tagged_and_archived(client: TestClient) -> None:
    key = created(client, name="First")
    assert client.get(f"/api/experiments/{key}").json()["author"] == "ana"
    change = {"name": "Second", "starred": True, "tags": ["  Paper ", "paper", "lr-sweep"]}
    answer = client.patch(f"/api/experiments/{key}", json=change)
    assert answer.status_code == 200, answer.text
    assert answer.json()["tags"] == ["lr-sweep", "paper"]
    assert client.get("/api/experiments?q=second+tag:paper+is:starred").json()["total"] == 1
    assert client.get("/api/experiments?q=first").json()["total"] == 0
    client.patch(f"/api/experiments/{key}", json={"archived": True})
    assert client.get("/api/experiments").json()["total"] == 0
    assert client.get("/api/experiments?q=is:archived").json()["total"] == 1
    bad = client.patch(f"/api/experiments/{key}", json={"tags": ["two words"]})
    assert bad.status_code == 422
    assert client.patch("/api/experiments/99", json={"starred": True}).status_code == 404


def test_several_are_changed_at_once(client: TestClient) -> None:
    keys = [created(client, name=f"E{i}") for i in range(3)]
    change = {"ids": [*keys[:2], 999], "add_tag": "batch", "starred": True}
    assert client.post("/api/experiments/bulk", json=change).json() == {"changed": 2}
    found = client.get("/api/experiments?q=tag:batch").json()
    assert {row["id"] for row in found["experiments"]} == set(keys[:2])
    client.post("/api/experiments/bulk", json={"ids": keys, "remove_tag": "batch"})
    assert client.get("/api/experiments?q=tag:batch").json()["total"] == 0


def test_notes_keep_every_version_and_are_not_overwritten_unseen(client: TestClient) -> None:
    key = created(client)
    url = f"/api/experiments/{key}/notes"
    assert client.get(url).json() == []
    assert client.post(url, json={"text": "one", "base": 0}).json()["version"] == 1
    assert client.post(url, json={"text": "two", "base": 1}).json()["author"] == "ana"
    stale = client.post(url, json={"text": "lost?", "base": 1})
    assert stale.status_code == 409
    assert "copy your text" in stale.json()["detail"]
    assert [(n["version"], n["text"]) for n in client.get(url).json()] == [(2, "two"), (1, "one")]


def test_a_search_is_saved_under_a_name_replaced_and_forgotten(client: TestClient) -> None:
    first = client.post("/api/views", json={"name": "Mine", "query": "by:ana"}).json()
    again = client.post("/api/views", json={"name": "Mine", "query": "by:bo"}).json()
    assert again["id"] == first["id"]
    assert [view["query"] for view in client.get("/api/views").json()] == ["by:bo"]
    assert client.delete(f"/api/views/{first['id']}").status_code == 204
    assert client.get("/api/views").json() == []


def test_a_term_that_makes_no_sense_is_a_problem_of_the_search_field(client: TestClient) -> None:
    answer = client.get("/api/experiments?q=colour:red")
    assert answer.status_code == 422
    assert answer.json()["errors"][0]["path"] == "q"
    assert "method" in answer.json()["errors"][0]["allowed"]
