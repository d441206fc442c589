"""A server in this process whose runs are moved by hand: no lane starts, results are written."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from fastapi import FastAPI
from sqlalchemy import select

from backend.settings import AuthMode, Settings
from backend.storage.store import changes, experiments, results, runs
from backend.storage.tables import MetricRow, Run
from backend.web.app import create_app
from loraone.events import Alignment, Event, Finished, Layers, Metric, Spectra, UpdateReport
from loraone.spec.experiment import ExperimentSpec
from tests.backend.serving import serving

LAYERS = ("model.layers.0.q_proj", "model.layers.1.q_proj")


@contextmanager
def served(home: Path, auth: AuthMode = "none", **settings: Any) -> Iterator[tuple[FastAPI, str]]:
    """The app, and its address."""
    app = create_app(Settings(home=home, auth=auth, **settings))
    with serving(app) as address:
        yield app, address


def launched(app: FastAPI, *names: str) -> None:
    """Experiments of two methods, whose runs wait."""
    with app.state.database.write() as session:
        for name in names:
            spec = {"name": name, "methods": ["lora", "pissa"]}
            experiments.create(session, ExperimentSpec.model_validate(spec))


def finished(app: FastAPI, experiment: int) -> None:
    """All its runs, from beginning to end."""
    with app.state.database.write() as session:
        for i, run in enumerate(experiments.runs(session, experiment)):
            runs.begin(session, run, "CPU")
            for seq, event in enumerate(_events(i)):
                assert results.append(session, run.id, run.attempt, seq, event, Path())
    app.state.feed.wake()


def _events(i: int) -> list[Event]:
    angles = np.full((2, 4), 0.3 + i / 10, np.float32)
    column = np.array([0.2, 0.9], np.float32)
    return [
        Layers(LAYERS, (8, 8), (8, 8)),
        *(
            Spectra(layer, "gradient", np.geomspace(10.0 ** (5 * j + 1), 1, 8).astype("f4"), {})
            for j, layer in enumerate(LAYERS)
        ),
        *(
            Metric(step, {"eval_loss": 9.0 - step - i, "train_loss": 900.0 - step}, step, step)
            for step in range(0, 9, 2)
        ),
        Alignment(0, angles, angles, column),
        Alignment(8, angles, angles, column),
        UpdateReport(
            {
                "update_left": column / 20,
                "update_cosine": -column,
                "intruders": np.array([3, 40], np.float32),
            }
        ),
        Finished({"eval_loss": 1.0 - i / 10}),
    ]


def measured(app: FastAPI, experiment: int, step: int, value: float) -> None:
    """One more value of the loss of each of its runs."""
    with app.state.database.write() as session:
        for run in session.scalars(select(Run).where(Run.experiment_id == experiment)):
            row = MetricRow(
                run_id=run.id, name="eval_loss", step=step, value=value, seconds=step, tokens=step
            )
            session.add(row)
            changes.add(session, run, "metric", {"step": step})
    app.state.feed.wake()
