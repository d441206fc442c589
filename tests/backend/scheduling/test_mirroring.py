"""A lane's runs are mirrored where their experiment asks for it, and are none the slower."""

from __future__ import annotations

import socket
from pathlib import Path
from typing import Any

import pytest

from backend.scheduling.work import Work
from backend.storage.store import experiments
from backend.storage.tables import Run
from loraone.catalog import TRACKERS
from loraone.spec.experiment import ExperimentSpec
from tests.backend.scheduling.fakes import (
    Begin,
    BreakableDatabase,
    die,
    ended,
    read,
    succeed,
    wait,
)
from tests.loraone.tracking.read_back import scalars, texts

# Of a machine that has much else to do.
PATIENCE = 300


def launch(database: BreakableDatabase, *report_to: str) -> tuple[int, int]:
    """An experiment of one run: the numbers of both."""
    spec: dict[str, Any] = {"name": "Told", "methods": ["lora"], "report_to": report_to}
    with database.write() as session:
        stored = experiments.create(session, ExperimentSpec.model_validate(spec))
        return stored.id, experiments.runs(session, stored.id)[0].id


def folder(work: Work, experiment: int, run: int, more: str = "") -> Path:
    title = f"{run} LoRA r=8 lr=0.001 seed=0{more}"
    return work.settings.home / "trackers" / "tensorboard" / f"{experiment} Told" / title


def test_a_tracker_that_hangs_costs_a_run_nothing_and_what_others_were_told_is_there(
    begin: Begin, work: Work, database: BreakableDatabase, monkeypatch: pytest.MonkeyPatch
) -> None:
    missing = next(name for name, row in TRACKERS.items() if not row.installed)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        monkeypatch.setenv(
            "MLFLOW_TRACKING_URI", f"http://me:s3cret-word@127.0.0.1:{silent.getsockname()[1]}"
        )
        experiment, key = launch(database, "tensorboard", "mlflow", missing)
        mirrors = work.mirroring._mirrors
        mirrors.grace_s = 600
        begin(succeed)
        wait(ended(database, key), PATIENCE)
        (mirror,) = mirrors._open  # it is not waited for
        written = folder(work, experiment, key)
        wait(lambda: texts(written, "loraone.status"), PATIENCE)
        mirror._give_up()  # as its timer would
        wait(lambda: not mirrors._open, PATIENCE)
    run = read(database, key)
    assert run.status == "succeeded"
    assert scalars(written, "train_loss") == pytest.approx({1: 1.0, 2: 0.5, 3: 1 / 3})
    assert texts(written, "loraone.status") == ["succeeded"]
    first, *_, last = run.warnings
    assert f"not mirrored to {missing}" in first
    assert "Not all of the run was mirrored within 600 seconds" in last
    printed = (work.settings.logs / str(key) / "1.log").read_text()
    assert first in printed
    assert last in printed
    assert "s3cret" not in printed


def test_a_run_that_is_lost_ends_there_and_its_next_attempt_is_another(
    begin: Begin, work: Work, database: BreakableDatabase
) -> None:
    experiment, key = launch(database, "tensorboard")
    lane, _ = begin(die)
    first = folder(work, experiment, key)
    wait(lambda: texts(first, "loraone.status"), PATIENCE)
    assert texts(first, "loraone.status") == ["interrupted"]
    second = folder(work, experiment, key, ", attempt 2")
    wait(lambda: texts(second, "loraone.status"), PATIENCE)
    lane.stop()
    work.mirroring.stop()


def test_nothing_is_told_of_an_experiment_that_did_not_ask(
    begin: Begin, work: Work, database: BreakableDatabase
) -> None:
    _, key = launch(database)
    begin(succeed)
    wait(ended(database, key), PATIENCE)
    assert work.mirroring._mirrors._open == set()
    assert not (work.settings.home / "trackers").exists()


def test_the_page_of_the_experiment_is_named_by_the_servers_own_address(
    work: Work, database: BreakableDatabase
) -> None:
    experiment, key = launch(database, "tensorboard")
    with database.read() as session:
        run = session.get_one(Run, key)
        asked = work.mirroring.asked(session, run, work.job(run).spec)
        assert asked is not None
        assert asked.origin.url is None
        address = work.settings.model_copy(update={"public_url": "https://lab.example.org/lora/"})
        work.mirroring._settings = address
        asked = work.mirroring.asked(session, run, work.job(run).spec)
        assert asked is not None
        assert asked.origin.url == f"https://lab.example.org/lora/experiments/{experiment}"


def test_a_launch_is_refused_where_a_tracker_is_not_installed(client: Any) -> None:
    missing = next(name for name, row in TRACKERS.items() if not row.installed)
    spec = {"methods": ["lora"], "report_to": ["tensorboard", missing]}
    for route in ("/api/plan", "/api/experiments"):
        answer = client.post(route, json=spec)
        assert answer.status_code == 422
        (problem,) = answer.json()["errors"]
        assert (problem["path"], problem["value"]) == ("report_to.1", missing)
        assert "allowed: " in problem["message"]
        assert problem["hint"] == f"pip install {missing}"
    catalog = client.get("/api/catalog").json()
    assert {row["name"]: row["installed"] for row in catalog["trackers"]} == {
        name: row.installed for name, row in TRACKERS.items()
    }
