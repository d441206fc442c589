"""What runs took is known by task, model and device, whatever else has run since."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from backend.results.estimates import remaining
from backend.results.experience import LATEST, Arithmetic, experience
from backend.storage.database import Database
from backend.storage.store import experiments, runs
from backend.storage.tables import Run, now
from loraone.runs.device_benchmark import DeviceBenchmark
from loraone.spec.experiment import ExperimentSpec
from tests.conftest import DatabaseUrl, tiny_experiment

SPEED = DeviceBenchmark("CPU", 1e10, 3e9, 16 * 10**9, 5 * 10**8)
OTHER = DeviceBenchmark("H100", 1e14, 3e13, 80 * 10**9, 5 * 10**8)
SIX = {"ranks": [4], "learning_rates": [0.003, 0.03], "seeds": [0, 1, 2]}


@pytest.fixture
def session(tmp_path: Path, database_url: DatabaseUrl) -> Iterator[Session]:
    database = Database(database_url(tmp_path))
    database.migrate()
    with database.read() as found:
        yield found
    database.close()


class Lab:
    """Launches experiments whose runs took a factor of what arithmetic says of them."""

    def __init__(self, session: Session, texts: Path) -> None:
        self.session, self.texts, self.at = session, texts, now() - timedelta(days=1)

    def launch(self, model: Path, **changed: Any) -> int:
        spec = tiny_experiment(model, self.texts, **{"grid": SIX, "methods": ["lora"], **changed})
        return experiments.create(self.session, ExperimentSpec.model_validate(spec)).id

    def ran(self, model: Path, factor: float, speed: DeviceBenchmark = SPEED, **spec: Any) -> None:
        arithmetic = Arithmetic(speed)
        for run in experiments.runs(self.session, self.launch(model, **spec)):
            estimate = arithmetic.cost(run.spec)
            seconds = 1.0 if estimate is None else estimate.seconds * factor
            self.at += timedelta(seconds=1)
            run.environment, run.summary = {"device": speed.device}, {}
            runs.finish(self.session, run, "succeeded")
            run.started_at, run.finished_at = self.at - timedelta(seconds=seconds), self.at

    def resumed(self, model: Path, factor: float) -> None:
        """As :meth:`ran`, but of each run the times are those of its last attempt alone."""
        self.ran(model, factor)
        newest = self.session.scalars(select(Run).order_by(Run.id.desc()).limit(6)).all()
        for run in newest:
            run.environment = {**(run.environment or {}), "resumed_after_step": 3}

    def factor(self, model: Path, speed: DeviceBenchmark = SPEED) -> float:
        task = tiny_experiment(model, self.texts)["task"]
        return experience(self.session, Arithmetic(speed), task, str(model)).time

    def theory(self, count: int) -> None:
        spec = {"task": "teacher-student", "methods": ["lora"], "grid": {"seeds": [*range(count)]}}
        made = experiments.create(self.session, ExperimentSpec.model_validate(spec))
        for run in experiments.runs(self.session, made.id):
            self.at += timedelta(seconds=1)
            run.environment, run.summary = {"device": "CPU"}, {}
            runs.finish(self.session, run, "succeeded")
            run.started_at, run.finished_at = self.at, self.at


@pytest.fixture
def lab(session: Session, texts_csv: Path) -> Lab:
    return Lab(session, texts_csv)


def test_theory_runs_make_nothing_forgotten(lab: Lab, tiny_models: dict[str, Path]) -> None:
    lab.ran(tiny_models["bert"], 3.0)
    lab.theory(LATEST + 10)
    assert lab.factor(tiny_models["bert"]) == pytest.approx(3)


def test_another_model_has_a_factor_of_its_own(lab: Lab, tiny_models: dict[str, Path]) -> None:
    lab.ran(tiny_models["bert"], 3.0)
    for _ in range(LATEST // 6 + 1):
        lab.ran(tiny_models["llama"], 0.5)
    assert lab.factor(tiny_models["bert"]) == pytest.approx(3)
    assert lab.factor(tiny_models["llama"]) == pytest.approx(0.5)


def test_another_device_has_a_factor_of_its_own(lab: Lab, tiny_models: dict[str, Path]) -> None:
    lab.ran(tiny_models["bert"], 3.0)
    for _ in range(LATEST // 6 + 1):
        lab.ran(tiny_models["bert"], 0.5, OTHER)
    assert lab.factor(tiny_models["bert"]) == pytest.approx(3)
    assert lab.factor(tiny_models["bert"], OTHER) == pytest.approx(0.5)


def test_a_run_that_went_on_from_a_checkpoint_does_not_count(
    lab: Lab, tiny_models: dict[str, Path]
) -> None:
    lab.ran(tiny_models["bert"], factor=2)
    lab.resumed(tiny_models["bert"], factor=0.01)
    assert lab.factor(tiny_models["bert"]) == pytest.approx(2, rel=0.01)


def test_the_last_runs_count_and_earlier_ones_do_not(
    lab: Lab, tiny_models: dict[str, Path]
) -> None:
    lab.ran(tiny_models["bert"], 9.0)
    for _ in range(LATEST // 6):
        lab.ran(tiny_models["bert"], 2.0)
    known = experience(
        lab.session, Arithmetic(SPEED), "sequence-classification", str(tiny_models["bert"])
    )
    assert known.runs == LATEST
    assert (known.time, known.high) == pytest.approx((2, 1))


def test_the_queue_is_estimated_by_the_factor_of_each_model(
    lab: Lab, tiny_models: dict[str, Path]
) -> None:
    lab.ran(tiny_models["bert"], 3.0)
    lab.ran(tiny_models["llama"], 0.5)
    lab.theory(LATEST)
    arithmetic = Arithmetic(SPEED)
    for name, factor in (("bert", 3.0), ("llama", 0.5)):
        key = lab.launch(tiny_models[name])
        waiting = experiments.runs(lab.session, key)
        left = remaining(lab.session, waiting, SPEED)
        for run in waiting:
            estimate = arithmetic.cost(run.spec)
            assert estimate is not None
            assert left[run.id] == pytest.approx(max(estimate.seconds * factor, 1.0))


def test_runs_that_differ_in_seed_and_rate_alone_are_estimated_once(
    lab: Lab, tiny_models: dict[str, Path]
) -> None:
    rows = experiments.runs(lab.session, lab.launch(tiny_models["bert"], methods=["lora", "full"]))
    arithmetic = Arithmetic(SPEED)
    costs = {id(arithmetic.cost(run.spec)) for run in rows}
    assert (len(rows), len(costs)) == (12, 2)
    assert arithmetic.cost(json.loads(json.dumps(rows[0].spec))) == arithmetic.cost(rows[1].spec)
