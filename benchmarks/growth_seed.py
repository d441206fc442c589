"""Databases of 1 000 to 100 000 runs for :mod:`benchmarks.growth`, in seconds.

Rows have real shapes (specs, MiniLM's 36 layers, an environment, summaries), since how wide a row
is decides what a query costs that reads it. Per-step results are left out: no list reads them.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
from sqlalchemy import Connection, insert

from backend.storage.database import Database
from backend.storage.store import experiments, settling, summaries
from backend.storage.tables import Experiment, Note, Run, Tag, now
from benchmarks.history import METHODS, layers
from loraone.spec.experiment import ExperimentSpec, RunSpec, expand

PEOPLE = ("ana", "bo", "cem")
ENVIRONMENT = {
    "device": "CPU",
    "threads": 1,
    "python": "3.11.2",
    "packages": {"torch": "2.13.0", "transformers": "5.23.0", "peft": "0.21.2", "numpy": "2.4.0"},
    "model_sha256": "0" * 64,
    "data_sha256": "0" * 64,
}
# Of a hundred experiments so many have a run that failed, and one that was cancelled.
FAILED, CANCELLED = 6, 2


@dataclass(frozen=True)
class Shape:
    """How many runs are stored in how large experiments, and how many wait in how many."""

    runs: int
    per_experiment: int = 20
    queued: int = 0
    queued_experiments: int = 1


def fill(home: Path, shape: Shape) -> None:
    """A new database below ``home``."""
    home.mkdir(parents=True, exist_ok=True)
    database = Database(f"sqlite:///{home}/loraone.db")
    database.migrate()
    draw = np.random.default_rng(0)
    with database.engine.connect() as connection:
        connection.exec_driver_sql("PRAGMA synchronous=OFF")
        _Writer(connection, draw).write(shape)
        connection.commit()
    with database.write() as session:
        settling.settle_all(session)
    database.close()


class _Writer:
    """Rows of experiments that ended, then of those that wait."""

    def __init__(self, connection: Connection, draw: np.random.Generator) -> None:
        self._connection, self._draw = connection, draw
        self._known = layers()
        self._began = now() - timedelta(days=90)
        self._grids: dict[tuple[int, int], tuple[ExperimentSpec, list[RunSpec]]] = {}
        self._runs: list[dict[str, Any]] = []
        self._experiments: list[dict[str, Any]] = []
        self._tags: list[dict[str, Any]] = []
        self._notes: list[dict[str, Any]] = []

    def write(self, shape: Shape) -> None:
        count = shape.runs // shape.per_experiment
        step = timedelta(days=89) / max(count, 1)
        for number in range(count):
            self._experiment(number, shape.per_experiment, self._began + number * step, True)
        each = shape.queued // max(shape.queued_experiments, 1)
        for number in range(shape.queued_experiments if shape.queued else 0):
            self._experiment(count + number, each, now(), False)
        self._flush()

    def _grid(self, size: int, source: int) -> tuple[ExperimentSpec, list[RunSpec]]:
        """The grid of so many runs; one of seven data sets, two of eight are theory."""
        key = size, source
        if key not in self._grids:
            methods = METHODS[:size] if size < len(METHODS) else METHODS
            of_method = max(1, size // len(methods))
            seeds = max(1, of_method // 4)
            rates = max(1, of_method // seeds)
            while True:
                try:
                    spec = ExperimentSpec.model_validate(
                        {
                            "name": "Sweep",
                            "methods": list(methods),
                            "grid": {
                                "learning_rates": [1e-4 * 2 ** (i / 4) for i in range(rates)],
                                "seeds": list(range(seeds)),
                            },
                            "data": {"source": f"org/data-{source}"},
                        }
                    )
                    break
                except ValueError:
                    rates -= 1  # more than a launch takes
            runs = expand(spec)
            self._grids[key] = spec, runs
        return self._grids[key]

    def _experiment(self, number: int, size: int, at: datetime, ended: bool) -> None:
        key = number + 1
        given = min(size, 500)
        spec, runs = self._grid(given, number % 7)
        document = spec.model_dump(mode="json") | {"name": f"Sweep {number}"}
        row = Experiment(
            name=f"Sweep {number}", description="Which rate is best here?" * (number % 3),
            spec=document, task=spec.task, model=spec.model.id, data=spec.data.source,
        )  # fmt: skip
        experiments.index(row)
        methods = summaries.named(run.method.name for run in runs[:size])
        author = PEOPLE[number % 3]
        self._experiments.append(
            {
                "id": key, "name": row.name, "description": row.description, "spec": document,
                "search_text": row.search_text, "created_at": at, "task": row.task,
                "model": row.model, "data": row.data, "author": author,
                "starred": number % 10 == 0, "archived": number % 25 == 24, "methods": methods,
                "labels": summaries.labelled(run.label for run in runs[:size]), "run_count": size,
                "group_key": summaries.key(row.task, row.model, author, methods),
            }
        )  # fmt: skip
        self._tags += [
            {"experiment_id": key, "name": name}
            for name in {("paper", "old", "draft")[number % 3], f"week-{number % 12}"}
        ]
        if number % 2:
            note = {"experiment_id": key, "version": 1, "text": "A note.\n" * 20,
                    "author": "ana", "created_at": at}  # fmt: skip
            self._notes.append(note)
        written = 0
        while written < size:  # a queue of more runs than a grid has repeats it
            for run in runs[: size - written]:
                self._run(key, number, written, run, at, ended)
                written += 1
        if len(self._runs) >= 5000:
            self._flush()

    def _run(self, key: int, number: int, i: int, run: RunSpec, at: datetime, ended: bool) -> None:
        status, summary = "queued", None
        if ended:
            status = "succeeded"
            if i == 0 and number % 100 < FAILED:
                status = "failed"
            elif i == 1 and number % 100 < CANCELLED:
                status = "cancelled"
        begun, end = at + timedelta(seconds=20 * i), at + timedelta(seconds=20 * i + 18)
        if status == "succeeded":
            loss = float(self._draw.uniform(1, 2))
            summary = {"eval_loss": loss, "accuracy": 0.6, "train_seconds": 20.0,
                       "memory_bytes": 9e8}  # fmt: skip
        failed = {"code": "memory", "message": "out of memory"} if status == "failed" else None
        cached = self._documents(run)
        self._runs.append(
            {
                "experiment_id": key, "spec": cached, "method": run.method.name,
                "label": run.label, "rank": run.rank if run.trains_adapter else None,
                "learning_rate": run.learning_rate, "seed": run.seed, "status": status,
                "priority": 0, "attempt": int(ended), "lost": 0, "last_seq": 90 if ended else -1,
                "done": 40 if ended else 0, "total": 40 if ended else 0, "error": failed,
                "queued_at": at, "busy_seconds": 18.0 if ended else 0.0,
                "started_at": begun if ended else None, "finished_at": end if ended else None,
                "environment": ENVIRONMENT if ended else None, "device": "CPU" if ended else None,
                "layers": self._known if status == "succeeded" else None, "notes": [],
                "init_scalars": {"held_out_loss_before": 2.2} if ended else None,
                "summary": summary,
            }
        )  # fmt: skip

    def _documents(self, run: RunSpec) -> dict[str, Any]:
        cached = run.__dict__.get("_document")
        if cached is None:
            cached = run.model_dump(mode="json")
            run.__dict__["_document"] = cached
        return cached

    def _flush(self) -> None:
        for table, rows in (
            (Experiment, self._experiments), (Tag, self._tags), (Note, self._notes),
            (Run, self._runs),
        ):  # fmt: skip
            if rows:
                self._connection.execute(insert(table), rows)
                rows.clear()
