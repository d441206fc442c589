"""Real workers that are warned, killed, and asked to end: their run goes on from its checkpoint."""

from __future__ import annotations

import signal
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import create_engine, select

from backend.storage.tables import MetricRow, Run
from loraone.events import Metric
from loraone.runs.run import run
from loraone.runs.workspace import Workspace
from tests.backend.conftest import Process, Start
from tests.backend.scheduling.test_crashes import in_training
from tests.conftest import DatabaseUrl, tiny_experiment, tiny_run

pytestmark = [pytest.mark.tests(2), pytest.mark.sqlite]
STEPS = 200
ASKED: dict[str, Any] = {
    "training": {"steps": STEPS, "batch_size": 8, "warmup_steps": 1, "eval_every": 100},
    "measure": {"held_out_samples": 8, "alignment_every": 1000},
    "adapter": {"dropout": 0.1},
}


def checkpoint(home: Path, run_id: int) -> int:
    """The step of the run's newest checkpoint; 0 where there is none."""
    files = sorted((home / "checkpoints" / str(run_id)).glob("step-*.safetensors"))
    return int(files[-1].stem.removeprefix("step-")) if files else 0


def metrics(url: str, run_id: int) -> list[tuple[str, int, float]]:
    query = select(MetricRow.name, MetricRow.step, MetricRow.value).where(
        MetricRow.run_id == run_id
    )
    with create_engine(url).connect() as database:
        return sorted((name, step, value) for name, step, value in database.execute(query))


def resumed_after(url: str, run_id: int) -> tuple[int, int, int]:
    """After what step the last attempt went on, how many there were, and how many were lost."""
    with create_engine(url).connect() as database:
        query = select(Run.environment, Run.attempt, Run.lost).where(Run.id == run_id)
        environment, attempt, lost = database.execute(query).one()
    return environment["resumed_after_step"], attempt, lost


def begun(server: Process, spec: dict[str, Any]) -> tuple[int, int]:
    """An experiment whose one run trains: the numbers of both."""
    key = server.post("/api/experiments", spec)["id"]
    return key, in_training(server, key)["id"]


def test_a_run_that_is_warned_killed_and_preempted_ends_as_one_that_is_left_alone(
    start: Start,
    tiny_models: dict[str, Path],
    texts_csv: Path,
    tmp_path: Path,
    database_url: DatabaseUrl,
) -> None:
    home, url = tmp_path / "home", database_url(tmp_path / "home")
    spec = tiny_experiment(tiny_models["bert"], texts_csv, **ASKED)
    server = start()
    key, victim = begun(server, spec)
    server.process.send_signal(signal.SIGUSR1)  # as Slurm warns all processes of a job
    server.wait(lambda: checkpoint(home, victim))
    (worker,) = server.workers()
    warned = checkpoint(home, victim)
    worker.kill()
    server.wait(lambda: server.runs(key)[0]["attempt"] == 2 and server.training(key))
    assert resumed_after(url, victim) == (warned, 2, 0), "it came further"
    (worker,) = server.workers()
    worker.terminate()
    (ended,) = server.settle(key)
    assert ended["status"] == "succeeded", ended
    after, *attempts = resumed_after(url, victim)
    assert after > warned
    assert attempts == [3, 0], "whoever is asked to end loses nothing"
    alone = tiny_run(tiny_models["bert"], texts_csv, **ASKED)
    told = [e for e in run(alone, workspace=Workspace("cpu")) if isinstance(e, Metric)]
    wanted = sorted((name, e.step, value) for e in told for name, value in e.values.items())
    found = metrics(url, victim)
    assert [row[:2] for row in found] == [row[:2] for row in wanted], "none is lost or doubled"
    assert [row[2] for row in found] == pytest.approx([row[2] for row in wanted], rel=1e-4)
    server.wait(lambda: not (home / "checkpoints" / str(victim)).exists())


def test_a_server_that_is_stopped_goes_on_where_it_was(
    start: Start,
    tiny_models: dict[str, Path],
    texts_csv: Path,
    tmp_path: Path,
    database_url: DatabaseUrl,
) -> None:
    home, url = tmp_path / "home", database_url(tmp_path / "home")
    server = start()
    key, victim = begun(server, tiny_experiment(tiny_models["bert"], texts_csv, **ASKED))
    server.stop()
    kept = checkpoint(home, victim)
    assert kept > 0
    server = start()
    (ended,) = server.settle(key)
    assert ended["status"] == "succeeded", ended
    assert resumed_after(url, victim) == (kept, 2, 0)
    steps = [step for name, step, _ in metrics(url, victim) if name == "train_loss"]
    assert steps == list(range(1, STEPS + 1))
