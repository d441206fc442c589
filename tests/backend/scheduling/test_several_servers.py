"""Several servers on one PostgreSQL: one runs the queue, all answer, and one takes over."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from backend.scheduling.leadership import Leadership
from backend.storage.database import Database
from tests.backend.conftest import Process
from tests.busy import busy
from tests.conftest import tiny_experiment
from tests.postgres import Postgres


@pytest.fixture
def pair(
    tmp_path: Path, tiny_models: dict[str, Path], texts_csv: Path, postgres: Postgres
) -> Iterator[tuple[Process, Process]]:
    """Two servers; the first one leads."""
    url = postgres.new_database()
    roots = [*tiny_models.values(), texts_csv.parent]
    both = [Process(tmp_path, roots, LORAONE_DATABASE_URL=url) for _ in range(2)]
    yield both[0], both[1]
    for server in both:
        if server.process.poll() is None:
            server.stop(signal.SIGKILL)


@pytest.fixture
def spec(tiny_models: dict[str, Path], texts_csv: Path) -> dict[str, Any]:
    training = {"steps": 150, "batch_size": 8, "warmup_steps": 1, "eval_every": 50}
    return tiny_experiment(tiny_models["bert"], texts_csv, training=training)


def test_only_one_of_them_leads_and_the_next_one_only_after_it(
    postgres: Postgres, tmp_path: Path
) -> None:
    url = postgres.new_database()
    first, second = (Leadership(Database(url)) for _ in range(2))
    assert first.held(False)
    assert not second.held(False)
    assert first.held(True)
    first.give_up()
    assert second.held(False)
    assert not first.held(False)
    second.give_up()


def test_what_is_launched_at_one_runs_at_the_other_and_both_tell_of_it(
    pair: tuple[Process, Process], spec: dict[str, Any]
) -> None:
    leader, other = pair
    assert leader.wait(lambda: leader.get("/api/queue")["lanes"])
    told: list[str] = []

    def follow() -> None:
        try:
            with httpx.stream("GET", f"{other.url}/api/changes", timeout=60) as stream:
                told.extend(stream.iter_lines())
        except httpx.HTTPError:
            pass

    threading.Thread(target=follow, daemon=True).start()
    other.wait(lambda: told)
    key = other.post("/api/experiments", spec)["id"]
    (run,) = other.settle(key)
    assert run["status"] == "succeeded"
    assert leader.runs(key) == other.runs(key)
    assert len(leader.workers()) == 1
    assert other.workers() == []
    other.wait(lambda: any("succeeded" in line for line in told), 5)


def test_a_run_is_cancelled_from_the_server_that_does_not_run_it(
    pair: tuple[Process, Process], spec: dict[str, Any]
) -> None:
    leader, other = pair
    key = other.post("/api/experiments", {**spec, "training": {**spec["training"], "steps": 5000}})
    run = other.wait(lambda: other.training(key["id"]))
    (worker,) = leader.workers()
    other.post(f"/api/runs/{run['id']}/cancel")
    worker.wait(timeout=2 * busy())
    assert other.runs(key["id"])[0]["status"] == "cancelled"


def test_when_the_leader_dies_the_other_one_goes_on(
    pair: tuple[Process, Process], spec: dict[str, Any]
) -> None:
    leader, other = pair
    key = leader.post("/api/experiments", spec)["id"]
    leader.wait(lambda: leader.training(key))
    leader.stop(signal.SIGKILL)
    (run,) = other.settle(key)
    assert (run["status"], run["attempt"]) == ("succeeded", 2)
