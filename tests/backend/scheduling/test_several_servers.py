"""Several servers on one PostgreSQL: one runs the queue, all answer, and one takes over."""

from __future__ import annotations

import asyncio
import json
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
from fastapi.testclient import TestClient
from sqlalchemy import make_url

from backend.scheduling.leadership import Leadership
from backend.scheduling.presence import Looking, Presence
from backend.scheduling.presence_elsewhere import PresenceElsewhere
from backend.settings import Settings
from backend.storage.database import Database
from backend.web.app import create_app
from tests.backend.conftest import Process
from tests.backend.people import accounts
from tests.backend.serving import serving
from tests.backend.web.raw import until
from tests.busy import busy
from tests.conftest import tiny_experiment
from tests.postgres import Postgres

# Each begins two servers.
pytestmark = pytest.mark.tests(4)
SYNTHETIC = {
    "task": "teacher-student",
    "methods": ["lora"],
    "grid": {"ranks": [2]},
    "problem": {"inputs": 8, "outputs": 6, "samples": 32, "true_rank": 2},
}


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
    until(lambda: second.held(False))  # PostgreSQL may be a moment late to notice
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


# What is left of a server while it is killed: its connection.
KILLED = """
import psycopg, sys, time
with psycopg.connect(sys.argv[1], autocommit=True) as connection:
    connection.execute("SELECT pg_try_advisory_lock_shared(1, %s::int)", [sys.argv[2]])
    time.sleep(60)
"""


def test_who_looks_at_an_experiment_is_told_on_every_server_until_they_or_theirs_are_gone(
    tmp_path: Path, postgres: Postgres
) -> None:
    url = postgres.new_database()
    both = [
        create_app(Settings(home=tmp_path / name, database_url=url, auth="local"))
        for name in ("here", "there")
    ]
    database = both[0].state.database
    people = {name: accounts.person(database, name, "editor") for name in ("ada", "bob")}
    ada, bob = (accounts.signed_in(both[0], key) for key in people.values())
    assert ada.post("/api/experiments", json=SYNTHETIC).status_code == 201
    with serving(both[0]) as first, serving(both[1]) as second, looking(first, ada) as here:
        assert next(here) == ["ada"]
        with looking(second, bob) as there:
            assert ["ada", "bob"] in (next(there), next(there))
            assert next(here) == ["ada", "bob"]
            with database.engine.begin() as connection:
                connection.exec_driver_sql(
                    "SELECT pg_terminate_backend(pid) FROM pg_locks WHERE objsubid = 2"
                )
            # Both come back by themselves, and what was true is true again.
            assert next(here) == ["ada"]
            assert next(here) == ["ada", "bob"]
        assert next(here) == ["ada"]
        plain = make_url(url).set(drivername="postgresql").render_as_string(hide_password=False)
        with subprocess.Popen([sys.executable, "-c", KILLED, plain, str(people["bob"])]) as killed:
            assert next(here) == ["ada", "bob"]
            killed.kill()
        assert next(here) == ["ada"]


def test_answers_that_are_kept_stay_right_whoever_looks(postgres: Postgres) -> None:
    """Other servers are told of it without a transaction that commits."""
    databases = [Database(postgres.new_database())]
    databases[0].migrate()
    databases.append(Database(databases[0].url))
    ada = Looking("ada", accounts.person(databases[0], "ada", "editor"), "#123456")
    here, there = Presence(), Presence()
    both = [PresenceElsewhere(*each) for each in zip(databases, (here, there), strict=True)]

    async def look() -> None:
        here.put(asyncio.Event(), 1, ada)
        there.put(asyncio.Event(), 2, None)
        for each in both:
            each._look()

    numbers = databases[0].versions.of(None)
    asyncio.run(look())
    assert [who.name for who in there.at(1)] == ["ada"]
    assert databases[0].versions.of(None) == numbers
    for each, database in zip(both, databases, strict=True):
        each._leave()
        database.close()


@contextmanager
def looking(address: str, client: TestClient) -> Iterator[Iterator[list[str]]]:
    """A page is open at experiment 1 there: who it is told looks at it, each time."""
    headers = accounts.cookies(client)
    url = f"{address}/api/changes?at=1"
    with httpx.stream("GET", url, headers=headers, timeout=20) as stream:
        stream.raise_for_status()
        lines = stream.iter_lines()
        yield _people(lines)


def _people(lines: Iterator[str]) -> Iterator[list[str]]:
    begun = time.monotonic()
    for line in lines:  # there is at least a sign of life now and then
        assert time.monotonic() - begun < 40, "nothing was told"
        if line == "event: presence":
            said = json.loads(next(lines).removeprefix("data: "))
            yield [each["name"] for each in said["people"]]
            begun = time.monotonic()


def test_when_the_leader_dies_the_other_one_goes_on(
    pair: tuple[Process, Process], spec: dict[str, Any]
) -> None:
    leader, other = pair
    key = leader.post("/api/experiments", spec)["id"]
    leader.wait(lambda: leader.training(key))
    leader.stop(signal.SIGKILL)
    (run,) = other.settle(key)
    assert (run["status"], run["attempt"]) == ("succeeded", 2)
